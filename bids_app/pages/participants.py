"""The table of participants on the group page: their reports, their numbers, and what was left out and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bids_app.analyses.record import ParticipantColumn
from bids_app.analyses.registry import ANALYSES
from bids_app.bids.derivatives import read_table
from bids_app.bids.entities import parse_name
from bids_app.pages.sections import RenderedSection
from bids_app.report import html
from bids_app.report.page import Page, newest_settings, read_settings
from bids_app.text_files import read_json

_LEFT_OUT = {"LeftOut": "made from an excluded scan", "SupersededBy": "superseded by a newer analysis"}
_MANY = 12  # participants from which the table can be searched
_MOST_BEFORE_SCROLLING = 60  # a table of more scrolls in itself, so that what follows it is in reach


def participants_section(page: Page, participants: Sequence[str]) -> RenderedSection:
    """A row per participant (`sub-…`): link to the report, numbers of its tables, what was left out and why."""
    if not participants:
        return "participants", "Participants", html.missing("There are no participants in this folder.")
    columns = [column for analysis in ANALYSES for column in analysis.report().participants]
    values = {name: [_value(page.out_dir, name, column) for column in columns] for name in participants}
    shown = [place for place in range(len(columns)) if any(values[name][place] is not None for name in participants)]
    notes = left_out(page.out_dir, participants)
    head = ["participant", *(columns[place].heading for place in shown), "left out, and why"]
    rows = [_row(page, name, [values[name][place] for place in shown], notes[name]) for name in participants]
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


def _value(out_dir: Path, name: str, column: ParticipantColumn) -> float | None:
    """The mean over a participant's tables of one desc; None without any."""
    files = [
        path
        for folder in ("func", "ses-*/func")
        for path in sorted((out_dir / name).glob(f"{folder}/*_desc-*_networks.tsv"))
        if re.search(rf"_desc-({column.desc})_networks\.tsv$", path.name)
    ]
    found = [value for path in files if (value := column.value(read_table(path))) is not None]
    return float(np.mean(found)) if found else None


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
