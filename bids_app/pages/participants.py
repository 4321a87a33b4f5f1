"""The table of participants on the group page: their reports, their numbers, and what was left out and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bids_app.analyses.record import ParticipantColumn
from bids_app.analyses.registry import ANALYSES
from bids_app.bids.derivatives import read_table
from bids_app.bids.entities import parse_name
from bids_app.pages.left_out import left_out, without_results
from bids_app.pages.runs import quality_of
from bids_app.pages.sections import RenderedSection
from bids_app.report import html
from bids_app.report.page import Page
from bids_app.report.results import is_control

_MANY = 12  # participants from which the table can be searched
_MOST_BEFORE_SCROLLING = 60  # a table of more scrolls in itself, so that what follows it is in reach


def participants_section(page: Page, participants: Sequence[str]) -> RenderedSection:
    """A row per participant (`sub-…`): link to the report, numbers of its tables, what was left out and why.

    Those whom a run has found in the data and not analysed follow.
    """
    absent = {name: why for name, why in without_results(page.out_dir).items() if name not in participants}
    participants = [*participants, *absent]
    if not participants:
        return "participants", "Participants", html.missing("There are no participants in this folder.")
    numbers = {name: _of_results(page.out_dir, name) for name in participants}
    qualities = {name: quality_of(page.out_dir, name) for name in participants}
    keys = sorted({key for found in numbers.values() for key in found})
    of_runs = list(dict.fromkeys(heading for found in qualities.values() for heading in found))
    notes = left_out(page.out_dir, participants) | {name: [f"not analysed: {why}"] for name, why in absent.items()}
    head = ["participant", *_headings(keys), *of_runs, "left out, and why"]
    rows = [
        _row(
            page,
            name,
            [*(numbers[name].get(key) for key in keys), *(qualities[name].get(heading) for heading in of_runs)],
            notes[name],
        )
        for name in participants
    ]
    heads = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in head)
    kind = "scroll tall" if len(participants) > _MOST_BEFORE_SCROLLING else "scroll"
    table = (
        f'<div class="{kind}" tabindex="0" role="region" aria-label="Participants"><table class="sortable"><thead><tr>'
        f'{heads}</tr></thead>\n<tbody id="people">{"".join(rows)}</tbody></table></div>'
    )
    search = (
        '<div class="controls script-only"><label class="choice wide">Search '
        '<input type="search" data-filters="people"></label>'
        '<span class="count" id="people-count" role="status"></span></div>'
    )
    return "participants", "Participants", search * (len(participants) > _MANY) + table


def _row(page: Page, name: str, values: Sequence[float | None], notes: Sequence[str]) -> str:
    path = page.out_dir / f"{name}.html"
    shown = page.link(path, name) if path.is_file() else f"{html.escape(name)} (no report)"
    cells = "".join(f'<td class="number">{html.number(np.nan if value is None else value)}</td>' for value in values)
    return f'<tr><th scope="row">{shown}</th>{cells}<td>{html.escape("; ".join(notes) or "nothing")}</td></tr>'


class _Key(NamedTuple):
    """A number of a participant: the place of its column, the model, and the number of atoms in a sweep, else 0."""

    column: int
    model: str
    n_atoms: int


@cache
def _columns() -> tuple[ParticipantColumn, ...]:
    return tuple(column for analysis in ANALYSES for column in analysis.report().participants)


def _headings(keys: Sequence[_Key]) -> list[str]:
    """A heading for each number, with the model and the number of atoms where there are several."""
    columns = _columns()
    models, sizes = ({getattr(key, name) for key in keys} for name in ("model", "n_atoms"))
    return [
        columns[key.column].heading
        + f", {key.model}" * (len(models) > 1)
        + f", {key.n_atoms} atoms" * (len(sizes - {0}) > 1 and key.n_atoms > 0)
        for key in keys
    ]


def _of_results(out_dir: Path, name: str) -> dict[_Key, float]:
    """Numbers of a participant's tables, each the mean over tasks, sessions and spaces.

    Models and numbers of atoms have columns of their own, and untrained controls none: their mean would be of nothing.
    """
    folders = (folder for level in ("func", "ses-*/func") for folder in (out_dir / name).glob(level))
    tables = [(path, parse_name(path).entities) for folder in folders for path in sorted(folder.glob("*_networks.tsv"))]
    models = {entities.get("model", "") for _, entities in tables}
    found: dict[_Key, list[float]] = {}
    for path, entities in tables:
        model, desc = entities.get("model", ""), entities.get("desc", "")
        if is_control(model, models):
            continue
        for place, column in enumerate(_columns()):
            if re.fullmatch(column.desc, desc) and (value := column.value(read_table(path))) is not None:
                n_atoms = int(re.sub(r"\D", "", desc) or 0)
                found.setdefault(_Key(place, model, n_atoms), []).append(value)
    return {key: float(np.mean(values)) for key, values in found.items()}
