"""The matrix of links: networks down, atoms or families across, one matrix for each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bids_app.analyses.networks.link_tables import Links, order_of_atoms, short_name
from bids_app.report.figures import WIDTH_INCHES
from bids_app.report.scales import round_up

Array = npt.NDArray[Any]

_ROW_INCHES = 0.27
_MOST_LABELS = 24
_LABEL_POINTS, _SMALLEST_POINTS = 7.5, 5.0
_NUMBER_POINTS = 7.0
_SHARE_OF_MATRIX = 0.8  # of the width of the figure; names of networks and the colour bar have the rest
_MAPS = {"active": "Reds", "deactive": "Blues"}  # as in the maps: red above, blue below the mean


def colour_map(part: str) -> LinearSegmentedColormap:
    """White to red for active parts, white to blue for deactive ones; dark ends cut so that marks stay visible."""
    base = matplotlib.colormaps[_MAPS.get(part, "Greys")]
    return LinearSegmentedColormap.from_list(part, np.vstack([[1, 1, 1, 1], base(np.linspace(0.0, 0.88, 255))]))


def upper_limit(parts: Sequence[Links]) -> float:
    """The common colour limit of all parts: 1 for probabilities, else the highest Dice, rounded up."""
    if parts and parts[0].measure == "probability":
        return 1.0
    highest = [float(np.nanmax(part.strength)) for part in parts if np.isfinite(part.strength).any()]
    return round_up(max(highest, default=0.0)) or 1.0


def draw_links(parts: Sequence[Links], colours: Mapping[str, str], kind: str = "atoms") -> Figure:
    """Strength of every atom with every network; `colours` are those of the networks.

    Linked cells are framed, and show the number of participants who share the link if known.
    """
    order, n_linked = order_of_atoms(parts)
    n_networks = len(parts[0].networks)
    height = 0.9 + len(parts) * (n_networks * _ROW_INCHES + 0.35)
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    rows = np.atleast_1d(figure.subplots(len(parts), 1, sharex=True))
    high = upper_limit(parts)
    edges = column_edges(len(order), n_linked)
    for axes, part in zip(rows, parts, strict=True):
        mesh = _draw_part(axes, part, order, edges, high, colours)
        bar = figure.colorbar(mesh, ax=axes, pad=0.01, fraction=0.025, aspect=12)
        bar.set_label(part.measure)
        bar.outline.set_visible(False)
        if 0 < n_linked < len(order):
            axes.axvline(edges[n_linked], color="0.25", linewidth=1.2)
    _label_atoms(rows[-1], [parts[0].atoms[atom] for atom in order], edges, n_linked, kind)
    return figure


def column_edges(n_atoms: int, n_linked: int) -> Array:
    """Edges (n_atoms + 1,) of the columns: linked atoms, which come first, are wide enough to read.

    They get three times the width of the others, or more among many, together no more than half of the matrix unless
    they need it.
    """
    others = n_atoms - n_linked
    wide = float(np.clip(others / n_linked, 1, max(3, n_atoms / 40))) if n_linked else 1.0
    return np.concatenate([[0.0], np.cumsum(np.where(np.arange(n_atoms) < n_linked, wide, 1.0))])


def _draw_part(axes: Any, part: Links, order: Array, edges: Array, high: float, colours: Mapping[str, str]) -> Any:
    strength = part.strength[order].T
    heights = np.arange(len(part.networks) + 1)
    # lines between narrow columns would hide these; in their own colour they close the gaps between them
    border = "0.93" if _room(strength.shape[1], edges) > _SMALLEST_POINTS else "face"
    mesh = axes.pcolormesh(
        edges, heights, strength, cmap=colour_map(part.part), vmin=0, vmax=high, edgecolor=border, linewidth=0.3
    )
    numbers = _fitting_numbers(part, order, edges)
    frame = float(np.clip(0.2 * _room(int(part.linked.any(axis=1).sum()), edges), 0.5, 1.5))
    for column, row in np.argwhere(part.linked[order]):
        wide = edges[column + 1] - edges[column]
        axes.add_patch(
            Rectangle((edges[column], row), wide, 1, fill=False, edgecolor="black", linewidth=frame, zorder=3)
        )
        if numbers and part.sharing is not None and np.isfinite(part.sharing[order][column, row]):
            count = f"{part.sharing[order][column, row]:.0f}"
            shade = "white" if strength[row, column] > 0.6 * high else "black"
            middle = (edges[column] + wide / 2, row + 0.5)
            axes.text(*middle, count, ha="center", va="center", color=shade, **numbers)
    axes.invert_yaxis()
    axes.set_title(f"{part.part} part", loc="left")
    axes.set_yticks(np.arange(len(part.networks)) + 0.5, part.networks)
    across = axes.get_yaxis_transform()
    for row, network in enumerate(part.networks):
        shown = {"color": colours[network], "clip_on": False, "transform": across}
        axes.add_patch(Rectangle((-0.009, row + 0.12), 0.006, 0.76, **shown))
    axes.tick_params(length=0, pad=7)
    axes.tick_params(axis="x", pad=2)
    for side in axes.spines.values():
        side.set_visible(False)
    return mesh


def shows_numbers(parts: Sequence[Links]) -> bool:
    """Whether the columns of linked atoms are wide enough for the numbers of participants."""
    order, n_linked = order_of_atoms(parts)
    edges = column_edges(len(order), n_linked)
    return all(_fitting_numbers(part, order, edges) is not None for part in parts if part.linked.any())


def _fitting_numbers(part: Links, order: Array, edges: Array) -> dict[str, Any] | None:
    """Font size and rotation with which numbers of participants stay inside their cells; None if none does."""
    if part.sharing is None or not part.linked.any():
        return None
    digits = len(f"{np.nanmax(part.sharing):.0f}") if np.isfinite(part.sharing).any() else 1
    columns = np.flatnonzero(part.linked[order].any(axis=1))
    room = float(np.diff(edges)[columns].min()) / float(edges[-1]) * _SHARE_OF_MATRIX * WIDTH_INCHES * 72
    if (0.64 * digits + 0.4) * _NUMBER_POINTS <= room:
        return {"size": _NUMBER_POINTS, "rotation": 0}
    size = min(_NUMBER_POINTS, room / 1.25)
    return {"size": size, "rotation": 90} if size >= _SMALLEST_POINTS else None


def _fitting(labels: Sequence[str], edges: Array) -> dict[str, Any]:
    """Font size and rotation with which labels of the first columns do not overlap: vertical in narrow columns."""
    room = _room(len(labels), edges)
    if (max(map(len, labels), default=0) * 0.64 + 0.5) * _LABEL_POINTS <= room:  # digits are 0.64 as wide as the size
        return {"size": _LABEL_POINTS, "rotation": 0}
    return {"size": float(np.clip(room / 1.25, _SMALLEST_POINTS, _LABEL_POINTS)), "rotation": 90}


def _room(n_columns: int, edges: Array) -> float:
    """Width of the narrowest of the first columns, in points."""
    narrowest = float(np.diff(edges)[:n_columns].min(initial=np.inf))
    return narrowest / float(edges[-1]) * _SHARE_OF_MATRIX * WIDTH_INCHES * 72


def _label_atoms(axes: Any, names: Sequence[str], edges: Array, n_linked: int, kind: str) -> None:
    """Name the linked atoms, and the others if there are few."""
    middles = (edges[:-1] + edges[1:]) / 2
    named = len(names) if len(names) <= _MOST_LABELS else n_linked
    short = [short_name(name) for name in names[:named]]
    step = max(1, int(np.ceil(1.1 * _SMALLEST_POINTS / _room(named, edges))))  # if space is short, only some are named
    axes.set_xticks(middles[:named:step], short[::step], **_fitting(short, edges))
    if 0 < n_linked < len(names):
        told = f"{len(names) - n_linked} {kind} without a link"
        place = (edges[n_linked] + edges[-1]) / 2
        axes.text(place, -0.04, told, transform=axes.get_xaxis_transform(), ha="center", va="top", size=8, color="0.4")
    axes.set_xlabel("family" if kind == "families" else "atom", loc="left")
