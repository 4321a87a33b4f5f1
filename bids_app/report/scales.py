"""From values to colours: continuous scales and named categories, and the keys that explain them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from bids_app.yeo_networks import published_colour

Array = npt.NDArray[Any]

FADED = 0.5  # largest opacity of values that do not pass, which stay visible in the background
QUANTILE = 0.995  # a few extreme targets do not determine the scale

# fmt: off
_OTHER_COLOURS = (
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#b07aa1", "#edc948", "#9c755f",
    "#ff9da7", "#7f7f7f", "#1f6f6f", "#8c564b", "#6b8e23", "#d37295", "#3b3b98", "#a0522d",
    "#17becf",
)
# fmt: on
_SMALLEST_KEY, _LARGEST_KEY = 6.0, 9.0  # sizes of letters, in points
_KEY_STEP = 12.5  # between the names of categories, in points
_LETTER_WIDTH = 0.56  # of a letter's size, on average


class Colouring(Protocol):
    """Colours of a map: a colour per target, and a key."""

    def colours(self, values: Array, passing: Array | None = None) -> Array:
        """RGBA (n_targets, 4) in 0–1 for values (n_targets,); targets without a value are transparent."""

    def draw_key(self, axes: Any) -> None:
        """Draw the colour bar or legend into `axes`."""


def _sequential() -> LinearSegmentedColormap:
    """Inferno without its black and white ends, which would vanish on grey cortex and white paper."""
    return LinearSegmentedColormap.from_list("score", matplotlib.colormaps["inferno"](np.linspace(0.18, 0.97, 256)))


SEQUENTIAL = _sequential()
DIVERGING = matplotlib.colormaps["RdBu_r"]
POSITIONS = matplotlib.colormaps["viridis"]


@dataclass(frozen=True)
class Scale:
    """A continuous scale. Values in (-hidden_below, hidden_below), or below `low` if not diverging, are not drawn."""

    label: str
    low: float
    high: float
    hidden_below: float = 0.0

    @property
    def kind(self) -> str:
        """How values are shown: `signed` (both sides), `score` (above `low` only) or `position` (all)."""
        return "signed" if self.diverging else "score"

    @property
    def diverging(self) -> bool:
        """Whether the scale has two sides."""
        return self.low < 0

    @property
    def colour_map(self) -> Any:
        """The matplotlib colour map: perceptually ordered, light middle when diverging."""
        return DIVERGING if self.diverging else SEQUENTIAL

    def colours(self, values: Array, passing: Array | None = None) -> Array:
        """RGBA (n_targets, 4): transparent if NaN or hidden, faded if `passing` (n_targets,) bool is false.

        Smaller faded values are more transparent, so that noise does not clutter the picture.
        """
        values = np.asarray(values, dtype=float)
        finite = np.isfinite(values)
        filled = np.where(finite, values, self.low)
        rgba = np.array(self.colour_map((filled - self.low) / (self.high - self.low)), dtype=float)
        shown = finite & (np.abs(filled) > self.hidden_below if self.diverging else filled > self.low)
        faded = 1.0 if passing is None else np.where(passing, 1.0, FADED * np.clip(np.abs(filled) / self.high, 0, 1))
        rgba[:, 3] = shown * faded
        return rgba

    def draw_key(self, axes: Any) -> None:
        """A vertical colour bar with the unit; hidden values are left white."""
        steps = np.linspace(self.low, self.high, 256)
        image = self.colours(steps)[:, None]
        axes.imshow(image, origin="lower", aspect="auto", extent=(0, 1, self.low, self.high))
        axes.set_xticks([])
        axes.yaxis.tick_right()
        axes.yaxis.set_label_position("right")
        axes.set_ylabel(_in_lines(self.label, axes))


class PositionScale(Scale):
    """A scale of positions on an axis, such as layers or distances: values are not strengths, so none is hidden."""

    @property
    def kind(self) -> str:
        """Positions are all shown."""
        return "position"

    @property
    def colour_map(self) -> Any:
        """Another colour map than that of scores, so that a distant position does not look like a strong effect."""
        return POSITIONS

    def colours(self, values: Array, passing: Array | None = None) -> Array:
        """RGBA (n_targets, 4): transparent if NaN, evenly faded if `passing` (n_targets,) bool is false."""
        finite = np.isfinite(values)
        filled = np.where(finite, values, self.low)
        rgba = np.array(self.colour_map((filled - self.low) / (self.high - self.low)), dtype=float)
        rgba[:, 3] = finite * (1.0 if passing is None else np.where(passing, 1.0, FADED / 2))
        return rgba

    def draw_key(self, axes: Any) -> None:
        """A vertical colour bar with a line at zero."""
        super().draw_key(axes)
        if self.low < 0 < self.high:
            axes.axhline(0, color="white", linewidth=1.2)


@dataclass(frozen=True)
class Categories:
    """Named categories; values are positions in `names`, NaN or negative for none."""

    label: str
    names: tuple[str, ...]
    palette: tuple[str, ...]

    def colours(self, values: Array, passing: Array | None = None) -> Array:
        """RGBA (n_targets, 4): the category's colour, transparent for none."""
        table = np.array([(*to_rgb(colour), 1.0) for colour in self.palette] + [(0.0, 0.0, 0.0, 0.0)])
        none = ~np.isfinite(values) | (values < 0)
        rgba: Array = table[np.where(none, len(self.palette), values).astype(int)]
        if passing is not None:
            rgba[:, 3] *= np.where(passing, 1.0, FADED)
        return rgba

    def draw_key(self, axes: Any) -> None:
        """A list of swatches and names, as large as the figure height and the space right of `axes` allow."""
        axes.set_axis_off()
        box = axes.get_position()
        wide, tall = axes.figure.get_size_inches() * 72  # points
        step = min(_KEY_STEP, tall / (len(self.names) + 0.5))
        width = wide * (1 - box.x0) - 0.6 * wide * box.width
        by_width = width / (_LETTER_WIDTH * max(map(len, self.names), default=1))
        size = float(np.clip(min(step / 1.25, by_width), _SMALLEST_KEY, _LARGEST_KEY))
        longest = int(width / (_LETTER_WIDTH * size))
        for row, (name, colour) in enumerate(zip(self.names, self.palette, strict=True)):
            height = 0.5 + (len(self.names) / 2 - row - 0.5) * step / (tall * box.height)
            in_axes = {"transform": axes.transAxes, "clip_on": False}
            axes.plot([0.0], [height], "s", color=colour, markersize=0.8 * size, **in_axes)
            shown = name if len(name) <= longest else f"{name[: longest - 1]}…"
            axes.text(0.6, height, shown, va="center", size=size, **in_axes)


def round_up(value: float) -> float:
    """Round up to two digits so that a colour bar ends at a readable number.

    >>> round_up(0.1234), round_up(4.7), round_up(0.0)
    (0.13, 4.7, 0.0)
    """
    if not np.isfinite(value) or value <= 0:
        return 0.0
    step = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(np.round(np.ceil(np.round(value / step, 6)) * step, 12))


def score_scale(maps: Sequence[Array], label: str) -> Scale:
    """Common scale from 0 to the highest values of all maps (each (n_targets,))."""
    values = np.concatenate([np.ravel(array) for array in maps])
    values = values[np.isfinite(values) & (values > 0)]
    high = round_up(float(np.quantile(values, QUANTILE))) if values.size else 0.0
    return Scale(label, 0.0, high or 1.0)


def signed_scale(maps: Sequence[Array], label: str, hidden_below: float) -> Scale:
    """Symmetric scale over all maps (each (n_targets,)) that hides values below a threshold."""
    values = np.abs(np.concatenate([np.ravel(array) for array in maps]))
    values = values[np.isfinite(values)]
    high = round_up(float(np.quantile(values, QUANTILE))) if values.size else 0.0
    high = max(high, hidden_below * 1.5) or 1.0
    return Scale(label, -high, high, hidden_below)


def position_scale(
    maps: Sequence[Array], label: str, low: float | None = None, high: float | None = None
) -> PositionScale:
    """Scale of positions from `low` to `high`, or else between whole numbers that enclose nearly all values."""
    values = np.concatenate([np.ravel(array) for array in maps])
    values = values[np.isfinite(values)]
    ends = np.quantile(values, [1 - QUANTILE, QUANTILE]) if values.size else np.zeros(2)
    first = float(np.floor(ends[0])) if low is None else low
    last = float(np.ceil(ends[1])) if high is None else high
    return PositionScale(label, first, last if last > first else first + 1)


def network_colours(names: Sequence[str], of_atlas: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """A colour per network: from the atlas, else the published one of Yeo's networks, or a distinct one.

    >>> network_colours(["Default", "Dorsal Attention", "Mine"])
    ('#cd3e4e', '#00760e', '#4e79a7')
    >>> network_colours(["Default", "Mine"], {"Default": "#123456"})
    ('#123456', '#4e79a7')
    """
    others = iter(_OTHER_COLOURS * (1 + len(names) // len(_OTHER_COLOURS)))
    known = of_atlas or {}
    return tuple(known.get(name) or published_colour(name) or next(others) for name in names)


def _in_lines(label: str, axes: Any) -> str:
    """The label of a vertical axis in lines that are no longer than the figure is high."""
    box, points = axes.get_position(), 72 * axes.figure.get_size_inches()[1]
    middle = (box.y0 + box.y1) / 2
    letters = 2 * min(middle, 1 - middle) * points / (_LETTER_WIDTH * axes.yaxis.label.get_size())
    return textwrap.fill(label, max(10, int(letters)))
