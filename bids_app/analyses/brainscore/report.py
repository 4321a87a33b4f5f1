"""Sections about scores: the brain score with its noise ceiling, the atoms' encoding, scores per network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.geometry import Geometry
from bids_app.report import bars, html
from bids_app.report.page import Sheet
from bids_app.report.panels import Panel
from bids_app.report.results import SIGNIFICANT, Analysis, Maps, mean_of, median_of, values_at
from bids_app.report.scales import position_scale, score_scale

Array = npt.NDArray[Any]

SCORE_STATS = ("r", "mean")
HELD_OUT = "held-out Pearson r"
LEAST_CEILING = 0.05  # below it, a share of the ceiling is one noise over another


def best_map(maps: Maps) -> int:
    """The map with the highest mean over targets: the best layer where a score was made for each."""
    means = [mean_of(values) for values in maps.values]
    return int(np.nanargmax(means)) if np.isfinite(means).any() else 0


def passing(analysis: Analysis, maps: Maps, what: str, row: int) -> Array | None:
    """Which targets (n_targets,) of one map have q < 0.05; None without a test."""
    q = analysis.like(maps, what, "q")
    if q is None:
        return None
    significant: Array = q[row if len(q) == len(maps.values) else 0] < SIGNIFICANT
    return significant


def brain_score(sheet: Sheet, analysis: Analysis) -> str:
    """Map of the brain score, with the noise ceiling on the same scale; the layers where there are several."""
    maps = analysis.maps("brainscore", SCORE_STATS)
    if maps is None:
        return html.missing("No brain score: this recording has no map of it (analysis brainscore).")
    row = best_map(maps)
    significant = passing(analysis, maps, "brainscore", row)
    layer = layer_of(maps.names[row])
    title = f"Brain score of layer {layer}" if layer else "Brain score"
    panels = [Panel(title, maps.values[row], significant)]
    ceiling = _ceiling(analysis, maps.geometry)
    if ceiling is not None:
        # Full colour means significant: the ceiling, which is not tested, has it where the score has it.
        panels.append(Panel("Noise ceiling: what could be reached, not a test", ceiling, significant))
    scale = score_scale([panel.values for panel in panels], HELD_OUT)
    caption = f"How well the model's hidden states predict held-out brain responses. {say_passing(panels[0], maps)}"
    if ceiling is not None:
        caption += " " + _say_ceiling(panels[0], ceiling)
    parts = [sheet.add_maps(panels, maps.geometry, scale, analysis, "brainscore", caption)]
    if ceiling is None:
        parts.append(html.missing("No noise ceiling: it needs other participants who heard the same story."))
    return "\n".join([*parts, *_layers(sheet, analysis, maps)])


def atom_encoding(sheet: Sheet, analysis: Analysis) -> str:
    """Map of the held-out score of all atoms together."""
    found = fit_of_atoms(analysis)
    if found is None:
        return html.missing("No held-out score of the atoms: this recording has no map of it (analysis networks).")
    what, maps = found
    panel = Panel("Held-out score of the atoms", maps.values[0], passing(analysis, maps, what, 0))
    caption = f"How well all atoms together predict held-out brain responses. {say_passing(panel, maps)}"
    scale = score_scale([panel.values], HELD_OUT)
    return sheet.add_maps([panel], maps.geometry, scale, analysis, analysis.variant("fit"), caption)


def fit_of_atoms(analysis: Analysis) -> tuple[str, Maps] | None:
    """The held-out score of the atoms, and what it is called: the group keeps it apart from the atoms' own maps."""
    for what, stat in ((analysis.variant("atomsfit"), "mean"), (analysis.atoms, "r")):
        maps = analysis.maps(what, [stat], several=False)
        if maps is not None:
            return what, maps
    return None


def _ceiling(analysis: Analysis, geometry: Geometry) -> Array | None:
    ceiling = analysis.maps("noiseceiling", SCORE_STATS)
    values = None if ceiling is None else values_at(ceiling, geometry)
    return None if values is None else values[0]


def _say_ceiling(score: Panel, ceiling: Array) -> str:
    """What the noise ceiling is, and how much of it the score reaches."""
    told = f"Noise ceiling: predicted from the other participants, mean r {mean_of(ceiling):.3f}; on the same scale"
    told += "." if score.passing is None else ", and in full colour where the score is."
    share = share_of_ceiling(score.values, ceiling)
    if share is None:
        return f"{told} Nowhere is it above {LEAST_CEILING:g}, so the score is not told as a share of it."
    return f"{told} Where it is above {LEAST_CEILING:g}, the mean score is {100 * share:.0f} % of the mean ceiling."


def share_of_ceiling(score: Array, ceiling: Array) -> float | None:
    """Mean score over mean ceiling, both (n_targets,), where the ceiling is above `LEAST_CEILING`; None if nowhere."""
    counted = np.isfinite(score) & (ceiling > LEAST_CEILING)
    return float(score[counted].mean() / ceiling[counted].mean()) if counted.any() else None


def _layers(sheet: Sheet, analysis: Analysis, maps: Maps) -> list[str]:
    """Where more than one layer was scored: the mean score of each, and the best layer of every target."""
    parts = []
    if len(maps.values) > 1:
        means = np.array([mean_of(values) for values in maps.values])
        names = [layer_of(name) or name for name in maps.names]
        interval = layer_intervals(analysis.table("brainscore"), maps.names)
        figure = bars.draw_scores_by_layer(means, names, "mean " + HELD_OUT, interval)
        caption = (
            f"Mean brain score of each layer over all {maps.unit}: "
            f"layer {names[best_map(maps)]} is the highest."
            + (" Band: 95 % bootstrap interval over participants." if interval else "")
        )
        parts.append(sheet.add(figure, analysis, "layers", alt=caption, caption=caption, ending="svg"))
    layer = analysis.maps("brainscore", ("layer",))
    if layer is not None and np.isfinite(layer.values).any():
        parts.append(_best_layers(sheet, analysis, layer))
    return parts


def layer_intervals(table: pd.DataFrame | None, names: Sequence[str]) -> tuple[Array, Array] | None:
    """Interval (low, high), each (n_layers,), of the mean over all targets; None without a table of the group."""
    if table is None or not {"region", "map", "low", "high"} <= set(table):
        return None
    whole = table[table["region"] == "all"].set_index("map")
    if not set(names) <= set(whole.index):
        return None
    return whole.loc[list(names), "low"].to_numpy(dtype=float), whole.loc[list(names), "high"].to_numpy(dtype=float)


def _best_layers(sheet: Sheet, analysis: Analysis, layer: Maps) -> str:
    """Map of the best layer, in full colour where the score of any layer is significant."""
    panel = Panel("Best layer", layer.values[0], passing_in_any_layer(analysis, layer))
    scale = position_scale([layer.values], "layer")
    caption = (
        "The layer that predicts each place best"
        + ("; paler where no layer is significant." if panel.passing is not None else ".")
        + f" Median: {median_of(layer.values):.0f}."
    )
    return sheet.add_maps([panel], layer.geometry, scale, analysis, "bestlayer", caption)


def passing_in_any_layer(analysis: Analysis, layer: Maps) -> Array | None:
    """Which targets (n_targets,) of the map of best layers have q < 0.05 in at least one; None without a test."""
    q = analysis.like(layer, "brainscore", "q")
    if q is None:
        return None
    significant: Array = np.asarray((q < SIGNIFICANT).max(axis=0))
    return significant


def layer_of(name: str) -> str | None:
    """The layer in the name of a map, None when it names none.

    >>> layer_of("layer-08"), layer_of("score")
    ('8', None)
    """
    match = re.fullmatch(r"(?i)layer[\s_-]*0*(\d+)", name)
    return match[1] if match else None


def say_passing(panel: Panel, maps: Maps) -> str:
    """What the colours mean, with the number of targets that pass."""
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
