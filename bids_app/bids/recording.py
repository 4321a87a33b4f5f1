"""The BOLD of one run as an array."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError

from bids_app.bids.content import require_content
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import FloatArray, Geometry, ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.bids.parcel_tables import read_parcel_table
from bids_app.bids.parcels import parcel_networks
from bids_app.bids.runs import Run

# What a file that is cut off or no image at all makes nibabel, zlib and expat raise.
_BROKEN = (EOFError, OSError, ImageFileError, ValueError, IndexError, KeyError, zlib.error, ExpatError)


@dataclass(frozen=True, eq=False)
class Recording:
    """BOLD of one run: data (n_volumes, n_targets) float32, seconds from volume to volume, where the targets are.

    A target without a signal (medial wall, a missing value in any volume, the same value in all) is NaN in all volumes.
    """

    data: FloatArray
    repetition_time: float
    geometry: Geometry

    @property
    def n_volumes(self) -> int:
        """Number of volumes."""
        return len(self.data)

    @property
    def is_usable(self) -> npt.NDArray[np.bool_]:
        """Which targets have a signal (n_targets,)."""
        usable: npt.NDArray[np.bool_] = np.isfinite(self.data[0])
        return usable


def read_recording(run: Run) -> Recording:
    """Read the BOLD of a run: both hemispheres, the voxels inside the mask, or the parcels.

    A volume without a mask file is taken where it varies over time. Raises DatasetError when a file is missing, cut
    off, empty or does not fit the others, and when no target has a signal.
    """
    for path in run.files:
        require_content(path)
    data, geometry = {"surface": _read_surface, "volume": _read_volume, "parcels": _read_parcels}[run.kind](run)
    if len(data) < 2:
        raise DatasetError(f"{run.files[0]} holds {len(data)} volume(s): a time series is needed.")
    unusable = ~np.isfinite(data).all(axis=0) | (data == data[0]).all(axis=0)
    if unusable.all():
        raise DatasetError(
            f"sub-{run.subject} has no usable target in {run.files[0]}: every time course is constant (all zeros, for "
            "example) or has missing values. Leave the run out (--exclude-scans) or preprocess it again."
        )
    data[:, unusable] = np.nan
    return Recording(data, run.repetition_time, geometry)


def _broken(path: Path, error: Exception) -> DatasetError:
    return DatasetError(
        f"{path} could not be read ({type(error).__name__}: {error}): it is cut off or no image. Get or make it again."
    )


def _read_hemisphere(path: Path) -> FloatArray:
    try:
        arrays = [np.asarray(array.data, dtype=np.float32) for array in nibabel.load(path).darrays]
        # Usually one array per volume; some tools write a single one (n_vertices, n_volumes).
        return np.ascontiguousarray(arrays[0].T) if arrays[0].ndim == 2 else np.stack(arrays)
    except _BROKEN as error:
        raise _broken(path, error) from error


def _read_surface(run: Run) -> tuple[FloatArray, Geometry]:
    left, right = map(_read_hemisphere, run.files)
    if len(left) != len(right):
        raise DatasetError(
            f"{run.files[0]} has {len(left)} volumes and {run.files[1].name} {len(right)}: "
            "one hemisphere is incomplete. Get or make both again."
        )
    data = np.concatenate([left, right], axis=1)
    return data, SurfaceGeometry(run.space or "", left.shape[1], right.shape[1])


def _read_volume(run: Run) -> tuple[FloatArray, Geometry]:
    path = run.files[0]
    try:
        image = nibabel.load(path)
        grid = image.get_fdata(dtype=np.float32, caching="unchanged")
    except _BROKEN as error:
        raise _broken(path, error) from error
    if grid.ndim != 4:
        raise DatasetError(f"{path} has {grid.ndim} dimensions; BOLD has four (x, y, z, volumes).")
    mask = (grid != grid[..., :1]).any(axis=3) if run.mask is None else _read_mask(run.mask, image)
    geometry = VolumeGeometry(run.space, np.asarray(image.affine, dtype=np.float64), mask)
    return np.ascontiguousarray(grid[mask].T), geometry


def _read_mask(path: Path, bold: nibabel.Nifti1Image) -> npt.NDArray[np.bool_]:
    require_content(path)
    try:
        image = nibabel.load(path)
        mask = np.asarray(image.dataobj) > 0
    except _BROKEN as error:
        raise _broken(path, error) from error
    if mask.shape != bold.shape[:3] or not np.allclose(image.affine, bold.affine, atol=1e-3):
        raise DatasetError(
            f"The mask {path} ({mask.shape}) is not on the grid of its BOLD ({bold.shape[:3]}), or lies elsewhere: "
            "both must come from the same preprocessing."
        )
    return mask


def _read_parcels(run: Run) -> tuple[FloatArray, Geometry]:
    data, names = read_parcel_table(run.files[0])
    seg = run.seg or ""
    return data, ParcelGeometry(seg, names, parcel_networks(run.derivative, seg, names))
