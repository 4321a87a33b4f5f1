"""Small charts: layers of the sub-groups, scores by layer, scores by network with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from bids_app.report.figures import WIDTH_INCHES

Array = npt.NDArray[Any]

_COLUMNS = 4
_ACCENT = "#1b5e9b"


def draw_layers(shares: pd.DataFrame, colours: Mapping[str, str]) -> Figure:
    """Share of each sub-group's neurons per layer, one small chart per network; dashed: an even spread.

    `shares`: one row per network, one column per layer, as `links.layer_shares` gives it; `colours` of the networks.
    """
    networks = [str(name) for name in shares.index]
    columns = min(_COLUMNS, len(networks))
    rows = -(-len(networks) // columns)
    figure = Figure(figsize=(WIDTH_INCHES * columns / _COLUMNS + 0.2, 0.5 + 1.35 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    charts = grid.ravel()
    for axes, network in zip(charts, networks, strict=False):
        _layer_chart(axes, shares, network, colours[network])
    for axes in charts[len(networks) :]:
        axes.set_visible(False)
    for number in range(len(networks) - columns, len(networks)):
        charts[number].tick_params(labelbottom=True)
        charts[number].set_xlabel("layer")
    for axes in grid[:, 0]:
        axes.set_ylabel("of its neurons")
    return figure


def _layer_chart(axes: Any, shares: pd.DataFrame, network: str, colour: str) -> None:
    layers = np.asarray(shares.columns, dtype=int)
    axes.bar(layers, np.asarray(shares.loc[network], dtype=float), width=0.85, color=colour)
    axes.axhline(1 / len(layers), color="0.35", linewidth=0.8, linestyle=(0, (3, 3)))
    axes.set_title(network, loc="left")
    axes.set_xticks(layers[:: _step(len(layers), 6)])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _step(n_labels: int, most: int) -> int:
    """Step between labels so that there are at most `most`."""
    return max(1, -(-n_labels // most))


def draw_scores_by_layer(
    scores: Array, names: Sequence[str], label: str, interval: tuple[Array, Array] | None = None
) -> Figure:
    """Mean score (n_layers,) of each layer, with the interval (low, high) over participants; the best one is filled."""
    figure = Figure(figsize=(WIDTH_INCHES * 0.55, 2.3), layout="constrained")
    axes = figure.subplots()
    positions = np.arange(len(scores))
    best = int(np.nanargmax(scores))
    if interval is not None:
        axes.fill_between(positions, *interval, color=_ACCENT, alpha=0.15, linewidth=0)
    axes.plot(positions, scores, "-", color="0.7", zorder=1)
    axes.scatter(positions, scores, color="white", edgecolor=_ACCENT, zorder=2)
    axes.scatter([best], [scores[best]], color=_ACCENT, s=55, zorder=3)
    every = _step(len(scores), 16)
    axes.set_xticks(positions[::every], list(names)[::every])
    axes.set_xlabel("layer")
    axes.set_ylabel(label)
    axes.margins(y=0.15)
    return figure


def draw_intervals(
    names: Sequence[str], middle: Array, low: Array, high: Array, label: str, colours: Sequence[str]
) -> Figure:
    """A dot with an interval per row: `middle`, `low`, `high` (n,)."""
    figure = Figure(figsize=(WIDTH_INCHES * 0.7, 0.75 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(names))
    axes.axvline(0, color="0.6", linewidth=0.8)
    axes.hlines(rows, low, high, color=list(colours), linewidth=2.4)
    axes.scatter(middle, rows, color=list(colours), s=42, zorder=3, edgecolor="white")
    axes.set_yticks(rows, list(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label)
    return figure
