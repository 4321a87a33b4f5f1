"""The table of participants on the group page: their reports, their numbers, and what was left out and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bids_app.analyses.record import ParticipantColumn
from bids_app.analyses.registry import ANALYSES
from bids_app.bids.derivatives import read_table
from bids_app.bids.entities import parse_name
from bids_app.pages.runs import quality_of
from bids_app.pages.sections import RenderedSection
from bids_app.report import html
from bids_app.report.page import Page, newest_settings, read_settings
from bids_app.report.results import is_control
from bids_app.text_files import read_json

_LEFT_OUT = {"LeftOut": "made from an excluded scan", "SupersededBy": "superseded by a newer analysis"}
_MANY = 12  # participants from which the table can be searched
_MOST_BEFORE_SCROLLING = 60  # a table of more scrolls in itself, so that what follows it is in reach


def participants_section(page: Page, participants: Sequence[str]) -> RenderedSection:
    """A row per participant (`sub-…`): link to the report, numbers of its tables, what was left out and why."""
    if not participants:
        return "participants", "Participants", html.missing("There are no participants in this folder.")
    numbers = {name: _of_results(page.out_dir, name) for name in participants}
    qualities = {name: quality_of(page.out_dir, name) for name in participants}
    keys = sorted({key for found in numbers.values() for key in found})
    of_runs = list(dict.fromkeys(heading for found in qualities.values() for heading in found))
    notes = left_out(page.out_dir, participants)
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


def left_out(out_dir: Path, participants: Sequence[str]) -> dict[str, list[str]]:
    """What was left out of each participant (`sub-…`), and why.

    Failures, excluded scans, wishes of the group level, and results that others have: means over participants are then
    of different people.
    """
    notes: dict[str, list[str]] = {name: [] for name in participants}
    path = newest_settings(out_dir, "group")
    is_of_group = path is not None and path.stem.endswith("_group")  # else it says who another run analysed
    settings = read_settings(path) if path is not None and is_of_group else {}
    chosen, excluded = (settings.get(key) or [] for key in ("participant_label", "exclude_participant_label"))
    for name in participants:
        label = name.removeprefix("sub-")
        if label in excluded or (chosen and label not in chosen):
            notes[name].append("left out of the group, as requested")
    complete: dict[str, set[tuple[str, str]]] = {name: set() for name in participants if not notes[name]}
    for marker in sorted((out_dir / "logs" / "complete").glob("sub-*_complete.json")):
        name = marker.name.partition("_")[0]
        if name in notes:
            notes[name] += [text for text in _of_marker(_read(marker), marker.name) if text not in notes[name]]
        if name in complete:
            entities = parse_name(marker).entities
            complete[name].add((entities.get("model", ""), entities.get("desc", "")))
    for name, text in _lacking(complete).items():
        notes[name].append(text)
    crashes = sorted((out_dir / "logs").glob("crash-*_sub-*.txt"))
    for crash in filter(Path.is_file, crashes):
        first = crash.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
        name = crash.stem.partition("_")[2]
        if name in notes and first not in notes[name]:
            notes[name].append(f"failed: {first.removeprefix(f'{name}: ')}")
    return notes


def _lacking(complete: Mapping[str, set[tuple[str, str]]]) -> dict[str, str]:
    """What each participant lacks of the results (model and `desc`) that others have; not of those who have none.

    >>> _lacking({"sub-01": {("gpt2", "atoms"), ("gpt2", "overnuisance")}, "sub-02": {("gpt2", "atoms")}})
    {'sub-02': 'not analysed like others: no overnuisance of gpt2'}
    """
    everything = set[tuple[str, str]]().union(*complete.values())
    texts = {}
    for name, own in complete.items():
        if own and (lacking := sorted(everything - own)):
            named = ", ".join(f"{desc} of {model}" if model else desc for model, desc in lacking)
            texts[name] = f"not analysed like others: no {named}"
    return texts


def _read(path: Path) -> Mapping[str, object]:
    try:
        return read_json(path)
    except ValueError:  # FileError is one; whether a marker is whole is asked elsewhere
        return {}


def _of_marker(marker: Mapping[str, object], name: str) -> list[str]:
    title = name.removesuffix("_complete.json").partition("_")[2]
    return [f"{title}: {reason}" for key, reason in _LEFT_OUT.items() if key in marker]
