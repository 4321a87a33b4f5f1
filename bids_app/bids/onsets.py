"""Onsets of stimuli for runs without events.tsv: the table `onsets.tsv` of `--annotations`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bids_app.bids.entities import is_within, parse_name, strip_prefix
from bids_app.bids.errors import DatasetError

Row = tuple[int, dict[str, str]]  # number below the header, cells by column

ONSETS = "onsets.tsv"
EVENTS = "events"  # the folder of --annotations with events.tsv of single runs
_ENTITIES = ("sub", "ses", "task", "acq", "run")
_NEEDED = ("stim_file", "onset")
_ALLOWED = (*_ENTITIES, *_NEEDED, "duration", "trial_type")
_MISSING = {"", "n/a", "na"}

ADVICE = (
    "Give --annotations DIR with DIR/onsets.tsv, a table with tabs and the columns task, stim_file and onset (seconds "
    "from the first volume to the start of the audio; columns sub, ses, run and duration may be added), or with "
    "DIR/events/{label}_events.tsv"
)


def check_columns(path: Path, columns: Sequence[str]) -> None:
    """Raise DatasetError for a table of onsets that lacks a required column or has an unknown one."""
    missing = [name for name in _NEEDED if name not in columns]
    unknown = [name for name in columns if name not in _ALLOWED]
    if missing or unknown:
        problem = f"has no column {missing[0]}" if missing else f"has an unknown column {unknown[0]!r}"
        raise DatasetError(f"{path} {problem}; needed are {', '.join(_NEEDED)}, allowed {', '.join(_ALLOWED)}.")


def rows_of_run(rows: Sequence[Row], run: Mapping[str, str]) -> list[Row]:
    """Rows of an onsets table that apply to a run, as rows of an events table.

    A row applies if none of its cells `sub`, `ses`, `task`, `acq` and `run` contradicts the run; empty cells match any
    run, and `run` may hold a whole label such as `sub-01_task-tale_run-1`. If several rows apply, those that specify
    most entities are used: a row with a participant overrides a row with only a task. `{task}`, `{sub}`, `{ses}` and
    `{run}` in `stim_file` are replaced with the labels of the run.
    """
    matching = [(len(entities_of(record)), row, record) for row, record in rows if is_within(entities_of(record), run)]
    most = max((number for number, _, _ in matching), default=0)
    return [
        (row, {**record, "stim_file": _filled(record.get("stim_file", ""), run)})
        for number, row, record in matching
        if number == most
    ]


def entities_of(record: Mapping[str, str]) -> dict[str, str]:
    """Entities that a row names, without their keys."""
    named: dict[str, str] = {}
    for key in _ENTITIES:
        value = record.get(key, "").strip()
        if value.lower() in _MISSING:
            continue
        whole = parse_name(value).entities if "_" in value or value.startswith(("sub-", "task-")) else {}
        named |= whole if key == "run" and whole else {key: strip_prefix(value, key)}
    return named


def _filled(stim_file: str, run: Mapping[str, str]) -> str:
    for key in _ENTITIES:
        stim_file = stim_file.replace(f"{{{key}}}", run.get(key, ""))
    return stim_file
