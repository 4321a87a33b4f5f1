"""Sentences, cells and panels of scores, common to all analyses."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.catalogue import STATISTICS, parcels_desc
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
    q = corrected(results, maps, desc)
    if q is None:
        return None
    significant: Array = q[row if len(q) == len(maps.values) else 0] < SIGNIFICANT
    return significant


def corrected(results: Results, maps: Maps, desc: str) -> Array | None:
    """q (n_maps, n_targets) of these maps, None without a test.

    Of a group too small for a test of the mean, it is that of an effect in at least half of the participants.
    """
    q = of_majority(results, maps, desc)
    return results.like(maps, desc, "q") if q is None else q


def of_majority(results: Results, maps: Maps, desc: str) -> Array | None:
    """q (n_maps, n_targets) of an effect in at least half of few participants; None where it was not tested."""
    q = results.like(maps, desc, "qmajority")
    return None if q is None or len(q) != len(maps.values) else q


def share_of_parcels(results: Results, maps: Maps, desc: str, row: int) -> float | None:
    """Share of targets whose parcel has q < 0.05 by its mean response; None where no parcels were tested.

    All parcels have as many targets, but for one, so this is the share of parcels too.
    """
    q = results.like(maps, parcels_desc(desc), "q")
    if q is None or not np.isfinite(q).any():
        return None
    of_map = q[row if len(q) == len(maps.values) else 0]
    return float((of_map[np.isfinite(of_map)] < SIGNIFICANT).mean())


def parcel_panels(results: Results, maps: Maps, desc: str, row: int) -> list[Panel]:
    """The panel of the parcels' scores; none where no parcels were tested."""
    r, q = (results.like(maps, parcels_desc(desc), stat) for stat in "rq")
    if r is None or q is None:
        return []
    number = row if len(q) == len(maps.values) else 0
    return [Panel("Mean response of each parcel", r[number], q[number] < SIGNIFICANT)]


def say_parcels(results: Results, maps: Maps, desc: str, row: int) -> str:
    """How targets were tested: inside parcels, or for a majority of few participants; "" for a test of each."""
    if of_majority(results, maps, desc) is not None:
        return " Participants are too few for a test of their mean: q is that of an effect in at least half of them."
    share = share_of_parcels(results, maps, desc, row)
    if share is None:
        return ""
    return (
        f" Parcels of about 50 neighbouring {maps.unit} were tested first, by their mean response: {100 * share:.0f} % "
        f"have q < {SIGNIFICANT:g}, and {maps.unit} were tested inside these."
    )


def share_in_panel(results: Results) -> float | None:
    """The share of the ceiling in the group's evidence panel, the mean over participants; None where there is none.

    The sentence above the panel says the same number; that of the mean maps differs.
    """
    table = results.table("evidence")
    if table is None or "low" not in table:  # a participant's panel has no interval, and the number of its maps
        return None
    rows = table[(table["claim"] == "brain score") & (table["check"] == "share of the ceiling")]
    values = rows["value"].to_numpy(dtype=float)
    return float(values[0]) if len(values) and np.isfinite(values[0]) else None


def layer_of(name: str) -> str | None:
    """The layer in the name of a map, or None.

    >>> layer_of("layer-08"), layer_of("score")
    ('8', None)
    """
    match = re.fullmatch(r"(?i)layer[\s_-]*0*(\d+)", name)
    return match[1] if match else None


def say_passing(panel: Panel, maps: Maps, *, signed: bool = False) -> str:
    """Meaning of the colours, with the number of significant targets; a `signed` scale has colours below 0 too."""
    unit = maps.unit
    valid = int(np.isfinite(panel.values).sum())
    weak = "hollow" if maps.geometry.kind == "parcels" else "paler"
    below = "" if signed or maps.geometry.kind == "parcels" else "; r ≤ 0 is not coloured"
    if panel.passing is None:
        return f"Mean r {mean_of(panel.values):.3f} over {valid:,} {unit}{below}; without a test of significance."
    n_passing = int(np.count_nonzero(panel.passing if signed else panel.passing & (panel.values > 0)))
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
        small = f"q < 0.05 in {np.count_nonzero(significant & (maps.values[row] > 0)):,} of {small}"
        if of_majority(results, maps, desc) is not None:
            small += ", in at least half of the participants"
        share = share_of_parcels(results, maps, desc, row)
        if share is not None:
            small += f" and in {100 * share:.0f} % of parcels"
    return html.cell(f"{mean_of(maps.values[row]):.3f}", small)
