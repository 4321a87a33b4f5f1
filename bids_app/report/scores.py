"""Sentences, cells and panels of scores, common to all analyses."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.catalogue import STATISTICS
from bids_app.report import html
from bids_app.report.panels import Panel
from bids_app.report.results import SIGNIFICANT, Maps, Results, mean_of

Array = npt.NDArray[Any]
SCORE_STATS = ("r", "mean")
HELD_OUT = STATISTICS["r"].label


def best_map(maps: Maps) -> int:
    """The map with the highest mean over targets: the best layer if there is a score for each."""
    means = [mean_of(values) for values in maps.values]
    return int(np.nanargmax(means)) if np.isfinite(means).any() else 0


def passing(results: Results, maps: Maps, desc: str, row: int) -> Array | None:
    """Which targets (n_targets,) of one map have q < 0.05; None without a test."""
    q = results.like(maps, desc, "q")
    if q is None:
        return None
    significant: Array = q[row if len(q) == len(maps.values) else 0] < SIGNIFICANT
    return significant


def layer_of(name: str) -> str | None:
    """The layer in the name of a map, or None.

    >>> layer_of("layer-08"), layer_of("score")
    ('8', None)
    """
    match = re.fullmatch(r"(?i)layer[\s_-]*0*(\d+)", name)
    return match[1] if match else None


def say_passing(panel: Panel, maps: Maps) -> str:
    """Meaning of the colours, with the number of significant targets."""
    unit = maps.unit
    valid = int(np.isfinite(panel.values).sum())
    weak = "hollow" if maps.geometry.kind == "parcels" else "paler"
    below = "" if maps.geometry.kind == "parcels" else "; r ≤ 0 is not coloured"
    if panel.passing is None:
        return f"Mean r {mean_of(panel.values):.3f} over {valid:,} {unit}{below}; without a test of significance."
    n_passing = int(np.count_nonzero(panel.passing))
    return (
        f"Mean r {mean_of(panel.values):.3f}; {n_passing:,} of {valid:,} {unit} have q < {SIGNIFICANT:g} "
        f"(full colour; others {weak}{below})."
    )


def score_cell(results: Results, maps: Maps | None, desc: str) -> str:
    """The mean score, and the number of targets with q < 0.05; "" without maps."""
    if maps is None:
        return ""
    row = best_map(maps)
    significant = passing(results, maps, desc, row)
    unit = maps.unit
    n_valid = int(np.isfinite(maps.values[row]).sum())
    small = f"{n_valid:,} {unit}"
    if significant is not None:
        small = f"q < 0.05 in {np.count_nonzero(significant):,} of {small}"
    return html.cell(f"{mean_of(maps.values[row]):.3f}", small)
