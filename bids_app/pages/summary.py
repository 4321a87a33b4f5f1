"""The head of a report: the numbers that matter, one line per analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.analyses.brainscore.report import (
    SCORE_STATS,
    best_map,
    fit_of_atoms,
    layer_of,
    passing,
    passing_in_any_layer,
)
from bids_app.analyses.depth.report import read_depth
from bids_app.analyses.forecast.results import gain, map_name, read_forecast, share
from bids_app.analyses.networks.link_tables import read_links
from bids_app.analyses.networks.report import linked_networks
from bids_app.report import html
from bids_app.report.curves import Curve, say, whole
from bids_app.report.results import SIGNIFICANT, Analysis, Maps, mean_of

Array = npt.NDArray[Any]

_NONE = ""


def glance(analyses: Sequence[Analysis], titles: Sequence[str]) -> str:
    """A table with one row per analysis; numbers that no analysis has get no column, "" without any."""
    rows = [_cells(analysis) for analysis in analyses]
    names = [name for name in rows[0] if any(row[name] for row in rows)] if rows else []
    if not names:
        return ""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in ["", *names])
    body = "\n".join(
        f'<tr><th scope="row">{html.escape(title)}</th>{"".join(row[name] or "<td>–</td>" for name in names)}</tr>'
        for row, title in zip(rows, titles, strict=True)
    )
    table = f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>"
    return f'<div class="scroll"><table class="glance">{table}</table></div>'


def _cells(analysis: Analysis) -> dict[str, str]:
    """The cells of a row by their headings, "" for what the analysis does not have."""
    score = analysis.maps("brainscore", SCORE_STATS)
    what, atoms = fit_of_atoms(analysis) or ("", None)
    return {
        "Brain score, mean r": _score_cell(analysis, score, "brainscore"),
        "Best layer": _layer_cell(analysis, score),
        **_forecast_cells(analysis),
        "Atoms, mean held-out r": _score_cell(analysis, atoms, what),
        "Atom–network links": _links_cell(analysis),
    }


def _forecast_cells(analysis: Analysis) -> dict[str, str]:
    """F at the tested distance, d* of the curve over all targets, k*."""
    forecast = read_forecast(analysis)
    curve, depth = forecast.whole, whole(read_depth(analysis))
    cells = dict.fromkeys(("Forecast score F", "Distance d* of the curve", "Depth k*"), _NONE)
    if curve is not None and forecast.tested is not None and np.isfinite(curve.at(forecast.tested)):
        score = curve.at(forecast.tested)
        part = curve.share_of_base(score)
        small = f"at distance {forecast.tested}" + (f", {share(part)} of R" if np.isfinite(part) else "")
        cells["Forecast score F"] = _cell(gain(score), small + _significant(analysis, map_name(forecast.tested)))
    if curve is not None and np.isfinite(curve.peak):
        cells["Distance d* of the curve"] = _cell(say(curve.peak), _say_interval(curve, "words"))
    if depth is not None and np.isfinite(depth.peak):
        cells["Depth k*"] = _cell(f"{100 * depth.peak:.0f} %", _say_interval(depth, "of the depth", 100))
    return cells


def _significant(analysis: Analysis, name: str) -> str:
    """How many targets have a significant F, "" without a test."""
    test = analysis.maps("forecast", ["q"])
    q = None if test is None else test.named(name)
    if test is None or q is None:
        return ""
    return f"; q < {SIGNIFICANT:g} in {np.count_nonzero(q < SIGNIFICANT):,} of {np.isfinite(q).sum():,} {test.unit}"


def _say_interval(curve: Curve, unit: str, times: float = 1) -> str:
    low, high = (np.round(times * end) for end in curve.peak_interval)
    return f"{unit}; 95 % interval {say(low)} to {say(high)}" if np.isfinite(low) else unit


def _score_cell(analysis: Analysis, maps: Maps | None, what: str) -> str:
    if maps is None:
        return _NONE
    row = best_map(maps)
    significant = passing(analysis, maps, what, row)
    unit = maps.unit
    n_valid = int(np.isfinite(maps.values[row]).sum())
    small = f"{n_valid:,} {unit}"
    if significant is not None:
        small = f"q < 0.05 in {np.count_nonzero(significant):,} of {small}"
    return _cell(f"{mean_of(maps.values[row]):.3f}", small)


def _links_cell(analysis: Analysis) -> str:
    table = analysis.table(analysis.atoms)
    if table is None or table.empty:
        return _NONE
    parts = read_links(table)
    n_links = sum(int(part.linked.sum()) for part in parts)
    n_atoms = int(np.any([part.linked.any(axis=1) for part in parts], axis=0).sum())
    n_networks = len(linked_networks(parts))
    return _cell(
        str(n_links), f"{n_atoms} of {len(parts[0].atoms)} atoms, {n_networks} of {len(parts[0].networks)} networks"
    )


def _layer_cell(analysis: Analysis, score: Maps | None) -> str:
    """The layer that is best for most targets, or else the one that was scored."""
    layer = analysis.maps("brainscore", ("layer",))
    if layer is not None and np.isfinite(layer.values).any():
        return _most_frequent(analysis, layer)
    name = None if score is None else layer_of(score.names[best_map(score)])
    if score is None or name is None:
        return _NONE
    return _cell(name, "highest mean r" if len(score.values) > 1 else "the one that was scored")


def _most_frequent(analysis: Analysis, layer: Maps) -> str:
    """The most frequent best layer, among significant targets where there are any."""
    significant = passing_in_any_layer(analysis, layer)
    unit = layer.unit
    best = layer.values[0]
    if significant is not None and np.isfinite(best[significant]).any():
        best, unit = best[significant], f"significant {unit}"
    layers, counts = np.unique(best[np.isfinite(best)], return_counts=True)
    share = 100 * counts.max() / counts.sum()
    return _cell(f"{layers[counts.argmax()]:.0f}", f"best in {share:.0f} % of {unit}")


def _cell(large: str, small: str) -> str:
    return f"<td>{html.escape(large)}<small>{html.escape(small)}</small></td>"
