"""Minimal pairs: a table of two sentences each, of which a model should find one more probable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bids_app.bids.errors import DatasetError
from bids_app.bids.text import places_of, read_rows

COLUMNS = ("good", "bad", "category")
_MOST_PAIRS = 100_000


@dataclass(frozen=True)
class MinimalPair:
    """Two sentences, the better one first, and the phenomenon that tells them apart."""

    good: str
    bad: str
    category: str


def read_minimal_pairs(path: Path) -> tuple[MinimalPair, ...]:
    """Read a table with the columns good, bad and category, in any order and beside others.

    Raises DatasetError if a column is missing or there twice, a cell is empty, both sentences are the same, or there is
    no pair.
    """
    rows = read_rows(path)
    where = places_of(COLUMNS, rows, path)
    pairs = [_pair(path, line, row, where) for line, row in enumerate(rows[1:], start=2) if any(map(str.strip, row))]
    if not pairs:
        raise DatasetError(f"{path} holds no pair of sentences: write one in each row below the header")
    if len(pairs) > _MOST_PAIRS:
        raise DatasetError(f"{path} holds {len(pairs):,} pairs; at most {_MOST_PAIRS:,} are read: give fewer")
    return tuple(pairs)


def _pair(path: Path, line: int, row: list[str], where: list[int]) -> MinimalPair:
    cells = [" ".join(row[index].split()) if index < len(row) else "" for index in where]
    for name, cell in zip(COLUMNS, cells, strict=True):
        if not cell:
            raise DatasetError(f"{path}, line {line}: the column {name} is empty; a pair needs good, bad and category")
    if cells[0] == cells[1]:
        raise DatasetError(f"{path}, line {line}: good and bad are the same sentence, {cells[0][:80]!r}")
    return MinimalPair(*cells)
