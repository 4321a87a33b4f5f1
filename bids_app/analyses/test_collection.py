from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bids_app.analyses.collection import _say_once, collections
from bids_app.analyses.test_distance_group import (
    DISTANCES,
    ENTITIES,
    NUMBERS,
    group_maps,
    make_scores,
    settings_of,
    table_of,
    write_scores,
    writer_of,
)
from bids_app.analyses.writer import Writer
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.run.group import run_group


def test_other_distances_of_one_participant_are_an_error(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    write_scores(settings.out_dir, *make_scores(2))
    writer = writer_of(settings.out_dir, "03")
    writer.maps(
        "forecast", "r", make_scores(1)[0][0][:2], ["distance+0", "distance+4"], Distances=[0, 4], TestedDistance=4
    )
    with pytest.raises(ValueError, match=r"sub-03.*holds the maps distance\+0, distance\+4, but sub-01"):
        run_group(settings, "group")


def test_runs_of_a_participant_count_once_and_parcels_have_their_own_curves(tmp_path: Path) -> None:
    geometry = ParcelGeometry("mine", ("A", "B", "C"), ("Language", "", "Language"))
    settings, space = settings_of(tmp_path), {"space": "", "seg": "mine"}
    values = np.random.default_rng(0).standard_normal((4, len(DISTANCES), 3)).astype(np.float32)
    for scores, (label, run) in zip(values, [("01", "1"), ("01", "2"), ("02", "1"), ("03", "1")], strict=True):
        entities = {k: v for k, v in {"sub": label, **ENTITIES, **space, "run": run}.items() if v}
        writer = Writer(settings.out_dir, entities, [], NUMBERS, lambda: geometry)
        writer.maps(
            "forecast", "r", scores, [f"distance{d:+d}" for d in DISTANCES], Distances=DISTANCES, TestedDistance=4
        )
    run_group(settings, "group")
    expected = np.stack([values[:2].mean(axis=0), values[2], values[3]]).mean(axis=0)
    np.testing.assert_allclose(group_maps(settings.out_dir, "forecast", "mean")[0], expected, atol=1e-6)
    table = table_of(settings.out_dir, "forecast")
    regions = list(dict.fromkeys(zip(table["atlas"], table["region"], strict=True)))
    assert regions == [("all", "all"), ("networks", "Language"), *(("parcels", name) for name in "ABC")]
    assert (table["participants"] == 3).all()
    assert table["base"].isna().all()  # nobody left the score of the present word
    np.testing.assert_allclose(table[table["region"] == "B"]["mean"], expected[:, 1], atol=1e-6)


def _same(geometry: Geometry) -> Geometry:
    return geometry


def _write_brainscores(out_dir: Path, geometries: Sequence[Geometry]) -> None:
    for number, geometry in enumerate(geometries, start=1):
        entities = {"sub": f"{number:02d}", "task": "tale", **geometry.space_entities(), "model": "small"}
        writer = Writer(out_dir, entities, [], NUMBERS, partial(_same, geometry))
        writer.maps("brainscore", "r", np.full((1, geometry.n_targets), number, np.float32), ["layer-01"])


def volume(space: str | None, size: int) -> VolumeGeometry:
    return VolumeGeometry(space, np.eye(4), np.ones((size, 2, 2), dtype=bool))


@pytest.mark.parametrize(
    "geometries",
    [
        [SurfaceGeometry("fsnative", 5, 6), SurfaceGeometry("fsnative", 4, 7)],
        [SurfaceGeometry("fsnative", 5, 6), SurfaceGeometry("fsnative", 5, 6)],  # by chance
        [volume("T1w", 2), volume("T1w", 3)],
        [volume(None, 2), volume(None, 3)],
    ],
)
def test_spaces_of_participants_own_have_no_group(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, geometries: list[Geometry]
) -> None:
    _write_brainscores(tmp_path, geometries)
    _say_once.cache_clear()
    with caplog.at_level("INFO"):
        assert list(collections(tmp_path, "brainscore", "r")) == []
    assert "which is another space for each participant" in caplog.text


def test_volumes_without_a_space_are_a_group_where_they_share_a_grid(tmp_path: Path) -> None:
    _write_brainscores(tmp_path, [volume(None, 2), volume(None, 2)])
    (collection,) = collections(tmp_path, "brainscore", "r")
    np.testing.assert_array_equal(collection.mean(), np.full((1, 8), 1.5))


def test_who_has_another_number_of_vertices_is_named(tmp_path: Path) -> None:
    sizes = [5, 5, 6, 5]
    _write_brainscores(tmp_path, [SurfaceGeometry("fsaverage5", n, n) for n in sizes])
    expected = (
        r"\(10 targets\) of sub-01, sub-02, sub-04 and .*\(12 targets\) of sub-03\. .*--exclude-participant-label"
    )
    with pytest.raises(DatasetError, match=expected):
        list(collections(tmp_path, "brainscore", "r"))


def test_who_has_other_parcels_is_named(tmp_path: Path) -> None:
    names = [("A", "B"), ("A", "B", "C"), ("A", "B")]
    _write_brainscores(tmp_path, [ParcelGeometry("mine", parcels) for parcels in names])
    with pytest.raises(DatasetError, match=r"\(2 targets\) of sub-01, sub-03 and .*\(3 targets\) of sub-02"):
        list(collections(tmp_path, "brainscore", "r"))
