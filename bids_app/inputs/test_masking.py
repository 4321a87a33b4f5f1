from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
from nibabel.cifti2 import BrainModelAxis, LabelAxis

from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.inputs.masking import inside_mask, limit

RNG = np.random.default_rng(0)
BRAIN = RNG.random((4, 5, 6)) > 0.3
VOLUME = VolumeGeometry("T1w", np.eye(4), BRAIN)
SURFACE = SurfaceGeometry("fsnative", 7, 5)
PARCELS = ParcelGeometry("Tiny", ("A", "B b", "C"))
CIFTI = CiftiGeometry(
    "fsLR",
    "",
    BrainModelAxis.from_mask(np.arange(7) > 0, "CORTEX_LEFT")
    + BrainModelAxis.from_mask(np.arange(5) > 1, "CORTEX_RIGHT"),
)


def data_of(geometry: ParcelGeometry | SurfaceGeometry | VolumeGeometry) -> npt.NDArray[np.float32]:
    return RNG.standard_normal((3, geometry.n_targets)).astype(np.float32)


def write_pair(folder: Path, left: Sequence[float], right: Sequence[float]) -> Path:
    for side, half in zip("LR", (left, right), strict=True):
        array = nibabel.gifti.GiftiDataArray(np.asarray(half, dtype=np.float32))
        nibabel.gifti.GiftiImage(darrays=[array]).to_filename(folder / f"roi_hemi-{side}.shape.gii")
    return folder / "roi_hemi-R.shape.gii"


def test_a_volume_keeps_the_voxels_of_both_masks(tmp_path: Path) -> None:
    roi = RNG.random(BRAIN.shape) > 0.5
    path = tmp_path / "roi.nii.gz"
    nibabel.Nifti1Image(roi.astype(np.uint8), np.eye(4)).to_filename(path)
    data = data_of(VOLUME)
    limited, geometry = limit(data, VOLUME, path)
    assert isinstance(geometry, VolumeGeometry)
    np.testing.assert_array_equal(geometry.mask, BRAIN & roi)
    full = np.full((3, *BRAIN.shape), np.nan)
    full[:, BRAIN] = data
    np.testing.assert_array_equal(limited, full[:, BRAIN & roi])
    nibabel.Nifti1Image((~BRAIN).astype(np.uint8), np.eye(4)).to_filename(path)
    with pytest.raises(DatasetError, match="no target in common"):
        limit(data, VOLUME, path)
    nibabel.Nifti1Image(roi.astype(np.uint8), 2 * np.eye(4)).to_filename(path)
    with pytest.raises(DatasetError, match="not on the grid"):
        limit(data, VOLUME, path)


def test_a_surface_is_nan_outside_and_either_file_of_the_pair_will_do(tmp_path: Path) -> None:
    left, right = [0, 0.5, 0, 1, 0, 0, 0], [0, 2, 0, 0, 0]
    path = write_pair(tmp_path, left, right)
    data = data_of(SURFACE)
    limited, geometry = limit(data, SURFACE, path)
    assert geometry == SURFACE
    expected = np.where(np.array([*left, *right]) > 0, data, np.nan)
    np.testing.assert_array_equal(limited, expected)
    np.testing.assert_array_equal(limit(data, SURFACE, tmp_path / "roi_hemi-L.shape.gii")[0], expected)
    write_pair(tmp_path, left, right[1:])
    with pytest.raises(DatasetError, match="has 4 vertices and the data have 5"):
        limit(data, SURFACE, path)
    (tmp_path / "roi_hemi-L.shape.gii").unlink()
    with pytest.raises(DatasetError, match=r"--mask .*hemi-L"):
        limit(data, SURFACE, path)


def test_grayordinates_take_either_kind(tmp_path: Path) -> None:
    left, right = [0, 1, 0, 1, 0, 0, 0], [1, 0, 0, 1, 0]
    np.testing.assert_array_equal(inside_mask(write_pair(tmp_path, left, right), CIFTI), [*left[1:], *right[2:]])
    labels = LabelAxis(["roi"], {0: ("none", (0, 0, 0, 0)), 4: ("in", (1, 0, 0, 1))})
    path = tmp_path / "roi.dlabel.nii"
    axis = CIFTI.axis[::-1][:6]
    values = np.array([[4, 0, 0, 4, 0, 0]], dtype=np.float32)
    nibabel.Cifti2Image(values, (labels, axis)).to_filename(path)
    inside = inside_mask(path, CIFTI)
    assert set(CIFTI.keys[inside]) == set(CIFTI.keys[::-1][[0, 3]])
    other = CiftiGeometry("fsLR", "", BrainModelAxis.from_mask(np.ones(9, bool), "CORTEX_LEFT"))
    with pytest.raises(DatasetError, match="another mesh"):
        inside_mask(path, other)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.txt", "C\n\n B b \n"),
        ("m.tsv", "index\tname\n3\tC\n2\tB b\n"),
        ("m.tsv", "Label\nC\nB b\n"),
        ("m.tsv", "\tname\n\tC\n1\tB b\t\n"),
        ("m.tsv", f"name\tx\nC\t{'x' * 140_000}\nB b\n"),
    ],
)
def test_parcels_are_listed_by_name(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    np.testing.assert_array_equal(inside_mask(tmp_path / name, PARCELS), [False, True, True])


def test_lists_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "m.txt"
    path.write_text("C\nD\n")
    with pytest.raises(DatasetError, match="do not have: D; they have A"):
        inside_mask(path, PARCELS)
    path.write_text("")
    with pytest.raises(DatasetError, match="no target in common"):
        limit(data_of(PARCELS), PARCELS, path)
    table = tmp_path / "m.tsv"
    table.write_text("x\ty\n1\t2\n")
    with pytest.raises(DatasetError, match="has no column name or label"):
        inside_mask(table, PARCELS)


@pytest.mark.parametrize("geometry", [SURFACE, PARCELS, CIFTI], ids=lambda geometry: geometry.kind)
def test_masks_of_another_kind_are_refused(
    tmp_path: Path, geometry: CiftiGeometry | ParcelGeometry | SurfaceGeometry
) -> None:
    path = tmp_path / "roi.nii.gz"
    nibabel.Nifti1Image(BRAIN.astype(np.uint8), np.eye(4)).to_filename(path)
    with pytest.raises(DatasetError, match=r"does not fit data of the kind .*give "):
        inside_mask(path, geometry)
    with pytest.raises(DatasetError, match="does not exist"):
        inside_mask(tmp_path / "nothing.txt", geometry)
