"""Charts with a row per region: dots with intervals, several kinds of dots in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import MaxNLocator

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Dots:
    """One dot per row: `middle` (n,), its interval `low`, `high` (n,) if there is one, and whether it is `filled` (n,).

    `offset` moves the dots down by a share of a row, to separate several kinds.
    """

    label: str
    colours: Sequence[str]
    middle: Array
    low: Array | None = None
    high: Array | None = None
    filled: Array | None = None
    marker: str = "o"
    size: float = 42
    offset: float = 0.0


def draw_rows(axes: Any, kinds: Sequence[Dots], names: Sequence[str], label: str) -> None:
    """Dots of all kinds in rows of one axes, first row on top."""
    for kind in kinds:
        rows = np.arange(len(names)) + kind.offset
        if kind.low is not None and kind.high is not None:
            axes.hlines(rows, kind.low, kind.high, color=list(kind.colours), linewidth=2.2, alpha=0.75)
        filled = np.ones(len(names), bool) if kind.filled is None else kind.filled
        faces = [colour if full else "white" for colour, full in zip(kind.colours, filled, strict=True)]
        colours = {"facecolor": faces, "edgecolor": list(kind.colours)}
        if kind.marker == "|":  # a marker that cannot be filled
            colours = {"color": list(kind.colours)}
        axes.scatter(
            kind.middle, rows, s=kind.size, marker=kind.marker, zorder=3, linewidth=1.2, label=kind.label, **colours
        )
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color="0.93", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_xlabel(label)
