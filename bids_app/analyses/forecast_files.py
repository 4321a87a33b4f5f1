"""Read the files of a forecast: curves, tested distance, significance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.report import html
from bids_app.report.curves import Curve, distance_curves, say, strongest_regions, whole
from bids_app.report.results import SIGNIFICANT, Maps, Results, values_at

Array = npt.NDArray[Any]

STATS = ("r", "mean")
MOST_REGIONS = 12


@dataclass(frozen=True)
class Forecast:
    """A forecast without its maps: tested distance, width of the window, curves."""

    tested: int | None
    window: int | None
    curves: tuple[Curve, ...]
    distances: pd.DataFrame | None  # the group's table of d* per region

    @property
    def whole(self) -> Curve | None:
        """The curve over all targets."""
        return whole(self.curves)

    @property
    def strongest(self) -> list[Curve]:
        """The regions with the largest gain from words ahead."""
        return strongest_regions(self.curves, self.tested, self.distances, MOST_REGIONS)


def read_forecast(results: Results, desc: str = "forecast") -> Forecast:
    """Read the tables and sidecars of a score over distances."""
    table, distances = results.table(desc), results.table(f"{desc}distance")
    window = results.noted(_files(desc), "Window", "window")
    curves = () if table is None else tuple(distance_curves(table, distances))
    return Forecast(tested_distance(results, desc), None if window is None else int(window), curves, distances)


def tested_distance(results: Results, desc: str) -> int | None:
    """The distance at which F was tested, None if no file has it."""
    tested = results.noted(_files(desc), "TestedDistance", "tested_distance")
    return None if tested is None else int(tested)


def _files(desc: str) -> tuple[str, ...]:
    return f"{desc}contrast", desc, f"{desc}depth"


def gain(value: float) -> str:
    """A forecast score with its sign.

    >>> gain(0.00412), gain(-0.001), gain(-1e-6), gain(float("nan"))
    ('+0.0041', '−0.0010', '0.0000', '–')
    """
    if np.isnan(value):
        return "–"
    return f"{value:+.4f}".replace("-", "−") if abs(value) >= 0.00005 else "0.0000"


def share(value: float) -> str:
    """A share in per cent with its sign.

    >>> share(0.123), share(-0.05), share(-0.001)
    ('+12 %', '−5 %', '0 %')
    """
    return f"{100 * value:+.0f} %".replace("-", "−") if abs(value) >= 0.005 else "0 %"


def map_name(distance: float) -> str:
    """The name of the map of one distance.

    >>> map_name(8), map_name(-3), map_name(0)
    ('distance+8', 'distance-3', 'distance+0')
    """
    return f"distance{int(distance):+d}"


def passing_at(results: Results, maps: Maps, desc: str, name: str) -> Array | None:
    """Which targets (n_targets,) have q < 0.05 in the map `name` of the test; None if that map was not tested."""
    test = results.maps(desc, ["q"])
    if test is None or name not in test.names:
        return None
    q = values_at(test, maps.geometry)
    return None if q is None else np.asarray(q[test.names.index(name)] < SIGNIFICANT)


GREY = "#5c6773"


def say_shown(test: Array, maps: Maps, score: str) -> str:
    """Sentence on the targets in full colour in a map of best distances or layers."""
    weak = "hollow" if maps.geometry.kind == "parcels" else "paler"
    if not test.any():
        return f" {score} is nowhere significant (q < {SIGNIFICANT:g}), so all is {weak}: noise decides."
    return f" Full colour where {score} has q < {SIGNIFICANT:g}, {weak} elsewhere, where noise decides."


def say_interval(curve: Curve, unit: str, times: float = 1) -> str:
    """The unit of a peak, with the ends of its interval if it has one."""
    low, high = (np.round(times * end) for end in curve.peak_interval)
    return f"{unit}; 95 % interval {say(low)} to {say(high)}" if np.isfinite(low) else unit


def peak_cell(curve: Curve | None) -> str:
    """HTML of d* in words for the summary table: "none" with the reason if the curve shows no forecast."""
    if curve is None or not np.isfinite(curve.peak):
        return ""
    if curve.without_forecast:
        return html.cell("none", curve.without_forecast)
    return html.cell(say(curve.peak), say_interval(curve, "words"))
