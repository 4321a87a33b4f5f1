"""Parcels: one dot per parcel, the highest on top."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bids_app.report.panels import Panel
from bids_app.report.scales import Scale

Array = npt.NDArray[Any]

MOST_ROWS = 60
_ROW_INCHES = 0.2
# Widths of one column with its names, of each further one, and of all: on a phone a picture shrinks to 4 inches, and
# letters of a wider one could not be read.
_ONE_INCHES, _MORE_INCHES, _MOST_INCHES = 5.2, 2.4, 10.0
_LETTERS_PER_INCH = 10  # of adjacent titles


def order_of(values: Array, most: int = MOST_ROWS) -> Array:
    """Indices of the parcels to draw: highest first, at most `most`, without those that have no value."""
    ranked = np.argsort(-np.where(np.isfinite(values), values, -np.inf), kind="stable")
    return ranked[np.isfinite(values[ranked])][:most]


def draw(panels: Sequence[Panel], names: Sequence[str], scale: Scale, most: int = MOST_ROWS) -> Figure:
    """Columns of dots, one column per panel; parcels in the order of the first panel. Hollow: not passing."""
    rows = order_of(panels[0].values, most)
    width = min(_ONE_INCHES + _MORE_INCHES * (len(panels) - 1), _MOST_INCHES)
    figure = Figure(figsize=(width, 1.1 + _ROW_INCHES * max(len(rows), 4)), layout="constrained")
    columns = np.atleast_1d(figure.subplots(1, len(panels), sharex=True, sharey=True))
    for axes, panel in zip(columns, panels, strict=True):
        _dots(axes, panel, rows, scale)
        axes.set_xlabel(scale.label)
        axes.xaxis.set_major_locator(MaxNLocator(max(4, 9 // len(panels)), steps=[1, 2, 5, 10]))
        axes.set_title(_wrapped(panel.title, int(_LETTERS_PER_INCH * width) // len(panels)), loc="left")
    columns[0].set_yticks(range(len(rows)), [names[row] for row in rows])
    columns[0].invert_yaxis()
    return figure


def _wrapped(title: str, letters: int) -> str:
    """A title in lines, with text in brackets on a separate line."""
    return "\n".join(textwrap.fill(line, letters) for line in title.replace(" (", "\n(").splitlines())


def _dots(axes: Any, panel: Panel, rows: Array, scale: Scale) -> None:
    values = panel.values[rows]
    passing = np.ones(len(rows), bool) if panel.passing is None else panel.passing[rows].astype(bool)
    position = np.arange(len(rows))
    colours = scale.colour_map((np.clip(values, scale.low, scale.high) - scale.low) / (scale.high - scale.low))
    axes.axvline(0, color="0.6", linewidth=0.8)
    axes.hlines(position, 0, values, color="0.85", linewidth=1.2)
    axes.scatter(
        values[passing], position[passing], c=colours[passing], s=36, zorder=3, edgecolor="0.35", linewidth=0.6
    )
    axes.scatter(values[~passing], position[~passing], s=26, zorder=3, facecolor="white", edgecolor="0.5")
    axes.tick_params(axis="y", length=0)
    axes.margins(y=0.6 / max(len(rows), 1))
