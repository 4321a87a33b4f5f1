"""The head of a report: the numbers that matter, one line per analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.report import html
from bids_app.report.links import read_links
from bids_app.report.links_section import linked_networks
from bids_app.report.results import Analysis, Maps, mean_of
from bids_app.report.scores_section import (
    SCORE_STATS,
    UNITS,
    best_map,
    fit_of_atoms,
    layer_of,
    passing,
    passing_in_any_layer,
)

Array = npt.NDArray[Any]

_HEADINGS = ("", "Brain score, mean r", "Atoms, mean held-out r", "Atom–network links", "Best layer")
_NONE = "<td>–</td>"


def glance(analyses: Sequence[Analysis], titles: Sequence[str]) -> str:
    """A table with one row per analysis."""
    if not analyses:
        return ""
    head = "".join(f'<th scope="col">{html.escape(heading)}</th>' for heading in _HEADINGS)
    body = "\n".join(_row(analysis, title) for analysis, title in zip(analyses, titles, strict=True))
    table = f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>"
    return f'<div class="scroll"><table class="glance">{table}</table></div>'


def _row(analysis: Analysis, title: str) -> str:
    score = analysis.maps("brainscore", SCORE_STATS)
    what, atoms = fit_of_atoms(analysis) or ("", None)
    cells = [
        _score_cell(analysis, score, "brainscore"),
        _score_cell(analysis, atoms, what),
        _links_cell(analysis),
        _layer_cell(analysis, score),
    ]
    return f'<tr><th scope="row">{html.escape(title)}</th>{"".join(cells)}</tr>'


def _score_cell(analysis: Analysis, maps: Maps | None, what: str) -> str:
    if maps is None:
        return _NONE
    row = best_map(maps)
    significant = passing(analysis, maps, what, row)
    unit = UNITS[maps.geometry.kind]
    n_valid = int(np.isfinite(maps.values[row]).sum())
    small = f"{n_valid:,} {unit}"
    if significant is not None:
        small = f"q < 0.05 in {np.count_nonzero(significant):,} of {small}"
    return _cell(f"{mean_of(maps.values[row]):.3f}", small)


def _links_cell(analysis: Analysis) -> str:
    table = analysis.table(analysis.atoms)
    if table is None or table.empty:
        return _NONE
    parts = read_links(table)
    n_links = sum(int(part.linked.sum()) for part in parts)
    n_atoms = int(np.any([part.linked.any(axis=1) for part in parts], axis=0).sum())
    n_networks = len(linked_networks(parts))
    return _cell(
        str(n_links), f"{n_atoms} of {len(parts[0].atoms)} atoms, {n_networks} of {len(parts[0].networks)} networks"
    )


def _layer_cell(analysis: Analysis, score: Maps | None) -> str:
    """The layer that is best for most targets, or else the one that was scored."""
    layer = analysis.maps("brainscore", ("layer",))
    if layer is not None and np.isfinite(layer.values).any():
        return _most_frequent(analysis, layer)
    name = None if score is None else layer_of(score.names[best_map(score)])
    if score is None or name is None:
        return _NONE
    return _cell(name, "highest mean r" if len(score.values) > 1 else "the one that was scored")


def _most_frequent(analysis: Analysis, layer: Maps) -> str:
    """The most frequent best layer, among significant targets where there are any."""
    significant = passing_in_any_layer(analysis, layer)
    unit = UNITS[layer.geometry.kind]
    best = layer.values[0]
    if significant is not None and np.isfinite(best[significant]).any():
        best, unit = best[significant], f"significant {unit}"
    layers, counts = np.unique(best[np.isfinite(best)], return_counts=True)
    share = 100 * counts.max() / counts.sum()
    return _cell(f"{layers[counts.argmax()]:.0f}", f"best in {share:.0f} % of {unit}")


def _cell(large: str, small: str) -> str:
    return f"<td>{html.escape(large)}<small>{html.escape(small)}</small></td>"
