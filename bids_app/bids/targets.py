"""Bring maps of participants onto common targets, whatever their masks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bids_app.bids.alignment import placed
from bids_app.bids.geometry_base import Geometry

Floats = npt.NDArray[np.float32]


def onto(values: Floats, geometry: Geometry, reference: Geometry) -> Floats:
    """Values (n_rows, n_targets of `geometry`) on the targets of `reference`, NaN where `geometry` has none.

    Raises ValueError if the two are not the same surface, grid or parcels.
    """
    result = placed(values, geometry, reference)
    if result is not None:
        return result
    raise ValueError(
        f"maps of {geometry.described()} cannot be laid onto {reference.described()}: resample all participants to one "
        "grid or mesh"
    )


def fill(values: Floats, valid: npt.NDArray[np.bool_]) -> Floats:
    """Values (n_rows, n_valid) of the valid targets on all targets, NaN elsewhere."""
    values = np.atleast_2d(values)
    full = np.full((len(values), len(valid)), np.nan, dtype=np.float32)
    full[:, valid] = values
    return full
