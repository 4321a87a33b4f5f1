"""Text, tables and JSON of a data set; unreadable files raise DatasetError."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bids_app import text_files
from bids_app.bids.errors import DatasetError
from bids_app.text_files import LIMIT, is_there

__all__ = ["LIMIT", "is_there", "places_of", "read_json", "read_json_content", "read_rows", "read_text"]


@contextmanager
def as_dataset_error() -> Iterator[None]:
    """Turn an error of `text_files` into a DatasetError."""
    try:
        yield
    except text_files.FileError as error:
        raise DatasetError(str(error)) from error


def read_text(path: Path, limit: int = LIMIT) -> str:
    """Text of a file of at most `limit` bytes (UTF-8, UTF-16 or Western Windows code page); raises DatasetError."""
    with as_dataset_error():
        return text_files.read_text(path, limit)


def read_rows(path: Path, delimiter: str = "\t", limit: int = LIMIT) -> list[list[str]]:
    """Rows of cells of a table (an empty line is an empty row); raises DatasetError."""
    with as_dataset_error():
        return text_files.read_rows(path, delimiter, limit)


def read_json(path: Path, limit: int = LIMIT) -> dict[str, object]:
    """Read a JSON object; raises DatasetError if the file is invalid or holds something else."""
    with as_dataset_error():
        return text_files.read_json(path, limit)


def read_json_content(path: Path, limit: int = LIMIT) -> object:
    """Read any JSON; raises DatasetError if the file is invalid."""
    with as_dataset_error():
        return text_files.read_json_content(path, limit)


def places_of(columns: Sequence[str], rows: Sequence[Sequence[str]], path: Path) -> list[int]:
    """Where each column stands in a table with a header. Raises DatasetError for one that is missing or there twice."""
    header = [name.strip().strip('"').lower() for name in rows[0]] if rows else []
    if wrong := [name for name in columns if header.count(name) != 1]:
        found = ", ".join(name for name in header if name) or "none"
        wanted = f"{', '.join(columns[:-1])} and {columns[-1]}"
        raise DatasetError(
            f"{path} must have the columns {wanted} once each, separated by tabs; {', '.join(wrong)} is missing or "
            f"there twice (columns: {found[:200]})"
        )
    return [header.index(name) for name in columns]
