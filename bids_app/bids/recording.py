"""The BOLD of one run as an array."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from nibabel.cifti2 import SeriesAxis

from bids_app.bids.cifti import load_cifti
from bids_app.bids.content import require_content
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import ParcelGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.hemispheres import read_surface
from bids_app.bids.maps import FloatArray
from bids_app.bids.parcel_tables import read_parcel_table
from bids_app.bids.parcels import parcel_networks
from bids_app.bids.runs import Run
from bids_app.bids.volumes import read_volume

_LARGEST = 1e18  # absolute value; float32 holds its square and sums of such squares


@dataclass(frozen=True, eq=False)
class Recording:
    """BOLD of one run: data (n_volumes, n_targets) float32, repetition time in seconds, geometry.

    `is_empty` (n_volumes,) marks volumes without data, see `_empty`. A target without a signal is NaN in all volumes:
    `n_constant` targets never change; `n_missing` targets (the medial wall, for example) have a volume with no value,
    an infinite value, or one whose square overflows float32.
    """

    data: FloatArray
    repetition_time: float
    geometry: Geometry
    is_empty: npt.NDArray[np.bool_]
    n_constant: int = 0
    n_missing: int = 0

    @property
    def n_volumes(self) -> int:
        """Number of volumes."""
        return len(self.data)

    @property
    def is_usable(self) -> npt.NDArray[np.bool_]:
        """Which targets have a signal (n_targets,)."""
        usable: npt.NDArray[np.bool_] = np.isfinite(self.data[np.argmin(self.is_empty)])
        return usable


def read_recording(run: Run, memory: int | None = None) -> Recording:
    """Read the BOLD of a run: both hemispheres, the voxels inside the mask, the grayordinates, or the parcels.

    Without a mask file, voxels that vary over time are read. An image whose header asks for more than `memory` (bytes;
    by default the free memory) is not read. Raises DatasetError if a file is missing, truncated, empty or does not
    match the others, and if no target has a signal.
    """
    for path in run.files:
        require_content(path)
    data, geometry = _READERS[run.kind](run, memory)
    if len(data) < 2:
        raise DatasetError(f"{run.files[0]} holds {len(data)} volume(s): a time series is needed.")
    is_empty = _empty(data)
    filled = data[~is_empty] if is_empty.any() and not is_empty.all() else data
    with np.errstate(invalid="ignore"):
        # not "any value above", because NaN compares false
        missing = ~(np.abs(filled) < _LARGEST).all(axis=0)
        constant = ~missing & (filled == filled[0]).all(axis=0)
    unusable = missing | constant
    if unusable.all():
        raise DatasetError(
            f"sub-{run.subject} has no usable target in {run.files[0]}: every time course is constant (all zeros, for "
            "example) or has missing values. Leave the run out (--exclude-scans) or preprocess it again."
        )
    data[:, unusable] = np.nan
    return Recording(data, run.repetition_time, geometry, is_empty, int(constant.sum()), int(missing.sum()))


def _empty(data: FloatArray) -> npt.NDArray[np.bool_]:
    """Which volumes (n_volumes,) are 0 or missing in all targets: AFNI writes 0 for censored volumes, others n/a."""
    return np.array([not (np.isfinite(volume) & (volume != 0)).any() for volume in data])


def _read_surface(run: Run, memory: int | None) -> tuple[FloatArray, Geometry]:
    return read_surface(run.files, run.space or "", run.density, memory)


def _read_volume(run: Run, memory: int | None) -> tuple[FloatArray, Geometry]:
    return read_volume(run.files[0], run.mask, run.space, memory)


def _read_cifti(run: Run, memory: int | None) -> tuple[FloatArray, Geometry]:
    data, geometry, rows = load_cifti(run.files[0], run.space or "", run.density, memory)
    if not isinstance(rows, SeriesAxis):
        raise DatasetError(f"{run.files[0]} holds a {type(rows).__name__}, no series in time: make it again.")
    return data, geometry


def _read_parcels(run: Run, _: int | None = None) -> tuple[FloatArray, Geometry]:
    data, names = read_parcel_table(run.files[0])
    seg = run.seg or ""
    return data, ParcelGeometry(seg, names, parcel_networks(run.derivative, seg, names))


_READERS: dict[str, Callable[[Run, int | None], tuple[FloatArray, Geometry]]] = {
    "surface": _read_surface,
    "volume": _read_volume,
    "cifti": _read_cifti,
    "parcels": _read_parcels,
}
