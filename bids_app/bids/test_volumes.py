import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.volumes import read_volume

GRID = np.random.default_rng(0).standard_normal((3, 4, 5, 6)).astype(np.float32)
INSIDE = np.indices((3, 4, 5)).sum(axis=0) % 2 > 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sub-1_bold.nii.gz"


def write(path: Path, data: npt.NDArray[Any], affine: npt.NDArray[np.float64] | None = None) -> Path:
    nibabel.Nifti1Image(data, np.eye(4) if affine is None else affine).to_filename(path)
    return path


@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (3, 4, 5, 1, 6), (3, 4, 5, 6, 1), (3, 4, 5, 1, 1, 6)])
def test_dimensions_of_length_one_are_passed_over(path: Path, tmp_path: Path, shape: tuple[int, ...]) -> None:
    mask = write(tmp_path / "mask.nii.gz", INSIDE.astype(np.uint8))
    data, geometry = read_volume(write(path, GRID.reshape(shape)), mask, "T1w")
    np.testing.assert_array_equal(data, GRID[INSIDE].T)
    np.testing.assert_array_equal(geometry.mask, INSIDE)


@pytest.mark.parametrize(("shape", "message"), [((3, 4, 30), "has 3 dim"), ((3, 4, 5, 2, 3), "split it into one file")])
def test_shapes_that_are_no_series(path: Path, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_volume(write(path, GRID.reshape(shape)), None, "T1w")


def test_one_volume_has_one_row(path: Path) -> None:
    assert read_volume(write(path, GRID[..., :1]), None, "T1w")[0].shape[0] == 1


def test_numbers_that_are_no_bold_are_refused_by_name(path: Path) -> None:
    with pytest.raises(DatasetError, match="holds complex numbers"):
        read_volume(write(path, GRID.astype(np.complex64)), None, "T1w")
    colours = np.zeros((3, 4, 5, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(DatasetError, match=r"holds colours \(RGB\)"):
        read_volume(write(path, colours), None, "T1w")


def test_a_slope_of_zero_is_no_scaling(path: Path) -> None:
    values = (GRID * 1000).astype(np.int16)
    image = nibabel.Nifti1Image(values, np.eye(4))
    image.to_filename(path)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[112:120] = np.array([0, 0], dtype="<f4").tobytes()  # scl_slope and scl_inter
    path.write_bytes(gzip.compress(bytes(content)))
    data, _ = read_volume(path, None, "T1w")
    np.testing.assert_array_equal(data, values.reshape(-1, 6).T)


def lie(path: Path, dims: tuple[int, int, int, int], packed: bool) -> None:
    """A header that says other dimensions than there are values."""
    content = bytearray(path.read_bytes() if not packed else gzip.decompress(path.read_bytes()))
    content[40:50] = np.array([4, *dims], dtype="<i2").tobytes()
    path.write_bytes(gzip.compress(bytes(content)) if packed else bytes(content))


@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz"])
def test_headers_that_ask_for_more_than_the_file_can_hold(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, GRID)
    lie(path, (1000, 1000, 1000, 30_000), name.endswith("gz"))
    with pytest.raises(DatasetError, match=r"says 1000 × 1000 × 1000 × 30000 values \(120,000.0 GB\), more than"):
        read_volume(path, None, "T1w")


def test_what_needs_more_than_the_memory_is_not_read(path: Path) -> None:
    write(path, np.zeros((40, 40, 40, 20), dtype=np.int16))
    needed = 40**3 * 20 * (2 + 4)
    assert read_volume(path, None, "T1w", memory=needed)[0].shape == (20, 0)
    with pytest.raises(DatasetError, match=r"needs 7\.7 MB of memory .* and 7\.7 MB are free"):
        read_volume(path, None, "T1w", memory=needed - 1)


def test_the_mask_is_compared_before_anything_is_read(path: Path, tmp_path: Path) -> None:
    write(path, np.zeros((40, 40, 40, 20), dtype=np.int16))
    mask = write(tmp_path / "mask.nii.gz", INSIDE.astype(np.uint8))
    with pytest.raises(DatasetError, match="is not on the grid of its BOLD"):
        read_volume(path, mask, "T1w", memory=1)


def test_masks(path: Path, tmp_path: Path) -> None:
    write(path, GRID)
    mask = tmp_path / "mask.nii.gz"
    data, _ = read_volume(path, write(mask, INSIDE[..., np.newaxis].astype(np.float32)), "T1w")
    np.testing.assert_array_equal(data, GRID[INSIDE].T)
    for empty in (np.zeros((3, 4, 5)), np.full((3, 4, 5), np.nan), -np.ones((3, 4, 5))):
        with pytest.raises(DatasetError, match=r"mask\.nii\.gz is empty"):
            read_volume(path, write(mask, empty), "T1w")
    with pytest.raises(DatasetError, match="lies elsewhere"):
        read_volume(path, write(mask, INSIDE.astype(np.uint8), np.diag([-1.0, 1, 1, 1])), "T1w")
    mask.write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"mask\.nii\.gz could not be read"):
        read_volume(path, mask, "T1w")


@pytest.mark.parametrize(
    ("origin", "message"), [(np.nan, "does not say where its voxels lie"), (0.0, "gives its voxels no size")]
)
def test_a_header_without_an_origin_is_refused(path: Path, origin: float, message: str) -> None:
    header = nibabel.Nifti1Image(GRID, np.eye(4)).header
    header["srow_x"], header["qform_code"] = origin, 0
    nibabel.Nifti1Image(GRID, None, header).to_filename(path)
    with pytest.raises(DatasetError, match=rf"sub-1_bold\.nii\.gz: the header {message}"):
        read_volume(path, None, "MNI152NLin6Asym")
