"""When each stimulus was heard, from events.tsv."""

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from bids_app.bids.errors import DatasetError
from bids_app.bids.text import read_text

MISSING = {"", "n/a"}


@dataclass(frozen=True)
class Stimulus:
    """One audio file in one run; all times in seconds from the first volume.

    `audio_onset` is when the file started (it may be negative), `story` the intervals (onset, end) of its story.
    """

    stem: str
    stim_file: str
    audio_onset: float
    story: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class _Event:
    onset: float
    end: float
    trial_type: str
    stim_file: str


def read_events(events_tsv: Path) -> tuple[Stimulus, ...]:
    """Stimuli of a run, in the order in which they start.

    The file of a stimulus started with the first event that names it, whatever its type. The story is the events with
    trial_type `story`; when the table has none, all events that name the file. An event without a duration lasts until
    the next event (the last one for ever: infinity). A table that names no stimulus gives an empty tuple. Raises
    DatasetError when the table cannot be read.
    """
    events = sorted(_read_rows(events_tsv), key=lambda event: event.onset)
    has_story = any(event.trial_type == "story" for event in events)
    stimuli = []
    for stim_file in dict.fromkeys(event.stim_file for event in events if event.stim_file not in MISSING):
        own = [event for event in events if event.stim_file == stim_file]
        story = tuple((event.onset, event.end) for event in own if not has_story or event.trial_type == "story")
        if story:
            stimuli.append(Stimulus(Path(stim_file).name.partition(".")[0], stim_file, own[0].onset, story))
    return tuple(stimuli)


def _read_rows(path: Path) -> list[_Event]:
    try:
        content = read_text(path)
    except OSError as error:
        raise DatasetError(f"{path} could not be read ({error.strerror}).") from error
    table = csv.DictReader(io.StringIO(content), delimiter="\t", quoting=csv.QUOTE_NONE)
    if "onset" not in (table.fieldnames or []):
        raise DatasetError(f"{path} has no column onset; its columns are {', '.join(table.fieldnames or ['none'])}.")
    rows = [{key: (value or "").strip() for key, value in row.items() if isinstance(key, str)} for row in table]
    try:
        onsets = [float(row["onset"]) for row in rows]
        durations = [math.nan if row.get("duration", "") in MISSING else float(row["duration"]) for row in rows]
    except ValueError as error:
        raise DatasetError(f"{path} holds an onset or duration that is no number ({error}).") from error
    ends = [_end(onset, duration, onsets) for onset, duration in zip(onsets, durations, strict=True)]
    return [
        _Event(onset, end, row.get("trial_type", ""), row.get("stim_file", ""))
        for row, onset, end in zip(rows, onsets, ends, strict=True)
    ]


def _end(onset: float, duration: float, onsets: list[float]) -> float:
    if math.isfinite(duration):
        return onset + duration
    return min((later for later in onsets if later > onset), default=math.inf)
