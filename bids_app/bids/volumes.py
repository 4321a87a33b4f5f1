"""BOLD and masks in NIfTI volumes."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.affines import problem_of_affine
from bids_app.bids.content import require_content
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import VolumeGeometry
from bids_app.bids.image_files import check_numbers, check_size, reading, to_the_end
from bids_app.bids.maps import FloatArray
from bids_app.cifti_files import load_image


def read_volume(
    path: Path, mask_path: Path | None, space: str | None, memory: int | None = None
) -> tuple[FloatArray, VolumeGeometry]:
    """BOLD (n_volumes, n_voxels) of the voxels in the mask or, without a mask, of those that vary.

    A fifth dimension of length one is ignored. Before reading, the header is compared with the size of the file, the
    memory (bytes) and the mask. Raises DatasetError.
    """
    with reading(path):
        image = load_image(path)
        shape = _shape_of_series(path, image)
        check_numbers(path, image)
    if problem := problem_of_affine(image.affine):
        raise DatasetError(f"{path}: {problem}; correct its sform or qform, or preprocess it again.")
    mask = None if mask_path is None else read_mask(mask_path, shape[:3], image.affine)
    with reading(path):
        check_size(path, image, memory)
        with to_the_end(path, image) as stream:
            grid = stream.get_fdata(dtype=np.float32, caching="unchanged").reshape(shape)
    if mask is None:
        mask = (grid != grid[..., :1]).any(axis=3)
    geometry = VolumeGeometry(space, np.asarray(image.affine, dtype=np.float64), mask)
    return np.ascontiguousarray(grid[mask].T), geometry


def _shape_of_series(path: Path, image: Any) -> tuple[int, ...]:
    """x, y, z and volumes, ignoring other dimensions of length one."""
    shape = tuple(int(size) for size in image.shape)
    if len(shape) < 4:
        raise DatasetError(
            f"{path} has {len(shape)} dimensions; BOLD has four (x, y, z, volumes): is it a single volume?"
        )
    series = [size for size in shape[3:] if size != 1] or [1]
    if len(series) > 1:
        raise DatasetError(
            f"{path} has the shape {shape}; BOLD has four dimensions (x, y, z, volumes): split it into one file for "
            "each series."
        )
    return (*shape[:3], series[0])


def read_mask(path: Path, grid: tuple[int, ...], affine: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Which voxels of a grid (x, y, z) are in a mask (above 0).

    Raises DatasetError for a mask on another grid and for an empty mask.
    """
    require_content(path)
    with reading(path):
        image = load_image(path)
        shape = tuple(image.shape[:3]) if all(size == 1 for size in image.shape[3:]) else tuple(image.shape)
        check_numbers(path, image)
        if shape != tuple(grid[:3]) or not np.allclose(image.affine, affine, atol=1e-3):
            raise DatasetError(
                f"The mask {path} ({shape}) is not on the grid of its BOLD ({tuple(grid[:3])}), or lies elsewhere: "
                "both must come from the same preprocessing."
            )
        check_size(path, image)
        mask: npt.NDArray[np.bool_] = (np.asarray(image.dataobj) > 0).reshape(shape)
    if not mask.any():
        raise DatasetError(f"The mask {path} is empty (no voxel above 0): make it again, or give another.")
    return mask
