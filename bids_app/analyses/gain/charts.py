"""Charts of fine-tuned models: the gain over α in each region, and scores over perplexity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from bids_app.report.curves import WHOLE
from bids_app.report.figures import WIDTH_INCHES

_COLUMNS = 4
_COLOURS = {"none": "#1b5e9b", "near": "#d55e00", "low": "#009e73", "shuffled": "#7a7f87"}
_NAMES = {"none": "forecast", "near": "control: near", "low": "control: low", "shuffled": "control: shuffled"}


def draw_gains(table: pd.DataFrame) -> Figure:
    """A small chart for each region: the gain over α, a line for each control, which all start at 0.

    The columns are atlas, region, alpha, control, y, low and high.
    """
    regions = list(dict.fromkeys(table["region"].astype(str)))
    columns = min(_COLUMNS, len(regions))
    rows = -(-len(regions) // columns)
    size = (WIDTH_INCHES * max(columns, 2) / _COLUMNS + 0.2, 0.9 + 1.6 * rows)
    figure = Figure(figsize=size, layout="constrained")
    charts = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, region in zip(charts, regions, strict=False):
        axes.axhline(0, color="0.6", linewidth=0.8, zorder=-1)
        axes.set_title("everywhere" if region == WHOLE else region, loc="left", size=9)
        for control, rows_of in table[table["region"] == region].groupby("control", sort=False):
            _gain_line(axes, rows_of.sort_values("alpha"), str(control))
    for axes in charts[len(regions) :]:
        axes.set_visible(False)
    for axes in charts[max(0, len(regions) - columns) : len(regions)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("α")
    for axes in charts[::columns]:
        axes.set_ylabel("R(α) − R(0)")
    handles, names = charts[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=len(names), frameon=False)
    return figure


def _gain_line(axes: Any, rows: pd.DataFrame, control: str) -> None:
    colour = _COLOURS[control]
    x, y, low, high = (np.append(0.0, rows[name].to_numpy(dtype=float)) for name in ("alpha", "y", "low", "high"))
    axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(x, y, "-o", color=colour, markersize=3.5, linewidth=1.6, label=_NAMES[control])


def draw_perplexity(table: pd.DataFrame) -> Figure:
    """Brain score over perplexity: a line for each training, from its first checkpoint to its last, a large dot.

    The columns are alpha, control, step, perplexity and y. The darker a line, the higher its α.
    """
    figure = Figure(figsize=(WIDTH_INCHES * 0.62, 3.2), layout="constrained")
    axes = figure.subplots()
    for (alpha, control), rows in table.groupby(["alpha", "control"], sort=True):
        ordered = rows.sort_values("step")
        x, y = (ordered[name].to_numpy(dtype=float) for name in ("perplexity", "y"))
        share = float(str(alpha))
        colour, opacity = _COLOURS[str(control)], 0.35 + 0.65 * share
        name = f"α {share:g}" + ("" if control == "none" else f" {control}")
        axes.plot(x, y, "-o", color=colour, alpha=opacity, markersize=3, linewidth=1.3, label=name)
        axes.plot(x[-1:], y[-1:], "o", color=colour, alpha=opacity, markersize=7)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,.4g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("perplexity on held-out text")
    axes.set_ylabel("brain score, mean r")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure
