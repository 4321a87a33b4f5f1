"""Bring maps of participants onto the same targets, whatever their masks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bids_app.bids.geometry import Geometry, VolumeGeometry

Floats = npt.NDArray[np.float32]


def onto(values: Floats, geometry: Geometry, reference: Geometry) -> Floats:
    """Values (n_rows, n_targets of `geometry`) on the targets of `reference`, NaN where `geometry` has none.

    Raises ValueError when the two are not the same surface, grid or parcels.
    """
    if geometry.same_targets(reference):
        return values
    if not (isinstance(geometry, VolumeGeometry) and isinstance(reference, VolumeGeometry)):
        raise ValueError(f"maps of {geometry} cannot be laid onto {reference}: resample one to the space of the other")
    if not geometry.same_grid(reference):
        raise ValueError(
            f"volumes of shape {geometry.mask.shape} and {reference.mask.shape} lie on different grids: "
            "resample all participants to one grid"
        )
    grid = np.full((len(values), geometry.mask.size), np.nan, dtype=np.float32)
    grid[:, geometry.mask.ravel()] = values
    return np.ascontiguousarray(grid[:, reference.mask.ravel()])


def fill(values: Floats, valid: npt.NDArray[np.bool_]) -> Floats:
    """Values (n_rows, n_valid) of the valid targets on all targets, NaN elsewhere."""
    values = np.atleast_2d(values)
    full = np.full((len(values), len(valid)), np.nan, dtype=np.float32)
    full[:, valid] = values
    return full
