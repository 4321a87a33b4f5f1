"""Tables of forecast scores as curves: F over the distance of the window, F over the depth of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]

WHOLE = "all"
NAN = float("nan")
_MARGIN = 1e-9
_MOST_PARCELS = 30
_LEAST_BASE = 0.005  # the share of a smaller R is a ratio of noise


@dataclass(frozen=True)
class Curve:
    """A score over an axis in one region, sorted by the axis.

    `x` and `y` (n,); `low` and `high` (n,) are the interval over participants, NaN without one. `peak` is the x of the
    highest y, with an interval if available. `level` is the score (mean, low, high) of windows of random
    words, `base` the score R of the present word alone; both NaN if the table has none.
    """

    atlas: str
    region: str
    x: Array
    y: Array
    low: Array
    high: Array
    peak: float
    peak_interval: tuple[float, float] = (NAN, NAN)
    level: tuple[float, float, float] = (NAN, NAN, NAN)
    base: float = NAN
    model: str = ""

    @property
    def name(self) -> str:
        """The name of the region for readers."""
        return "everywhere" if self.region == WHOLE else self.region

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval over participants."""
        return bool(np.isfinite(self.low).any())

    def at(self, x: float | None) -> float:
        """The score at a position of the axis, NaN without one."""
        indices = np.zeros(0, int) if x is None else np.flatnonzero(np.abs(self.x - x) < _MARGIN)
        return float(self.y[indices[0]]) if len(indices) else NAN

    def best_below(self, x: float) -> tuple[float, float]:
        """The highest score below a position of the axis, and its position; NaN without one."""
        y = np.where(self.x < x, self.y, np.nan)
        if not np.isfinite(y).any():
            return NAN, NAN
        best = int(np.nanargmax(y))
        return float(y[best]), float(self.x[best])

    @property
    def without_forecast(self) -> str:
        """Why the curve shows no forecast, in a clause; "" if it is highest ahead, above 0 and random words."""
        highest, random = self.at(self.peak), self.level[0]
        if not highest > max(0, np.nan_to_num(random)):
            return f"F is nowhere above {'random words' if random > 0 else '0'}"
        return "" if self.peak > 0 else f"F is highest at d = {say(self.peak)}, not ahead"

    def share_of_base(self, score: float) -> float:
        """A score as a share of R, NaN if R is too near 0."""
        return score / self.base if self.base >= _LEAST_BASE else NAN


def say(position: float) -> str:
    """A position on an axis, formatted for readers.

    >>> say(-3.0), say(8), say(2.5)
    ('−3', '8', '2.5')
    """
    return f"{position:.3g}".replace("-", "−")


def distance_curves(table: pd.DataFrame, peaks: pd.DataFrame | None = None) -> list[Curve]:
    """The curves of a table with the columns atlas, region, window, distance, r (or mean, low, high), base.

    `peaks` is the group's table of distances (`group_curve`, `low`, `high` per region), for the intervals of d*.
    """
    curves = []
    for (atlas, region), rows in table.groupby(["atlas", "region"], sort=False):
        windows = rows[rows["window"] == "distance"]
        curve = _curve(str(atlas), str(region), windows, "distance")
        random = rows[rows["window"] == "random"]
        level = tuple(column(random, name)[0] for name in ("y", "low", "high")) if len(random) else (NAN, NAN, NAN)
        base = float(rows["base"].mean())
        curves.append(_with_peak(replace(curve, level=level, base=base), peaks))
    return curves


def depth_curves(table: pd.DataFrame, peaks: pd.DataFrame | None = None, model: str = "") -> list[Curve]:
    """The curves of a table with the columns atlas, region, layer, fraction, r (or mean, low, high).

    `peaks` is the group's table of best layers, whose interval is in layers.
    """
    curves = []
    for (atlas, region), rows in table.groupby(["atlas", "region"], sort=False):
        curve = replace(_curve(str(atlas), str(region), rows, "fraction"), model=model)
        curves.append(_with_peak(curve, peaks))
    return curves


def column(rows: pd.DataFrame, name: str) -> Array:
    """A column of a participant's or of the group's table: `y` is `r` or `mean`; NaN if the table lacks it."""
    present = next((candidate for candidate in ({"y": ("mean", "r")}.get(name, (name,))) if candidate in rows), None)
    return np.full(len(rows), np.nan) if present is None else rows[present].to_numpy(dtype=float)


def _curve(atlas: str, region: str, rows: pd.DataFrame, axis: str) -> Curve:
    rows = rows.sort_values(axis)
    x, y, low, high = (column(rows, name) for name in (axis, "y", "low", "high"))
    peak = float(x[np.nanargmax(y)]) if np.isfinite(y).any() else NAN
    return Curve(atlas, region, x, y, low, high, peak)


def _with_peak(curve: Curve, peaks: pd.DataFrame | None) -> Curve:
    """The curve with the interval of its peak, converted from layers to fractions of depth if needed."""
    row = row_of(peaks, curve)
    if row is None:
        return curve
    step = float(row["fraction"] / row["group_curve"]) if "fraction" in row else 1.0
    low, high = (float(row[name]) * step for name in ("low", "high"))
    return replace(curve, peak_interval=(low, high))


def row_of(table: pd.DataFrame | None, curve: Curve) -> Any:
    """The row of a table for the region of the curve, or None."""
    if table is None:
        return None
    indices = np.flatnonzero((table["atlas"].to_numpy() == curve.atlas) & (table["region"].to_numpy() == curve.region))
    return table.iloc[indices[0]] if len(indices) else None


def whole(curves: Sequence[Curve]) -> Curve | None:
    """The curve over all targets."""
    return next((curve for curve in curves if curve.region == WHOLE), None)


def networks(curves: Sequence[Curve]) -> list[Curve]:
    """The curves of the networks of the atlas."""
    return [curve for curve in curves if curve.atlas == "networks"]


def charted_atlas(atlases: Sequence[str]) -> str:
    """The atlas whose regions get a chart each: networks, or else parcels if they are few.

    >>> charted_atlas(["all", "networks", "parcels"]), charted_atlas(["all", "parcels"])
    ('networks', 'parcels')
    """
    few = "networks" not in atlases and 0 < list(atlases).count("parcels") <= _MOST_PARCELS
    return "parcels" if few else "networks"


def strongest_regions(
    curves: Sequence[Curve], tested: float | None, contrasts: pd.DataFrame | None, most: int
) -> list[Curve]:
    """The regions (or else parcels) with the largest gain from words ahead, largest F(tested) − F(0) first."""
    for atlas in ("regions", "parcels"):
        scored = [(contrast(curve, tested, contrasts), curve) for curve in curves if curve.atlas == atlas]
        scored_curves = [(score, curve) for score, curve in scored if np.isfinite(score)]
        if scored_curves:
            return [curve for _, curve in sorted(scored_curves, key=lambda pair: -pair[0])[:most]]
    return []


def contrast(curve: Curve, tested: float | None, contrasts: pd.DataFrame | None = None) -> float:
    """F(tested) − F(0) of a region: from the group's table, or else from the curve."""
    row = row_of(contrasts, curve)
    return float(row["contrast"]) if row is not None else curve.at(tested) - curve.at(0)
