"""What the comparison of models shows of matched families: how many both models have, and how well they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bids_app.analyses.networks.link_tables import as_bool
from bids_app.analyses.networks.report import REPRODUCIBLE
from bids_app.bids.derivatives import read_sidecar, read_table
from bids_app.bids.outputs import find_outputs
from bids_app.report import html
from bids_app.report.figures import WIDTH_INCHES
from bids_app.report.page import Page
from bids_app.report.results import Results

MOST_PAIRS = 12
ALL_STORIES = "all"  # in the column `story`: one dictionary of all stories
_COLUMNS = 3
_ACCENT, _CHANCE = "#1b5e9b", "0.35"

Pair = Mapping[str, Any]


def matched_models(page: Page) -> str:
    """The matches of each pair of models, for each size of the dictionary; nothing for a single model."""
    outputs = find_outputs(page.out_dir, "matching", "group")
    return "\n".join(_of_dictionary(page, output.entities["desc"], output.paths[0]) for output in outputs)


def _of_dictionary(page: Page, desc: str, path: Path) -> str:
    table, sidecar = read_table(path), read_sidecar(path)
    pairs, left_out = (sidecar.get(key) for key in ("Pairs", "LeftOut"))
    assert isinstance(pairs, list)
    assert isinstance(left_out, list)
    body = html.heading(f"Which {_kind(desc)} do two models share? (desc-{desc})")
    body += "".join(html.missing(sentence) for sentence in left_out)
    if not pairs:
        return body
    body += _chart(page, desc, table, pairs)
    shown = html.table(table, most_rows=120) + page.file(path)
    return body + html.details(f"Table: matched {_kind(desc)}", shown)


def _kind(desc: str) -> str:
    return "families" if desc.startswith("families") else "atoms"


def _chart(page: Page, desc: str, table: pd.DataFrame, pairs: Sequence[Pair]) -> str:
    drawn = pairs[:MOST_PAIRS]
    sentences = [_sentence(pair, _matches(table, pair), _kind(desc)) for pair in pairs]
    caption = (
        f"The {_kind(desc)} of each pair of models, matched one to one by the correlation of their time courses. Each "
        "dot is a match; filled: p < 0.05, family-wise. Dashed: |r| beyond which that holds, from the same matching "
        "after circular shifts."
    )
    if len(pairs) > len(drawn):
        caption += f" The first {len(drawn)} of {len(pairs)} pairs are drawn; the table has all."
    figure = draw_matches([(_title(pair), _matches(table, pair), float(pair["Threshold"])) for pair in drawn])
    told = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    image = page.add(
        figure,
        Results({}, ()),
        f"matching{desc}",
        alt=f"{caption} {' '.join(sentences)}",
        caption=caption,
        ending="svg",
    )
    return f"<ul>{told}</ul>{image}"


def _title(pair: Pair) -> str:
    first, second = pair["Models"]
    return f"{first} –\n{second}" + ("" if pair["Story"] == ALL_STORIES else f", {pair['Story']}")


def _matches(table: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """The rows of a pair of models."""
    columns = table[["model", "other_model", "story"]].astype(str)
    return table[(columns == [*pair["Models"], pair["Story"]]).all(axis=1)]


def _sentence(pair: Pair, matches: pd.DataFrame, kind: str) -> str:
    first, second = pair["Models"]
    n_first, n_second = pair["Families"]
    where = "" if pair["Story"] == ALL_STORIES else f"{pair['Story']}: "
    told = (
        f"{where}{pair['Shared']} of {n_first} {kind} of {first} have a counterpart among the {n_second} of {second} "
        f"({100 * pair['Share']:.0f} % of the smaller number"
    )
    is_shared = as_bool(matches["shared"])
    told += f"; median |r| {matches['r'].abs()[is_shared].median():.2f})" if is_shared.any() else ")"
    n_reproducible = pair["Reproducible"][0]
    if n_reproducible is None:
        return f"{told}."
    n_shared = int((is_shared & (matches["rho"] >= REPRODUCIBLE)).sum())
    return f"{told}; of the {n_reproducible} reproducible {kind} of {first}, {n_shared} have one."


def draw_matches(pairs: Sequence[tuple[str, pd.DataFrame, float]]) -> Figure:
    """A small chart for each pair: title, its matches, and |r| beyond which p < 0.05.

    Matches are sorted by |r|; filled where `shared`.
    """
    columns = min(_COLUMNS, len(pairs))
    rows = -(-len(pairs) // columns)
    width = WIDTH_INCHES * max(columns, 2) / _COLUMNS
    figure = Figure(figsize=(width, 0.3 + 2.3 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes, (title, matches, threshold) in zip(grid.ravel(), pairs, strict=False):
        _draw_pair(axes, matches, threshold)
        axes.set_title(title, loc="left")
    for axes in grid.ravel()[len(pairs) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("|r| of the match")
    return figure


def _draw_pair(axes: Any, matches: pd.DataFrame, threshold: float) -> None:
    matches = matches.sort_values("r", key=abs, ascending=False, kind="stable")
    faces = [_ACCENT if passes else "white" for passes in as_bool(matches["shared"])]
    axes.axhline(threshold, color=_CHANCE, linewidth=0.9, linestyle=(0, (3, 3)))
    rank = range(1, len(matches) + 1)
    axes.scatter(rank, matches["r"].abs(), s=22, facecolor=faces, edgecolor=_ACCENT, linewidth=1, zorder=3)
    axes.set_ylim(0, 1.03)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlabel("match, by |r|")
