import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from bids_app.analyses.test_distance_group import write_labels
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.inputs import atlases
from bids_app.inputs.atlases import (
    damaged_atlases,
    files_of_atlas,
    find_regions,
    mend_atlases,
    read_atlas,
    read_regions,
    write_atlas,
    write_regions,
)
from bids_app.inputs.regions import region_targets
from bids_app.machine.claims import OtherSettingsError
from bids_app.settings import Settings

SURFACE = SurfaceGeometry("fsaverage5", 10_242, 10_242)


@pytest.fixture
def nothing_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No atlas can be had by its name."""

    def locate(names: list[str], _: object = None) -> None:
        raise FileNotFoundError(f"Atlas files not found: {names[0]}; give a local atlas with --atlas FILE")

    monkeypatch.setattr("bids_app.networks.atlas_surfaces.locate", locate)
    atlases._say_once.cache_clear()


def settings_of(folder: Path, **more: Any) -> Settings:
    return Settings(folder, folder / "out", "participant", **more)


def test_regions_that_nobody_asked_for_may_be_missing(
    tmp_path: Path, nothing_at_hand: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert find_regions(SURFACE, settings_of(tmp_path)) is None
        assert find_regions(SURFACE, settings_of(tmp_path)) is None
    (record,) = caplog.records
    assert "Destrieux2009" in record.message
    assert "--regions FILE" in record.message


def test_regions_that_were_asked_for_may_not(tmp_path: Path, nothing_at_hand: None) -> None:
    with pytest.raises(ValueError, match=r"--regions destrieux: .*--regions FILE"):
        find_regions(SURFACE, settings_of(tmp_path, regions="destrieux"))
    with pytest.raises(ValueError, match=r"--regions .*no\.annot"):
        find_regions(SURFACE, settings_of(tmp_path, regions=str(tmp_path / "lh.no.annot")))


def test_where_there_are_no_regions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    volume = VolumeGeometry("MNI152NLin6Asym", np.eye(4), np.ones((2, 2, 2), dtype=bool))
    parcels = ParcelGeometry("mine", ("A", "B"))
    assert find_regions(SURFACE, settings_of(tmp_path, regions="none")) is None
    assert find_regions(parcels, settings_of(tmp_path)) is None
    atlases._say_once.cache_clear()
    with caplog.at_level(logging.INFO):
        assert find_regions(volume, settings_of(tmp_path)) is None
    assert "on surfaces only" in caplog.text
    with pytest.raises(ValueError, match="the data are regions themselves"):
        find_regions(parcels, settings_of(tmp_path, regions="destrieux"))
    with pytest.raises(ValueError, match="on surfaces only"):
        find_regions(volume, settings_of(tmp_path, regions="destrieux"))


@pytest.fixture
def surface(tmp_path: Path) -> Settings:
    """Settings with two networks and, per hemisphere, two regions on a surface of ten vertices."""
    halves = np.tile([0, 1, 1, 2, 2], 2)
    nets = write_labels(tmp_path, "Nets", np.repeat([1, 2], 5), ["Unknown", "Words", "Sounds"])
    return settings_of(
        tmp_path, atlas=nets, regions=write_labels(tmp_path, "Parts", halves, ["Unknown", "Sulcus", "Gyrus"])
    )


def test_kept_atlases_are_read_again(surface: Settings) -> None:
    geometry = SurfaceGeometry("test", 5, 5)
    assert read_regions(geometry, surface.out_dir) is None
    write_regions(geometry, surface)
    write_atlas(geometry, surface)
    regions, networks = read_regions(geometry, surface.out_dir), read_atlas(geometry, surface.out_dir)
    assert regions is not None
    assert networks is not None
    assert regions.colours is not None
    assert regions.network_names == ("L_Sulcus", "L_Gyrus", "R_Sulcus", "R_Gyrus")
    assert regions.labels.tolist() == [0, 1, 1, 2, 2, 0, 3, 3, 4, 4]
    assert regions.colours.shape == (4, 3)
    assert networks.network_names == ("Words", "Sounds")
    kept_regions = [(*names, targets.tolist()) for *names, targets in region_targets(geometry, surface.out_dir)]
    assert kept_regions == [
        ("all", "all", list(range(10))),
        ("networks", "Words", [0, 1, 2, 3, 4]),
        ("networks", "Sounds", [5, 6, 7, 8, 9]),
        ("regions", "L_Sulcus", [1, 2]),
        ("regions", "L_Gyrus", [3, 4]),
        ("regions", "R_Sulcus", [6, 7]),
        ("regions", "R_Gyrus", [8, 9]),
    ]
    where = np.arange(10) < 3
    inside = [(region, targets.tolist()) for _, region, targets in region_targets(geometry, surface.out_dir, where)]
    assert inside == [("all", [0, 1, 2]), ("Words", [0, 1, 2]), ("L_Sulcus", [1, 2])]


def test_another_atlas_is_not_taken_for_the_one_that_is_kept(surface: Settings, tmp_path: Path) -> None:
    geometry = SurfaceGeometry("test", 5, 5)
    write_regions(geometry, surface)
    write_regions(geometry, surface)
    other = write_labels(tmp_path, "Others", np.tile([0, 1, 1, 1, 1], 2), ["Unknown", "Lobe"])
    with pytest.raises(OtherSettingsError, match="made from the atlas Parts, not Others"):
        write_regions(geometry, settings_of(tmp_path, regions=other))


@pytest.mark.parametrize(
    ("labels", "names"),
    [([0, 1, 1, 1, 2], ["Unknown", "Sulcus", "Gyrus"]), ([0, 1, 1, 2, 2], ["Unknown", "Sulci", "Gyrus"])],
)
def test_an_atlas_that_was_corrected_is_not_the_one_that_is_kept(
    surface: Settings, tmp_path: Path, labels: list[int], names: list[str]
) -> None:
    geometry = SurfaceGeometry("test", 5, 5)
    write_regions(geometry, surface)
    kept = {path: path.read_bytes() for path in (surface.out_dir / "atlases").iterdir()}
    write_labels(tmp_path, "Parts", np.tile(labels, 2), names)
    with pytest.raises(OtherSettingsError, match="was made before the atlas Parts was changed"):
        write_regions(geometry, surface)
    assert {path: path.read_bytes() for path in (surface.out_dir / "atlases").iterdir()} == kept


@pytest.mark.parametrize("content", [b"", b"<?xml"])
def test_a_kept_atlas_that_cannot_be_read_is_written_again(surface: Settings, content: bytes) -> None:
    geometry = SurfaceGeometry("test", 5, 5)
    write_regions(geometry, surface)
    path = next((surface.out_dir / "atlases").glob("hemi-R*.gii"))
    whole = path.read_bytes()
    path.write_bytes(content)
    write_regions(geometry, surface)
    assert path.read_bytes() == whole


def test_all_files_of_an_atlas(tmp_path: Path) -> None:
    pair = [tmp_path / f"{side}h.A.annot" for side in "lr"]
    for path in pair:
        path.touch()
    assert files_of_atlas(pair[1]) == pair
    volume, table = tmp_path / "V_dseg.nii.gz", tmp_path / "V_dseg.tsv"
    volume.touch()
    table.touch()
    assert files_of_atlas(volume) == [volume, table]
    assert files_of_atlas(tmp_path) == sorted([*pair, volume, table])


def test_regions_of_a_volume_serve_every_mask(tmp_path: Path) -> None:
    labels = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "A.nii.gz")
    (tmp_path / "A.tsv").write_text("index\tname\tnetwork\n" + "".join(f"{n}\tr{n}\tX\n" for n in range(1, 8)))
    settings = settings_of(tmp_path, regions=str(tmp_path / "A.nii.gz"), atlas=str(tmp_path / "A.nii.gz"))
    write_regions(VolumeGeometry("T1w", np.eye(4), labels > 5), settings)
    write_atlas(VolumeGeometry("T1w", np.eye(4), labels > 5), settings)
    mask = labels < 3
    other = VolumeGeometry("T1w", np.eye(4), mask)
    kept = read_regions(other, settings.out_dir)
    assert kept is not None
    assert kept.labels.tolist() == [0, 1, 2]
    regions = [(region, targets.tolist()) for _, region, targets in region_targets(other, settings.out_dir)]
    assert regions == [("all", [0, 1, 2]), ("X", [1, 2]), ("r1", [1]), ("r2", [2])]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [flip, lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["hemi-L*atlas*.gii", "hemi-R*regions*.gii", "hemi-R*atlas*.json"])
def test_a_kept_atlas_that_is_damaged_is_written_again(
    surface: Settings, damage: Callable[[Path], int | None], name: str
) -> None:
    geometry = SurfaceGeometry("test", 5, 5)
    write_atlas(geometry, surface)
    write_regions(geometry, surface)
    folder, asked = surface.out_dir / "atlases", []

    def ask() -> SurfaceGeometry:
        asked.append(1)
        return geometry

    mend_atlases(geometry.space_entities(), ask, surface)
    assert not asked
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (path,) = folder.glob(name)
    damage(path)
    (message,) = damaged_atlases(surface.out_dir)
    assert path.name in message
    mend_atlases(geometry.space_entities(), ask, surface)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not damaged_atlases(surface.out_dir)
