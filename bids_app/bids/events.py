"""Times at which each stimulus was heard, from events.tsv or the table of onsets of `--annotations`."""

import hashlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from bids_app.bids.entities import parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.event_words import holds_words, sidecar_of_events
from bids_app.bids.metadata import Listing, list_names
from bids_app.bids.onsets import ONSETS, Row, check_columns, rows_of_run
from bids_app.bids.stimulus_names import stem_of
from bids_app.bids.tables import doubled
from bids_app.bids.text import read_rows
from bids_app.bids.word_columns import seconds_per
from bids_app.bids.words import words_from_events
from bids_app.wording import listed

MISSING = {"", "n/a", "na"}
TOUCHING = 0.5  # s between two rows of one story
_READ = ("onset", "duration", "trial_type", "stim_file")
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".svg", ".txt")  # shown while audio goes on

Interval = tuple[float, float]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stimulus:
    """One audio file in one run; all times in seconds from the first volume.

    `audio_onset` is when the file started (it may be negative), `story` the intervals (onset, end) of its story.
    `restarts` holds for each interval the start of the file, if it was played again from its beginning. The table does
    not show whether it was; the words do (see `inputs.presentations`).
    """

    stem: str
    stim_file: str
    audio_onset: float
    story: tuple[Interval, ...]
    restarts: tuple[float, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class _Event:
    onset: float
    end: float  # NaN if not stated
    is_story: bool
    stem: str
    stim_file: str
    row: int


def read_events(
    events_tsv: Path, run: Mapping[str, str] | None = None, listing: Listing = list_names
) -> tuple[Stimulus, ...]:
    """Stimuli of a run, in the order in which they start.

    The file of a stimulus starts with the first event that names it, whatever its type. The story consists of the
    events with trial_type `story` (in upper or lower case), or else of all events that name the file. An event without
    a duration lasts until another file starts or its own story is named again (the last event: infinity). A file whose
    story is named again after the story of another file was played again, and is listed twice.

    A table that names no stimulus but holds words is itself the stimulus: its story lasts from the first word to the
    last, and tables with the same words at the same intervals are the same stimulus.

    A table without stimuli and words gives an empty tuple. `run` holds the entities of the run, which select rows of a
    table of onsets. Raises DatasetError if the table cannot be read, or a row that names a stimulus has an impossible
    onset or duration.
    """
    events = sorted(_read(events_tsv, run or {}, listing), key=lambda event: event.onset)
    if not events and (text := _text(events_tsv)):
        return (text,)
    stimuli: list[Stimulus] = []
    for stem in dict.fromkeys(event.stem for event in events):
        stimuli += _played(stem, events)
    _refuse_instants(events_tsv, events, stimuli)
    return tuple(sorted(stimuli, key=lambda stimulus: stimulus.audio_onset))


def _text(path: Path) -> Stimulus | None:
    """The words of a table as a stimulus; None without a column of words."""
    if path.name == ONSETS:
        return None
    state = path.stat()
    return _text_once(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4096)
def _text_once(path: Path, *_state: int) -> Stimulus | None:
    header = next(iter(read_rows(path)), [])
    if not holds_words(header):
        return None
    words = words_from_events(path)
    first, last = float(np.nanmin(words.onset)), float(np.nanmax(words.onset + words.duration))
    times = np.round(words.onset - first, 2).tolist()
    digest = hashlib.sha256(repr([words.text, times]).encode()).hexdigest()[:8]
    task = parse_name(path).entities.get("task", "words")
    _log.info("task %s: the words in the rows of its events.tsv are the story", task)
    return Stimulus(f"{task}-{digest}", str(path), first, ((first, last),))


def _played(stem: str, events: Sequence[_Event]) -> list[Stimulus]:
    """One stimulus, or several if stories of other files lie between the stories of this one."""
    played = [event for event in events if event.stem == stem]
    stories = [event for event in played if event.is_story]
    groups: list[list[tuple[float, _Event]]] = []
    for number, event in enumerate(stories):
        before = stories[number - 1] if number else None
        start = played[0].onset if before is None else _lead_in(played, before, event)
        if before is None or any(_is_between(other, before, event) for other in events):
            groups.append([])
        groups[-1].append((start, event))
    return [
        Stimulus(
            stem,
            group[0][1].stim_file,
            group[0][0],
            tuple((event.onset, event.end) for _, event in group),
            tuple(start for start, _ in group),
        )
        for group in groups
    ]


def _lead_in(played: Sequence[_Event], before: _Event, story: _Event) -> float:
    """Onset of the first event of the file (music, silence) that leads to a story, not out of the previous one."""
    start = story.onset
    for event in reversed([event for event in played if before.onset < event.onset < story.onset]):
        if abs(start - event.end) > abs(event.onset - before.end):
            break
        start = event.onset
    return start


def _is_between(other: _Event, before: _Event, story: _Event) -> bool:
    """Whether the story of another file starts after one story of this file and before the next."""
    is_other = other.is_story and other.stem != story.stem and not other.stim_file.lower().endswith(_PICTURES)
    return is_other and before.onset < other.onset < story.onset and other.onset >= before.end - TOUCHING


def _refuse_instants(path: Path, events: Sequence[_Event], stimuli: Sequence[Stimulus]) -> None:
    """Raise DatasetError for a story whose events all have the duration 0."""
    for stimulus in stimuli:
        if all(start == end for start, end in stimulus.story):
            row = next(event.row for event in events if event.stem == stimulus.stem and event.is_story)
            raise DatasetError(
                f"{path}, row {row} (line {row + 1}): the story of {stimulus.stim_file} has the duration 0; write its "
                "duration in seconds, or n/a when it lasts until the next stimulus or the end of the scan."
            )


def _read(path: Path, run: Mapping[str, str], listing: Listing) -> list[_Event]:
    """Events that name a file, with their ends."""
    named = rows_read(path, run)
    has_story = any(_is_story(record) for _, record in named)
    units = _units(path, listing) if named else {}
    events = [_event(path, row, record, has_story, units) for row, record in named]
    return [_ended(event, events) for event in events]


def rows_read(path: Path, run: Mapping[str, str]) -> list[Row]:
    """Rows that name a file, with the cells that are read; of a table of onsets, only those of the run."""
    records = read_records(path)
    if path.name == ONSETS:
        records = rows_of_run(records, run)
    return [
        (row, {name: record[name] for name in _READ if name in record})
        for row, record in records
        if record.get("stim_file", "").lower() not in {*MISSING, "nan"}
    ]


def _is_story(record: Mapping[str, str]) -> bool:
    return record.get("trial_type", "").casefold() == "story"


def read_records(path: Path) -> list[Row]:
    """Non-empty rows, counted from 1 below the header, by lower-case column. Raises DatasetError."""
    rows = [[cell.strip().strip('"').strip() for cell in row] for row in read_rows(path)]
    if not any(any(row) for row in rows):
        raise DatasetError(f"{path} is empty: an events table needs the columns onset, duration and stim_file.")
    header = [cell.lower() for cell in rows[0]]
    if twice := doubled([name for name in header if name in _READ]):
        raise DatasetError(f"{path} has several columns called {listed(twice)}: keep one.")
    if "onset" not in header:
        separated = "" if len(header) > 1 else " Columns must be separated by tabs."
        raise DatasetError(f"{path} has no column onset; its columns are {', '.join(header)}.{separated}")
    if path.name == ONSETS:
        check_columns(path, header)
    records = []
    for number, row in enumerate(rows[1:], 1):
        if len(row) == 1 < len(header) and row[0]:
            raise DatasetError(
                f"{path}, row {number} (line {number + 1}) holds one cell and the header {len(header)}: separate the "
                "cells with tabs."
            )
        if any(row):
            records.append((number, dict(zip(header, row, strict=False))))
    return records


def _units(path: Path, listing: Listing) -> dict[str, float]:
    """Seconds per unit of the time columns if the JSON files of a table state it; the default of BIDS is seconds."""
    units = {}
    sidecar = sidecar_of_events(path, listing)
    for column in ("onset", "duration"):
        entry = sidecar.get(column)
        unit = entry.get("Units") if isinstance(entry, Mapping) else None
        try:
            units[column] = 1.0 if unit is None else seconds_per(unit, column)
        except DatasetError:
            _log.warning("%s: the unit of %s is given as %r; it is read as seconds", path, column, str(unit)[:40])
    return units


def _event(path: Path, row: int, record: Mapping[str, str], has_story: bool, units: Mapping[str, float]) -> _Event:
    location = f"{path}, row {row} (line {row + 1})"
    onset = _seconds(location, "onset", record["onset"]) * units.get("onset", 1.0)
    cell = record.get("duration", "")
    duration = (
        math.nan if cell.lower() in MISSING else _seconds(location, "duration", cell) * units.get("duration", 1.0)
    )
    if duration < 0:
        raise DatasetError(f"{location}: the duration is {cell}; it must be 0 or more seconds, or n/a.")
    try:
        stem = stem_of(record["stim_file"])
    except DatasetError as error:
        raise DatasetError(f"{location}: {error}.") from None
    return _Event(onset, onset + duration, _is_story(record) or not has_story, stem, record["stim_file"], row)


def _seconds(location: str, column: str, cell: str) -> float:
    try:
        seconds = float(cell)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        missing = ", or n/a where it is not known" if column == "duration" else ""
        raise DatasetError(f"{location}: the {column} {cell!r} is not a number of seconds; write one{missing}.")
    return seconds


def _ended(event: _Event, events: Sequence[_Event]) -> _Event:
    if not math.isnan(event.end):
        return event
    following = [
        other.onset
        for other in events
        if other.onset > event.onset
        and (other.is_story if other.stem == event.stem else not other.stim_file.lower().endswith(_PICTURES))
    ]
    end = min(following, default=math.inf)
    return _Event(event.onset, end, event.is_story, event.stem, event.stim_file, event.row)
