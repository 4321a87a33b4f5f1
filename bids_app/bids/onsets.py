"""Onsets of stimuli for runs without events.tsv: the table `onsets.tsv` of `--annotations`."""

from collections.abc import Mapping, Sequence

from bids_app.bids.entities import is_within, parse_name, strip_prefix

ONSETS = "onsets.tsv"
EVENTS = "events"  # the folder of --annotations with events.tsv of single runs
_ENTITIES = ("sub", "ses", "task", "acq", "run")
_MISSING = {"", "n/a", "na"}

ADVICE = (
    "Give --annotations DIR with DIR/onsets.tsv, a table with tabs and the columns task, stim_file and onset (seconds "
    "from the first volume to the start of the audio; columns sub, ses, run and duration may be added), or with "
    "DIR/events/{label}_events.tsv"
)


def rows_of_run(records: Sequence[Mapping[str, str]], run: Mapping[str, str]) -> list[dict[str, str]]:
    """Rows of an onsets table that apply to a run, as rows of an events table.

    A row applies when none of its cells `sub`, `ses`, `task`, `acq` and `run` contradicts the run; empty ones say
    nothing, and `run` may hold a whole label such as `sub-01_task-tale_run-1`. Of rows that apply, those that name most
    entities count: a row with a task alone is the rule of which one with a participant is the exception. `{task}`,
    `{sub}`, `{ses}` and `{run}` in `stim_file` stand for the run's own.
    """
    found: list[tuple[int, dict[str, str]]] = []
    for record in records:
        named = _entities(record)
        if is_within(named, run):
            found.append((len(named), {**record, "stim_file": _filled(record.get("stim_file", ""), run)}))
    most = max((number for number, _ in found), default=0)
    return [record for number, record in found if number == most]


def _entities(record: Mapping[str, str]) -> dict[str, str]:
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
