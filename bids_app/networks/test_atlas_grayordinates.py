from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ScalarAxis

from bids_app.networks.atlas import load_atlas
from bids_app.networks.atlas_grayordinates import vertex_labels
from bids_app.text_files import FileError

N = 60
TABLE = {0: ("???", (0, 0, 0, 0)), 3: ("Vis", (0.5, 0, 0, 1)), 8: ("Default", (0, 0, 1, 1)), 9: ("Cont", (0, 1, 0, 1))}


def axis_of(wall_left: int, wall_right: int) -> BrainModelAxis:
    cortex = [np.arange(N) >= wall for wall in (wall_left, wall_right)]
    return (
        BrainModelAxis.from_mask(cortex[0], "CORTEX_LEFT")
        + BrainModelAxis.from_mask(cortex[1], "CORTEX_RIGHT")
        + BrainModelAxis.from_mask(np.ones((2, 2, 3), bool), "THALAMUS_LEFT", affine=np.diag([2.0, 2, 2, 1]))
    )


OWN, DATA = axis_of(5, 7), axis_of(6, 0)
VALUES = np.random.default_rng(0).choice([0, 3, 8, 9], len(OWN))


def write(
    path: Path,
    axis: BrainModelAxis = OWN,
    values: npt.NDArray[Any] = VALUES,
    rows: LabelAxis | ScalarAxis | None = None,
) -> Path:
    names = LabelAxis(["atlas"], TABLE) if rows is None else rows
    nibabel.Cifti2Image(np.asarray(values, np.float32)[None], (names, axis)).to_filename(path)
    return path


def label_at(structure: np.generic | str, vertex: int, voxel: list[int] | npt.NDArray[np.int64]) -> int:
    """Looked up one by one, in the order of the table of networks: visual, control, default."""
    same = (OWN.name == structure) & (OWN.vertex == vertex) & (OWN.voxel == voxel).all(axis=1)
    return {0: 0, 3: 1, 9: 2, 8: 3}[int(VALUES[same][0])] if same.any() else 0


def test_a_label_file_labels_cortex_and_deep_structures_target_by_target(tmp_path: Path) -> None:
    atlas = load_atlas(write(tmp_path / "own.dlabel.nii"), "cifti", "fsLR", axis=DATA)
    assert (atlas.name, atlas.network_names) == ("own", ("Visual", "FrontoparietalControl", "Default"))
    expected = [label_at(*target) for target in zip(DATA.name, DATA.vertex, DATA.voxel, strict=True)]
    np.testing.assert_array_equal(atlas.labels, expected)
    assert (atlas.labels[-12:] > 0).any()
    regions = load_atlas(tmp_path / "own.dlabel.nii", "cifti", "fsLR", axis=DATA, regions=True)
    assert regions.network_names == ("Vis", "Default", "Cont")
    assert regions.colours is not None
    np.testing.assert_allclose(regions.colours[0], [128 / 255, 0, 0])


def test_the_same_file_labels_a_surface(tmp_path: Path) -> None:
    atlas = load_atlas(write(tmp_path / "own.dlabel.nii"), "surface", "fsLR", n_vertices=(N, N))
    cortex = [(side, vertex) for side in ("LEFT", "RIGHT") for vertex in range(N)]
    expected = [label_at(f"CIFTI_STRUCTURE_CORTEX_{side}", vertex, [-1, -1, -1]) for side, vertex in cortex]
    np.testing.assert_array_equal(atlas.labels, expected)
    with pytest.raises(ValueError, match="meshes of 60 and 60 vertices and the data have 61"):
        load_atlas(tmp_path / "own.dlabel.nii", "surface", "fsLR", n_vertices=(61, 61))


def test_a_pair_of_gifti_files_labels_the_cortex_alone(tmp_path: Path) -> None:
    codes = np.random.default_rng(1).integers(0, 3, (2, N))
    for side, side_codes in zip("LR", codes, strict=True):
        array = nibabel.gifti.GiftiDataArray(side_codes.astype(np.int32), "NIFTI_INTENT_LABEL")
        image = nibabel.gifti.GiftiImage(darrays=[array])
        for key, name in enumerate(("???", "Words", "Sounds")):
            label = nibabel.gifti.GiftiLabel(key, 1, 0, 0, 1)
            label.label = name
            image.labeltable.labels.append(label)
        image.to_filename(tmp_path / f"own.{side}.label.gii")
    atlas = load_atlas(tmp_path / "own.L.label.gii", "cifti", "fsLR", axis=DATA)
    names = np.array(["", *atlas.network_names])[atlas.labels]
    stated = np.array(["", "Words", "Sounds"])[codes]
    np.testing.assert_array_equal(names, [*stated[0, 6:], *stated[1], *[""] * 12])


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "own.dlabel.nii"
    with pytest.raises(FileNotFoundError, match="no atlas file"):
        load_atlas(path, "cifti", "fsLR", axis=DATA)
    other = BrainModelAxis.from_mask(np.ones(N + 1, bool), "CORTEX_LEFT")
    write(path, other, np.full(N + 1, 3))
    with pytest.raises(ValueError, match="other meshes, or another grid"):
        load_atlas(path, "cifti", "fsLR", axis=DATA)
    write(path, rows=ScalarAxis(["r"]))
    with pytest.raises(ValueError, match="holds no labels of grayordinates"):
        load_atlas(path, "cifti", "fsLR", axis=DATA)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read as an atlas"):
        load_atlas(path, "cifti", "fsLR", axis=DATA)


def test_a_label_without_a_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.dlabel.nii"
    write(path, values=np.where(np.arange(len(OWN)) == 4, 7, VALUES))
    message = r"own\.dlabel\.nii has the label 7 at 1 positions, which its own table of names does not name"
    with pytest.raises(ValueError, match=message):
        load_atlas(path, "cifti", "fsLR", axis=DATA)
    with pytest.raises(ValueError, match=message):
        load_atlas(path, "surface", "fsLR", n_vertices=(N, N))
    write(path, rows=LabelAxis(["atlas"], {}))
    with pytest.raises(ValueError, match="a map of labels in it has no table of their names"):
        load_atlas(path, "cifti", "fsLR", axis=DATA)
    write(path, values=VALUES + 0.4)
    with pytest.raises(ValueError, match="labels must be whole numbers"):
        load_atlas(path, "cifti", "fsLR", axis=DATA)
    path.write_bytes(write(path).read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"own\.dlabel\.nii cannot be read as an atlas"):
        load_atlas(path, "cifti", "fsLR", axis=DATA)


def test_the_first_of_several_maps_is_used_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = np.stack([VALUES, np.where(VALUES == 3, 8, VALUES)]).astype(np.float32)
    names = LabelAxis(["seven", "seventeen"], [TABLE, TABLE])
    nibabel.Cifti2Image(values, (names, OWN)).to_filename(tmp_path / "two.dlabel.nii")
    atlas = load_atlas(tmp_path / "two.dlabel.nii", "cifti", "fsLR", axis=OWN)
    assert "holds 2 maps of labels: the first, seven, is used" in caplog.text
    np.testing.assert_array_equal(atlas.labels == 1, VALUES == 3)


def test_targets_without_a_label_or_a_colour(tmp_path: Path) -> None:
    values = VALUES.astype(np.float32)
    values[:4] = np.nan
    path = write(tmp_path / "own.dlabel.nii", values=values)
    path.write_bytes(path.read_bytes().replace(b'Red="0.5"', b'Red="nan"'))
    labels, regions = vertex_labels(str(path), (N, N))
    assert not (labels[5:9] > 0).any()
    assert [regions[key].colour for key in (3, 8, 9)] == [None, "#0000ff", "#00ff00"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'SurfaceNumberOfVertices="60"', b'SurfaceNumberOfVertices="9" ', "vertices that its mesh of 9 does not have"),
        (b'SurfaceNumberOfVertices="60"', b'SurfaceNumberOfVertexes="6" ', "has None vertices"),
        (b'VolumeDimensions="2,2,3"', b'VolumeDimensions="2,2,1"', "voxels outside its grid of 2 × 2 × 1"),
    ],
)
def test_targets_outside_their_mesh_or_grid(tmp_path: Path, old: bytes, new: bytes, reason: str) -> None:
    path = write(tmp_path / "own.dlabel.nii")
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    with pytest.raises(FileError, match=reason):
        vertex_labels(str(path), (N, N))
