"""Columns and keys of word lists, and the units of their times."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bids_app.bids.errors import DatasetError

_STARTS = ("onset", "start", "begin", "start_time", "starttime", "begin_time", "onset_time", "time_start")
STARTS = (*_STARTS, "word_onset", "word_start", "xmin", "tmin")
_ENDS = ("end", "offset", "stop", "end_time", "endtime", "stop_time", "offset_time", "time_end", "finish")
ENDS = (*_ENDS, "word_offset", "word_end", "xmax", "tmax")
DURATIONS = ("duration", "dur", "word_duration")
TEXTS = ("word", "words", "text", "token", "tokens", "label", "orthography")
TIERS = ("tier", "type", "tier_name", "tiername", "level")
SECTIONS = ("section", "chapter", "part", "run", "story", "file", "filename", "stimulus", "stim_file", "session")
SPEAKERS = ("speaker",)

_UNIT = re.compile(r"(?P<name>.*?)(?:[\s_]+|(?=[(\[]))[(\[]?(?P<unit>[a-z]+)[)\]]?")
_SECONDS_PER_UNIT = dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0)
_SECONDS_PER_UNIT |= dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 1e-3)


@dataclass(frozen=True)
class TimeColumn:
    """Index of a time column, and seconds per unit; None if the unit is not stated."""

    index: int
    unit: float | None


@dataclass(frozen=True)
class Columns:
    """Columns of a table of words: start, end or duration, text, and optional ones."""

    names: tuple[str, ...]
    text: int
    start: TimeColumn
    end: TimeColumn | None
    duration: TimeColumn | None
    tier: int | None
    section: int | None
    speaker: int | None

    @property
    def needed(self) -> int:
        """Smallest number of cells of a row."""
        times = [column.index for column in (self.start, self.end, self.duration) if column is not None]
        return max(self.text, *times) + 1

    def unit(self, column: TimeColumn) -> float:
        """Seconds per unit of a column: its own, that of another column of times, or 1."""
        units = [each.unit for each in (column, self.start, self.end, self.duration) if each is not None]
        return next((unit for unit in units if unit is not None), 1.0)


def seconds_per(unit: object, where: str) -> float:
    """Seconds in a unit of time such as "ms". Raises DatasetError for an unknown unit."""
    seconds = _SECONDS_PER_UNIT.get(str(unit).strip().lower())
    if seconds is None:
        raise DatasetError(f"the unit of {where} is {str(unit)[:40]!r}; it must be s or ms.")
    return seconds


def is_header(row: Sequence[str]) -> bool:
    """Whether a row is a header: it names columns of times and of words, or either one if no cell is a number."""
    names = [_split(cell)[0] for cell in row]
    has_time = any(name in STARTS or name in ENDS for name in names)
    has_text = any(name in TEXTS for name in names)
    if any(re.fullmatch(r"\s*[-+\d.,]+\s*", cell) for cell in row):
        return False
    return (has_time and has_text) or ((has_time or has_text) and all(cell.strip() for cell in row))


def find_columns(header: Sequence[str], sidecar: Mapping[str, object]) -> Columns:
    """Columns of a table by its header; `sidecar` may state the units (`{"onset": {"Units": "ms"}}`).

    Raises DatasetError if one is missing or a name occurs twice.
    """
    split_names = [_split(cell) for cell in header]
    names = tuple(name for name, _ in split_names)

    def column(known: Sequence[str]) -> int | None:
        name_in_table = next((name for name in known if name in names), None)
        if name_in_table is not None and names.count(name_in_table) > 1:
            raise DatasetError(f"two columns are called {name_in_table}: keep one of them.")
        return None if name_in_table is None else names.index(name_in_table)

    def time(known: Sequence[str]) -> TimeColumn | None:
        index = column(known)
        if index is None:
            return None
        entry = sidecar.get(header[index].strip(), sidecar.get(names[index]))
        unit_of_sidecar = entry.get("Units") if isinstance(entry, Mapping) else None
        units = [unit for unit in (split_names[index][1], unit_of_sidecar) if unit is not None]
        seconds = {seconds_per(unit, f"the column {header[index].strip()}") for unit in units}
        if len(seconds) > 1:
            raise DatasetError(f"the header and the sidecar give different units for {header[index].strip()}.")
        return TimeColumn(index, next(iter(seconds), None))

    text, start, end, duration = column(TEXTS), time(STARTS), time(ENDS), time(DURATIONS)
    if text is None or start is None or (end is None and duration is None):
        raise DatasetError(
            f"the columns are {', '.join(cell.strip()[:40] for cell in header[:20]) or 'none'}; needed are onset (or "
            "start, begin), duration (or end, offset, stop), and word (or text, token, label)."
        )
    return Columns(names, text, start, end, duration, column(TIERS), column(SECTIONS), column(SPEAKERS))


def _split(cell: str) -> tuple[str, str | None]:
    """Name of a column and its unit, as in `onset_ms` or `start (s)`."""
    name = cell.strip().strip("\"'").lower()
    match = _UNIT.fullmatch(name)
    if match is None or match["unit"] not in _SECONDS_PER_UNIT or not match["name"]:
        return name, None
    return match["name"].strip(), match["unit"]
