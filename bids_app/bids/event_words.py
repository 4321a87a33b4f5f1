"""Words in an events.tsv, one per row."""

from collections.abc import Mapping
from pathlib import Path

from bids_app.bids.entities import parse_name
from bids_app.bids.metadata import Listing, applicable, list_names
from bids_app.bids.text import is_there, read_json, read_rows
from bids_app.bids.word_columns import find_columns
from bids_app.bids.word_rows import WordList
from bids_app.bids.word_tables import rows_of_table

_WORDS = {"word", "words", "token"}


def holds_words(header: list[str]) -> bool:
    """Whether the header of an events.tsv has a column of words."""
    return bool(_WORDS & {cell.strip().lower() for cell in header})


def sidecars_of_events(path: Path, listing: Listing = list_names) -> list[Path]:
    """JSON files of an events.tsv, including inherited ones, the most specific last."""
    root = path.parent
    while root.name == "func" or root.name.startswith(("ses-", "sub-")):
        root = root.parent
    beside = path.with_suffix(".json")
    inherited = reversed(applicable(root, parse_name(path).entities, "events", ".json", listing))
    return [sidecar for sidecar in inherited if sidecar != beside] + ([beside] if is_there(beside) else [])


def sidecar_of_events(path: Path, listing: Listing = list_names) -> dict[str, object]:
    """Content of the JSON files of an events.tsv, including inherited ones. Raises DatasetError if one is invalid."""
    return {key: value for sidecar in sidecars_of_events(path, listing) for key, value in read_json(sidecar).items()}


def rows_of_events(path: Path, sidecar: Mapping[str, object] | None = None) -> WordList:
    """Rows of an events.tsv that hold a word. Raises DatasetError if a column is missing or a row is invalid."""
    rows = read_rows(path)
    numbered = [(at, row) for at, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]
    sidecar = sidecar_of_events(path) if sidecar is None else sidecar
    columns = find_columns(numbered[0][1] if numbered else [], sidecar)
    words = rows_of_table(numbered[1:], columns, decimal_comma=False)
    return WordList([row for row, _ in words if row.text.strip()], sortable=True)
