"""Tables of numbers with a header: series of regions, confounds, outliers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_app.bids.errors import DatasetError
from bids_app.bids.text import read_rows
from bids_app.wording import listed

Floats = npt.NDArray[np.float64]

MISSING = {"", "n/a", "na", "nan", "none", "null"}
# Far above any series of a scanner or of motion; squares of larger numbers overflow float32.
LARGEST = 1e18
_MOST_DIGITS = 18  # digits of a count; Python refuses numbers of thousands of digits


@dataclass(frozen=True)
class NumberTable:
    """A table whose cells are converted on request.

    Attributes
    ----------
    names : the header, names without surrounding blanks and quotation marks
    rows : cells of each row below the header
    lines : line of each row in the file, counted from 1, for messages
    """

    path: Path
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def numbers(self, names: Sequence[str]) -> Floats:
        """Columns as numbers (n_rows, n_names); missing values are NaN.

        Raises DatasetError for a missing or duplicated name, and, with row and column, for text.
        """
        return self.columns([self._index(name) for name in names])

    def columns(self, indices: Sequence[int]) -> Floats:
        """Columns by their indices as numbers (n_rows, n_indices), see `numbers`."""
        values = np.empty((len(self.rows), len(indices)))
        for i, row in enumerate(self.rows):
            for j, column in enumerate(indices):
                values[i, j] = self._number(row[column], i, column)
        return values

    def where(self, row: int, column: int) -> str:
        """Name of a cell for messages."""
        name = self.names[column]
        return f"line {self.lines[row]}, column {name!r}" if name else f"line {self.lines[row]}, column {column + 1}"

    def _index(self, name: str) -> int:
        n_found = self.names.count(name)
        if n_found == 0:
            raise DatasetError(f"{self.path} has no column {name!r}; its columns are {listed(self.names)}.")
        if n_found > 1:
            raise DatasetError(f"{self.path} has {n_found} columns called {name!r}: leave one, or rename them.")
        return self.names.index(name)

    def _number(self, cell: str, row: int, column: int) -> float:
        text = unquoted(cell)
        if text.lower() in MISSING:
            return np.nan
        try:
            if "_" in text:  # Python would read 1_0 as 10
                raise ValueError
            value = float(text)
        except ValueError:
            raise DatasetError(
                f"{self.path}, {self.where(row, column)}: {text[:40]!r} is not a number; write missing values as n/a "
                "and decimals with a point."
            ) from None
        if abs(value) > LARGEST and np.isfinite(value):
            raise DatasetError(
                f"{self.path}, {self.where(row, column)}: {text} is too large for a measured value: make the table "
                "again."
            )
        return value


def read_number_table(path: Path) -> NumberTable:
    """Read a tab-separated table with a header and rows of equal length; comment lines are skipped.

    Raises DatasetError for anything else: empty, separated by commas, without a header, truncated.
    """
    rows = [(line, row) for line, row in enumerate(read_rows(path), start=1) if any(cell.strip() for cell in row)]
    while len(rows) > 1 and rows[0][1][0].startswith("#") and len(rows[0][1]) != len(rows[-1][1]):
        rows.pop(0)
    if not rows:
        raise DatasetError(f"{path} is empty: make it again.")
    header = [unquoted(cell) for cell in rows[0][1]]
    _require_tabs(path, header)
    _require_header(path, header, rows[1:])
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise DatasetError(
                f"{path}, line {line} has {len(row)} cells and the header {len(header)}: the table is truncated, or a "
                "column has no name. Make it again."
            )
    if len(rows) == 1:
        raise DatasetError(f"{path} holds a header and no rows: make it again.")
    return NumberTable(path, tuple(header), [row for _, row in rows[1:]], [line for line, _ in rows[1:]])


def unquoted(cell: str) -> str:
    """Text of a cell without the blanks and the pair of quotation marks around it."""
    text = cell.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def doubled(names: Sequence[str]) -> list[str]:
    """Names that occur more than once."""
    return [name for name, count in Counter(names).items() if count > 1]


def is_count(text: str) -> bool:
    """Whether a text is a whole number without a sign, as a name of a column may be."""
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS


def is_number(text: str) -> bool:
    """Whether a text reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _require_tabs(path: Path, header: Sequence[str]) -> None:
    if len(header) > 1:
        return
    for separator, name in ((",", "commas"), (";", "semicolons"), (" ", "blanks")):
        if separator in header[0].strip():
            raise DatasetError(f"{path} is separated by {name}: write it with tabs between the columns (.tsv).")


def _require_header(path: Path, header: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> None:
    """Refuse a first row that holds data: numbers that do not count up as names such as 0, 1, 2 do."""
    named = [cell for cell in header if cell]
    if len(named) < 1 or not all(is_number(cell) or cell.lower() in MISSING for cell in named):
        return
    counts = [int(cell) for cell in named if is_count(cell)]
    if len(counts) == len(named) and all(a < b for a, b in pairwise(counts)):
        return
    if rows and not is_number(unquoted(rows[0][1][0])) and rows[0][1][0].strip():
        return  # names of rows, which the reader of the columns reports
    raise DatasetError(
        f"{path} has no header: its first line holds numbers ({listed(header, 3)}). Write the names of the columns "
        "into the first line."
    )
