"""Texts of the functional localiser: a table of sentences and lists of non-words."""

from __future__ import annotations

from pathlib import Path

from bids_app.bids.errors import DatasetError
from bids_app.bids.text import places_of, read_rows

COLUMNS = ("condition", "text")
CONDITIONS = ("sentence", "nonwords")
_FEWEST, _MOST = 4, 100_000


def read_localiser(path: Path) -> tuple[tuple[str, str], ...]:
    """Read a table with the columns condition (sentence or nonwords) and text, in any order and beside others.

    Returns pairs of condition and text. Raises DatasetError if a column is missing or there twice, a condition is
    unknown, a text is empty or there twice, or a condition has fewer than 4 texts.
    """
    rows = read_rows(path)
    where = places_of(COLUMNS, rows, path)
    texts: dict[str, str] = {}
    for line, row in enumerate(rows[1:], start=2):
        if any(map(str.strip, row)):
            condition, text = _read(path, line, row, where)
            if text in texts:
                raise DatasetError(f"{path}, line {line}: the text {text[:80]!r} is there twice; give each once")
            texts[text] = condition
    for condition in CONDITIONS:
        count = sum(found == condition for found in texts.values())
        if not _FEWEST <= count <= _MOST:
            raise DatasetError(
                f"{path} has {count:,} texts of the condition {condition}; {_FEWEST} to {_MOST:,} are needed"
            )
    return tuple((condition, text) for text, condition in texts.items())


def _read(path: Path, line: int, row: list[str], where: list[int]) -> tuple[str, str]:
    condition, text = (" ".join(row[index].split()) if index < len(row) else "" for index in where)
    if condition.lower() not in CONDITIONS:
        raise DatasetError(
            f"{path}, line {line}: the condition {condition[:80]!r} is not one of {', '.join(CONDITIONS)}"
        )
    if not text:
        raise DatasetError(f"{path}, line {line}: the column text is empty")
    return condition.lower(), text
