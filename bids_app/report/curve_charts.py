"""Charts of curves: F over the distance of the window with its controls, F over the depth of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from bids_app.report.curves import Curve, say
from bids_app.report.figures import WIDTH_INCHES

Array = npt.NDArray[Any]

WHOLE_COLOUR = "#1b5e9b"
_COLUMNS = 4
_LETTERS = 24  # of a title over a small chart
_PAST = "0.93"
_CONTROL = "0.35"
_DASHES = (0, (4, 2.5))
GAIN = "F: gain in held-out r"


def draw_forecast(curve: Curve, tested: int | None, window: int | None) -> Figure:
    """One curve of F over distance, with labels for all its elements."""
    figure = Figure(figsize=(WIDTH_INCHES * 0.78, 3.5), layout="constrained")
    axes = figure.subplots()
    _forecast(axes, curve, WHOLE_COLOUR)
    axes.set_xlabel("distance d: the window's last word is d words ahead of the present one")
    axes.set_ylabel(GAIN)
    axes.margins(x=0, y=0.22)
    _name_spans(axes, curve, window)
    if np.isfinite(curve.level[0]):
        axes.annotate(
            "random\nwords\n(control)", (1, curve.level[0]), (4, 0), xycoords=axes.get_yaxis_transform(),
            textcoords="offset points", va="center", color=_CONTROL, size=8.5,
        )  # fmt: skip
    if tested is not None and np.isfinite(curve.at(tested)):
        axes.plot([tested], [curve.at(tested)], "o", markersize=7, markerfacecolor="white", color=WHOLE_COLOUR)
    _name_peak(axes, curve)
    return figure


def _name_spans(axes: Any, curve: Curve, window: int | None) -> None:
    """Label the ranges of windows that lie entirely in the past or in the future."""
    first, last = curve.x[0], curve.x[-1]
    spans = [(first, 0.0, "past words only (control)")] if first < 0 else []
    if window is not None and 0 < window < last:
        spans += [(max(first, 0.0), float(window), "both")] if window >= 4 else []
        spans += [(float(window), last, "words to come only")]
        axes.axvline(window, color="0.8", linewidth=0.8, zorder=0)
    for low, high, text in spans:
        anchor = ((low + high) / 2, 1.0)
        axes.annotate(
            text, anchor, (0, 3), xycoords=axes.get_xaxis_transform(), textcoords="offset points", ha="center",
            va="bottom", size=8.5, color="0.4",
        )  # fmt: skip


def _name_peak(axes: Any, curve: Curve) -> None:
    if np.isfinite(curve.peak):
        axes.annotate(
            f"d* = {say(curve.peak)}", (curve.peak, curve.at(curve.peak)), (0, 8), textcoords="offset points",
            ha="center", weight="bold", color=WHOLE_COLOUR,
        )  # fmt: skip


def _forecast(axes: Any, curve: Curve, colour: str) -> None:
    """A curve with its band, the past shaded, random words dashed, d* as a dot with its interval at the bottom."""
    if curve.x[0] < 0:
        axes.axvspan(curve.x[0], 0, color=_PAST, linewidth=0, zorder=-2)
    axes.axhline(0, color="0.6", linewidth=0.8, zorder=-1)
    level, low, high = curve.level
    axes.fill_between(curve.x[[0, -1]], [low] * 2, [high] * 2, color=_CONTROL, alpha=0.15, linewidth=0)
    axes.axhline(level, color=_CONTROL, linewidth=1.1, linestyle=_DASHES)
    _curve(axes, curve, colour)
    axes.set_xlim(curve.x[0], curve.x[-1])
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))


def _curve(axes: Any, curve: Curve, colour: str, lift: int = 0) -> None:
    """A curve with its band and its peak; the interval of the peak is a bar at the bottom, raised by `lift` bars."""
    axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(curve.x, curve.y, color=colour, linewidth=1.8, label=curve.model or None)
    if not np.isfinite(curve.peak):
        return
    axes.plot([curve.peak], [curve.at(curve.peak)], "o", color=colour, markersize=6, zorder=4, clip_on=False)
    low, high = curve.peak_interval
    axes.plot(
        [low, high], [0.05 * lift] * 2, color=colour, linewidth=3.6, solid_capstyle="projecting", zorder=4,
        clip_on=False, transform=axes.get_xaxis_transform(),
    )  # fmt: skip


def draw_pair(curves: Mapping[str, Curve], colours: Sequence[str], published: Sequence[int]) -> Figure:
    """Curves of several scores in one region on one pair of axes, with a line at the published peak of each."""
    figure = Figure(figsize=(WIDTH_INCHES * 0.78, 3.6), layout="constrained")
    axes = figure.subplots()
    _pair(axes, list(curves.values()), colours, published)
    axes.set_xlabel("distance d: the window's last word is d words ahead of the present one")
    axes.set_ylabel(GAIN)
    axes.margins(x=0, y=0.16)
    for colour, peak in zip(colours, published, strict=True):
        axes.annotate(
            f"{peak}", (peak, 1.0), (0, 3), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
            ha="center", va="bottom", size=8.5, color=colour,
        )  # fmt: skip
    _name_lines(figure, axes, list(curves))
    return figure


def draw_pairs(regions: Sequence[Mapping[str, Curve]], colours: Sequence[str], published: Sequence[int]) -> Figure:
    """Small charts of several scores over distance, one per region, with a common vertical axis."""
    figure, charts = _grid(len(regions), legend=True)
    named = [list(curves.values()) for curves in regions]
    longest = max(len(curves[0].name) for curves in named)
    for axes, curves in zip(charts, named, strict=False):
        _pair(axes, curves, colours, published)
        peaks = " and ".join(say(curve.peak) for curve in curves if np.isfinite(curve.peak))
        _title(axes, curves[-1], f"d* {peaks}" if peaks else "", longest)
    _name_lines(figure, charts[0], list(regions[0]))
    _label_edges(charts, len(regions), "distance d (words)", "F")
    return figure


def _pair(axes: Any, curves: Sequence[Curve], colours: Sequence[str], published: Sequence[int]) -> None:
    first = curves[0]
    if first.x[0] < 0:
        axes.axvspan(first.x[0], 0, color=_PAST, linewidth=0, zorder=-2)
    axes.axhline(0, color="0.6", linewidth=0.8, zorder=-1)
    for number, (curve, colour, peak) in enumerate(zip(curves, colours, published, strict=True)):
        axes.axhline(curve.level[0], color=colour, linewidth=1.0, linestyle=_DASHES, alpha=0.7)
        axes.axvline(peak, color=colour, linewidth=1.0, linestyle=":", zorder=0)
        _curve(axes, curve, colour, lift=number)
    axes.set_xlim(first.x[0], first.x[-1])
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))


def _name_lines(figure: Figure, axes: Any, names: Sequence[str]) -> None:
    """A legend of the curves, which are the lines with several points that are drawn in their order."""
    lines = [line for line in axes.get_lines() if line.get_linestyle() == "-" and len(line.get_xdata()) > 2]
    figure.legend(lines, names, loc="outside upper left", ncols=len(names), frameon=False)


def draw_forecasts(curves: Sequence[Curve], colours: Sequence[str]) -> Figure:
    """Small charts of F over distance, one per region, with a common vertical axis."""
    figure, charts = _grid(len(curves))
    longest = max(len(curve.name) for curve in curves)
    for axes, curve, colour in zip(charts, curves, colours, strict=False):
        _forecast(axes, curve, colour)
        _title(axes, curve, f"d* {say(curve.peak)}" if np.isfinite(curve.peak) else "", longest)
    _label_edges(charts, len(curves), "distance d (words)", "F")
    return figure


def draw_depths(regions: Sequence[Sequence[Curve]], colours: Sequence[str], models: Mapping[str, str]) -> Figure:
    """Small charts of F over depth, one per region; in each the curves of all models.

    `regions` holds the curves of each region, `colours` one per region for a single model, `models` one per model name.
    """
    figure, charts = _grid(len(regions), legend=len(models) > 1)
    longest = max(len(curves[0].name) for curves in regions)
    for axes, curves, colour in zip(charts, regions, colours, strict=False):
        axes.axhline(0, color="0.6", linewidth=0.8, zorder=-1)
        for number, curve in enumerate(curves):
            _curve(axes, curve, models[curve.model] if len(models) > 1 else colour, lift=number)
        single = len(models) == 1 and np.isfinite(curves[0].peak)
        _title(axes, curves[0], f"k* {100 * curves[0].peak:.0f} %" if single else "", longest)
        axes.set_xlim(0, 1.02)
        axes.set_xticks([0.25, 0.5, 0.75, 1])
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _label_edges(charts, len(regions), "depth in the model", "F")
    if len(models) > 1:
        lines, names = charts[0].get_legend_handles_labels()
        figure.legend(lines, names, loc="outside upper left", ncols=len(names), frameon=False)
    return figure


def _grid(n_charts: int, legend: bool = False) -> tuple[Figure, Any]:
    columns = min(_COLUMNS, n_charts)
    rows = -(-n_charts // columns)
    size = (WIDTH_INCHES * columns / _COLUMNS + 0.2, 0.5 + 1.55 * rows + 0.3 * legend)
    figure = Figure(figsize=size, layout="constrained")
    charts = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in charts:
        axes.margins(y=0.16)  # space for the text in the corner
    for axes in charts[n_charts:]:
        axes.set_visible(False)
    return figure, charts


def _title(axes: Any, curve: Curve, value: str, longest: int) -> None:
    """Set the title of a small chart; its value is in the corner opposite to the peak."""
    axes.set_title(curve.name, loc="left", size=min(9.0, 9.0 * _LETTERS / longest))
    late = curve.peak > curve.x[0] + 0.6 * (curve.x[-1] - curve.x[0])
    x, side = (0.03, "left") if late else (0.98, "right")
    axes.text(x, 0.97, value, transform=axes.transAxes, ha=side, va="top", size=8.5, color="0.3")


def _label_edges(charts: Any, n_charts: int, across: str, up: str) -> None:
    """Label the axes on the left and below the lowest chart of each column."""
    columns = min(_COLUMNS, n_charts)
    for number in range(n_charts - columns, n_charts):
        charts[number].tick_params(labelbottom=True)
        charts[number].set_xlabel(across)
    for axes in charts[::columns]:
        axes.set_ylabel(up)
