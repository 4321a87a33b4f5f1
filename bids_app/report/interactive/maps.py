"""A map of the interactive view, and its values as text that a script reads."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.report.scales import Categories, Colouring, Scale

Array = npt.NDArray[Any]
_STEPS = {2: 32_767, 1: 127}  # quantisation steps on either side of 0, by bytes per value


@dataclass(frozen=True)
class InteractiveMap:
    """A map that a reader can choose.

    Attributes
    ----------
    title, group : its name, and the heading of the list under which it stands
    values : (n_targets,), NaN for none
    geometry : where the targets are
    colouring : its colours; a `Scale`, or `Categories` with values as positions in their names
    passing : whether each target passes a test (n_targets,) bool, or None without a test
    family : number of the family or atom whose map this is, "" for other maps
    threshold : smallest absolute value that is coloured at first
    note : what the view does not show of its data, "" for nothing
    whole : the grayordinates whose cortex the geometry is, else None
    """

    title: str
    group: str
    values: Array
    geometry: Geometry
    colouring: Colouring
    passing: Array | None = None
    family: str = ""
    threshold: float = 0.0
    note: str = ""
    whole: CiftiGeometry | None = None


def quantised(values: Array, n_bytes: int = 2) -> dict[str, Any]:
    """Values (n,) as signed integers in base64, with the factor that turns them into values; the lowest one is NaN.

    A value is off by at most half a factor, which is 1/65,534 (2 bytes) or 1/254 (1 byte) of the largest value.
    """
    steps = _STEPS[n_bytes]
    finite = np.isfinite(values)
    largest = float(np.abs(values[finite]).max(initial=0.0))
    factor = largest / steps or 1.0
    levels = np.where(finite, np.round(np.where(finite, values, 0.0) / factor), -steps - 1)
    return {"bytes": n_bytes, "factor": factor, "data": encoded(levels.astype(f"<i{n_bytes}"))}


def encoded(array: Array) -> str:
    """The bytes of an array as base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def packed(mask: Array) -> str:
    """A mask (n,) bool as bits in base64, the first target in the highest bit."""
    return encoded(np.packbits(np.asarray(mask, dtype=bool)))


def described(one: InteractiveMap, shown: Array, n_bytes: int = 2) -> dict[str, Any]:
    """A map as JSON; `shown` (n,) are the positions of the targets that the view shows."""
    fields: dict[str, Any] = {
        "title": one.title,
        "group": one.group,
        "family": one.family,
        "threshold": one.threshold,
        "values": quantised(np.asarray(one.values, dtype=float)[shown], n_bytes),
        "passing": None if one.passing is None else packed(one.passing[shown]),
    }
    return fields | _colours(one.colouring)


def _colours(colouring: Colouring) -> dict[str, Any]:
    if isinstance(colouring, Categories):
        return {"kind": "categories", "label": colouring.label, "names": colouring.names, "colours": colouring.palette}
    assert isinstance(colouring, Scale)
    table = np.round(255 * np.asarray(colouring.colour_map(np.linspace(0, 1, 256)))[:, :3]).astype(np.uint8)
    return {
        "kind": colouring.kind,
        "label": colouring.label,
        "low": colouring.low,
        "high": colouring.high,
        "colours": encoded(table),
    }
