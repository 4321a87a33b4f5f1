"""Sections about scores: the brain score with its noise ceiling, the atoms' encoding, scores per network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.geometry_base import Geometry
from bids_app.report import bars, html, scores
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import SIGNIFICANT, Maps, Results, mean_of, median_of, values_at
from bids_app.report.scales import position_scale, score_scale
from bids_app.report.scores import (
    HELD_OUT,
    SCORE_STATS,
    best_map,
    layer_of,
    of_majority,
    parcel_panels,
    passing,
    say_parcels,
    say_passing,
    share_in_panel,
    share_of_parcels,
)

Array = npt.NDArray[Any]

LEAST_CEILING = 0.05  # below it, a share of the ceiling is one noise over another


def brain_score(page: Page, analysis: Results) -> str:
    """Map of the brain score, with the noise ceiling on the same scale; the layers where there are several."""
    maps = analysis.maps("brainscore", SCORE_STATS)
    if maps is None:
        return html.missing("No brain score: this recording has no map of it (analysis brainscore).")
    row = best_map(maps)
    significant = passing(analysis, maps, "brainscore", row)
    layer = layer_of(maps.names[row])
    title = f"Brain score of layer {layer}" if layer else "Brain score"
    panels = [Panel(title, maps.values[row], significant), *parcel_panels(analysis, maps, "brainscore", row)]
    ceiling = _ceiling(analysis, maps.geometry)
    if ceiling is not None:
        # Full colour means significant: the ceiling, which is not tested, has it where the score has it.
        panels.append(Panel("Noise ceiling: what could be reached, not a test", ceiling, significant))
    scale = score_scale([panel.values for panel in panels], HELD_OUT)
    caption = f"How well the model's hidden states predict held-out brain responses. {say_passing(panels[0], maps)}"
    caption += say_parcels(analysis, maps, "brainscore", row)
    if ceiling is not None:
        caption += " " + _say_ceiling(panels[0], ceiling, share_in_panel(analysis))
    parts = [page.add_maps(panels, maps.geometry, scale, analysis, "brainscore", caption)]
    if ceiling is None:
        parts.append(html.missing("No noise ceiling: it needs other participants who heard the same story."))
    return "\n".join([*parts, *_layers(page, analysis, maps)])


def _ceiling(analysis: Results, geometry: Geometry) -> Array | None:
    ceiling = analysis.maps("noiseceiling", SCORE_STATS)
    values = None if ceiling is None else values_at(ceiling, geometry)
    return None if values is None else values[0]


def _say_ceiling(score: Panel, ceiling: Array, in_panel: float | None) -> str:
    """What the noise ceiling is, and how much of it the score reaches: of a group as its evidence panel says it."""
    told = f"Noise ceiling: predicted from the other participants, mean r {mean_of(ceiling):.3f}; on the same scale"
    told += "." if score.passing is None else ", and in full colour where the score is."
    if in_panel is not None:
        return (
            f"{told} Where it is above {LEAST_CEILING:g}, participants reach {100 * in_panel:.0f} % of it on average."
        )
    share = share_of_ceiling(score.values, ceiling)
    if share is None:
        return f"{told} Nowhere is it above {LEAST_CEILING:g}, so the score is not told as a share of it."
    return f"{told} Where it is above {LEAST_CEILING:g}, the mean score is {100 * share:.0f} % of the mean ceiling."


def share_of_ceiling(score: Array, ceiling: Array) -> float | None:
    """Mean score over mean ceiling, both (n_targets,), where the ceiling is above `LEAST_CEILING`; None if nowhere."""
    counted = np.isfinite(score) & (ceiling > LEAST_CEILING)
    return float(score[counted].mean() / ceiling[counted].mean()) if counted.any() else None


def _layers(page: Page, analysis: Results, maps: Maps) -> list[str]:
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
        parts.append(page.add(figure, analysis, "layers", alt=caption, caption=caption, ending="svg"))
    layer = analysis.maps("brainscore", ("layer",))
    if layer is not None and np.isfinite(layer.values).any():
        parts.append(_best_layers(page, analysis, layer))
    return parts


def layer_intervals(table: pd.DataFrame | None, names: Sequence[str]) -> tuple[Array, Array] | None:
    """Interval (low, high), each (n_layers,), of the mean over all targets; None without a table of the group."""
    if table is None or not {"region", "map", "low", "high"} <= set(table):
        return None
    whole = table[table["region"] == "all"].set_index("map")
    if not set(names) <= set(whole.index):
        return None
    return whole.loc[list(names), "low"].to_numpy(dtype=float), whole.loc[list(names), "high"].to_numpy(dtype=float)


def _best_layers(page: Page, analysis: Results, layer: Maps) -> str:
    """Map of the best layer, in full colour where the score of any layer is significant."""
    panel = Panel("Best layer", layer.values[0], passing_in_any_layer(analysis, layer))
    scale = position_scale([layer.values], "layer")
    caption = (
        "The layer that predicts each place best"
        + ("; paler where no layer is significant." if panel.passing is not None else ".")
        + f" Median: {median_of(layer.values):.0f}."
    )
    return page.add_maps([panel], layer.geometry, scale, analysis, "bestlayer", caption)


def passing_in_any_layer(analysis: Results, layer: Maps) -> Array | None:
    """Which targets (n_targets,) of the map of best layers have q < 0.05 in at least one; None without a test."""
    found = (analysis.like(layer, "brainscore", stat) for stat in ("qmajority", "q"))
    q = next((values for values in found if values is not None), None)
    if q is None:
        return None
    significant: Array = np.asarray((q < SIGNIFICANT).max(axis=0))
    return significant


def answer(analysis: Results) -> str:
    """Where the model predicts the brain, in a sentence; "" without a brain score."""
    maps = analysis.maps("brainscore", SCORE_STATS)
    if maps is None:
        return ""
    row = best_map(maps)
    model = analysis.entities.get("model", "The model")
    told = f"{model} predicts held-out brain responses with a mean r of {mean_of(maps.values[row]):.3f}"
    test, parcels = passing(analysis, maps, "brainscore", row), share_of_parcels(analysis, maps, "brainscore", row)
    if test is None:
        return f"{told}, which was not tested."
    above = test & (maps.values[row] > 0)  # a group is tested two-sided, and predicts nothing where r is below 0
    share = float(above.sum() / max(int(np.isfinite(maps.values[row]).sum()), 1))
    places = f"{100 * share:.0f} % of {maps.unit}" + (
        "" if parcels is None else f" and {100 * parcels:.0f} % of parcels"
    )
    ceiling = _ceiling(analysis, maps.geometry)
    of_ceiling = share_in_panel(analysis)
    if of_ceiling is None and ceiling is not None:
        of_ceiling = share_of_ceiling(maps.values[row], ceiling)
    reached = "" if of_ceiling is None else f", {100 * of_ceiling:.0f} % of what other participants predict"
    if of_majority(analysis, maps, "brainscore") is not None:
        return f"{told}{reached}, significant in at least half of the participants in {places}."
    p = analysis.like(maps, "brainscore", "p")
    if maps.stat == "mean" and p is not None and not np.nanmin(p) < SIGNIFICANT:
        return f"{told}{reached}; so few participants cannot show significance."
    return f"{told}{reached}, significant in {places}."


def score_cell(analysis: Results) -> str:
    """The mean brain score, of the best layer where there are several."""
    return scores.score_cell(analysis, analysis.maps("brainscore", SCORE_STATS), "brainscore")


def layer_cell(analysis: Results) -> str:
    """The layer that is best for most targets, or else the one that was scored."""
    score, layer = analysis.maps("brainscore", SCORE_STATS), analysis.maps("brainscore", ("layer",))
    if layer is not None and np.isfinite(layer.values).any():
        return _most_frequent(analysis, layer)
    name = None if score is None else layer_of(score.names[best_map(score)])
    if score is None or name is None:
        return ""
    return html.cell(name, "highest mean r" if len(score.values) > 1 else "the one that was scored")


def _most_frequent(analysis: Results, layer: Maps) -> str:
    """The most frequent best layer, among significant targets where there are any."""
    significant = passing_in_any_layer(analysis, layer)
    unit = layer.unit
    best = layer.values[0]
    if significant is not None and np.isfinite(best[significant]).any():
        best, unit = best[significant], f"significant {unit}"
    layers, counts = np.unique(best[np.isfinite(best)], return_counts=True)
    share = 100 * counts.max() / counts.sum()
    return html.cell(f"{layers[counts.argmax()]:.0f}", f"best in {share:.0f} % of {unit}")
