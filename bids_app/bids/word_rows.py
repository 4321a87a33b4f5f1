"""Rows of a word list, common to all formats of word timings, before their times are checked."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bids_app.bids.errors import DatasetError

# Marks of forced aligners for non-words: pauses, breaths, laughter, lip smacks, other noise.
_MARKS = {"", "sp", "sil", "spn", "br", "lg", "ls", "ns", "cg", "sentence_start", "sentence_end"}
_BRACKETED = re.compile(r"[<{\[(].*[>}\])]|#+", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
_MISSING = {"", "n/a", "na", "nan", "none", "null"}


class WordRow(NamedTuple):
    """A row of a word list: start and end in seconds (NaN if not aligned), and its location in the file ("row 3").

    Rows of different speakers may overlap in time. A tuple, because every run makes one for each word of the data set.
    """

    text: str
    start: float
    end: float
    location: str
    speaker: str = ""


@dataclass(frozen=True)
class WordList:
    """The result of a reader: rows in the order of the file, and notes about them.

    `sortable`: the rows may be out of the order of the text (tables that people make or sort). `n_left_out` counts
    skipped entries that are not words of the text.
    """

    rows: Sequence[WordRow]
    sortable: bool = False
    n_left_out: int = 0
    n_unknown: int = 0
    notes: tuple[str, ...] = ()


def is_mark(text: str) -> bool:
    """Whether a text is a mark of an aligner (a pause, a breath, noise) instead of a word.

    >>> is_mark("{BR}"), is_mark("sp"), is_mark("spring")
    (True, True, False)
    """
    mark = text.strip().lower()
    return mark in _MARKS or _BRACKETED.fullmatch(mark) is not None


def number(cell: object, location: str, decimal_comma: bool = False) -> float:
    """Read a time; an empty cell and n/a are NaN. Raises DatasetError, which names the location, for anything else."""
    if isinstance(cell, str) and _NUMBER.fullmatch(cell) and not math.isinf(value := float(cell)):
        return value  # nearly all cells
    if cell is None:
        return math.nan
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        try:
            value = float(cell)
        except OverflowError:
            value = math.inf
    else:
        text = cell.strip() if isinstance(cell, str) else repr(cell)
        if text.lower() in _MISSING:
            return math.nan
        plain = text.replace(",", ".") if decimal_comma else text
        value = float(plain) if _NUMBER.fullmatch(plain) else math.inf
    if math.isinf(value):
        raise DatasetError(f"{location}: {str(cell)[:40]!r} is not a time; write seconds such as 1.25, or n/a.")
    return value
