"""Praat TextGrids in their long and short text formats."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bids_app.bids.errors import DatasetError
from bids_app.bids.text import read_text

__all__ = ["Tier", "is_silence", "parse_textgrid", "read_text", "word_intervals"]  # read_text: for older imports

# Praat reads a text file as a stream of free-standing strings, numbers and flags; everything else is a comment.
_VALUE = re.compile(
    r'(?<![^\s=])(?:"(?P<string>(?:[^"]|"")*)"|(?P<flag><\w+>)|(?P<number>[-+]?\d[\d.]*(?:[eE][-+]?\d+)?))(?!\S)'
)

# Marks of forced aligners for what is no word: pauses, breaths, laughter, lip smacks, other noise.
_SILENCE = {"", "sp", "sil", "spn", "br", "lg", "ls", "ns", "cg", "sentence_start", "sentence_end"}
_BRACKETED = re.compile(r"[<{\[(].*[>}\])]|#+")

Interval = tuple[str, float, float]


@dataclass(frozen=True)
class Tier:
    """An interval tier: its name and its intervals (text, start, end in seconds)."""

    name: str
    intervals: tuple[Interval, ...]


def is_silence(text: str) -> bool:
    """Whether the text of an interval is a mark of the aligner, not a word."""
    mark = text.strip().lower()
    return mark in _SILENCE or _BRACKETED.fullmatch(mark) is not None


def _values(content: str) -> Iterator[str | float]:
    for match in _VALUE.finditer(content):
        if match["string"] is not None:
            yield match["string"].replace('""', '"')
        elif match["number"] is not None:
            yield float(match["number"])


def parse_textgrid(content: str) -> list[Tier]:
    """Interval tiers of a TextGrid (point tiers are passed over). Raises DatasetError when it is broken or cut off."""
    values = _values(content)

    def number() -> float:
        value = next(values)
        if isinstance(value, str):
            raise DatasetError(f"a number was expected in the TextGrid where {value!r} stands.")
        return value

    def string() -> str:
        value = next(values)
        if not isinstance(value, str):
            raise DatasetError(f"a text was expected in the TextGrid where {value:g} stands.")
        return value

    def tier() -> Tier:
        is_interval, name = string() == "IntervalTier", string()
        number(), number()
        n_items = int(number())
        # An interval is start, end, text; a point is time, text.
        items = [(number(), number() if is_interval else 0.0, string()) for _ in range(n_items)]
        return Tier(name, tuple((text, start, end) for start, end, text in items) if is_interval else ())

    try:
        header = string(), string()
        if header != ("ooTextFile", "TextGrid"):
            raise DatasetError(f"this is no TextGrid in text format: it starts with {header[0]!r}, {header[1]!r}.")
        number(), number()
        return [tier() for _ in range(int(number()))]
    except StopIteration:
        raise DatasetError("the TextGrid ends too early: the file is cut off.") from None


def word_intervals(content: str) -> tuple[Interval, ...]:
    """Intervals of the tier called `word` or `words`, or of the only tier."""
    tiers = parse_textgrid(content)
    called_words = [tier for tier in tiers if re.fullmatch(r"(.*\W)?words?(\W.*)?", tier.name.strip().lower())]
    chosen = called_words or [tier for tier in tiers if tier.intervals]
    if len(chosen) != 1:
        listed = ", ".join(repr(tier.name) for tier in tiers) or "none"
        raise DatasetError(f"one tier must be called 'word' or 'words'; the tiers are {listed}.")
    return chosen[0].intervals
