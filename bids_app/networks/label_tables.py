"""Tables of region names: BIDS `dseg.tsv`, comma-separated lists, FreeSurfer's and FSL's look-up tables."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bids_app.text_files import MEGABYTE, FileError, read_text, rows_of

_LIMIT = 16 * MEGABYTE
_ENDINGS = (".tsv", ".csv", ".txt", ".lut")
# Columns of tables with a header, in order of preference: label, network or name, colour.
_INDEX_COLUMNS = ("index", "label", "roi label", "network order", "id")
_NETWORK_COLUMNS = ("network", "network_label", "network_name")
_NAME_COLUMNS = ("name", "roi name", "network name", "region", "regions", "full_name", "label")
_WANTED = "a table of labels has the columns index and name (and network, where regions belong to networks)"


@dataclass(frozen=True)
class Region:
    """The name of a region and, if known, its hexadecimal colour and its network."""

    name: str
    colour: str | None = None
    network: str | None = None


def table_beside(path: Path) -> Path | None:
    """The table of names of a label file: in the same folder, with a name made of most parts of the file name.

    For example, `tpl-X_atlas-A_dseg.tsv` is used for `tpl-X_res-02_atlas-A_dseg.nii.gz`, `A.csv` for
    `A_space-X.nii.gz`.
    """
    pieces = set(_stem(path).split("_"))
    tables = [
        file
        for file in sorted(path.parent.iterdir())
        if file.suffix in _ENDINGS and set(_stem(file).split("_")) <= pieces
    ]
    return max(tables, key=lambda file: (len(_stem(file)), -_ENDINGS.index(file.suffix)), default=None)


def table_name(path: Path) -> str:
    """A table name that matches a label file.

    >>> table_name(Path("A_space-X.nii.gz"))
    'A_space-X.tsv'
    """
    return f"{_stem(path)}.tsv"


def _stem(path: Path) -> str:
    return re.sub(r"(\.nii|\.label|\.func|\.shape)?\.[A-Za-z]+$", "", path.name.removesuffix(".gz"))


def read_table(path: Path, hemisphere: str = "") -> dict[int, Region]:
    """Region of each label of a table.

    If `hemisphere` ("L" or "R") is given, only its rows in a table with a column `hemi` are used. A row without a name
    is left out; a label with the name `n/a` is not a region.

    A first line with known column names (index, name, network, color …) is a header; otherwise a row is a number, a
    name and, in FreeSurfer's tables, red, green and blue from 0 to 255, or, in FSL's, a number, three colours from 0
    to 1 and a name. Raises FileError for a file that cannot be read or names no label, for an unknown header or row,
    and for a label with two meanings.
    """
    rows = _rows(path)
    header = [cell.lower() for cell in rows[0].cells]
    columns = None if _is_whole(header[0]) else _columns(path, header, rows[1:])
    if columns is None:
        regions = _each_once(path, filter(None, (_without_header(row.cells) for row in rows)))
        of_side = regions
    else:
        named = list(_with_header(path, columns, rows[1:]))
        regions = {label: region for _, label, region in named}
        asked = {hemisphere, ""} if hemisphere else {"L", "R", ""}
        of_side = _each_once(path, ((label, region) for side, label, region in named if side in asked))
    if not regions:
        raise FileError(f"{path} has no row with a label and its name; {_WANTED}")
    return of_side


@dataclass(frozen=True)
class _Row:
    line: int
    cells: list[str]


@dataclass(frozen=True)
class _Columns:
    """Column indices of label, name, network, colour and hemisphere; None for none."""

    n_columns: int
    index: int
    name: int | None
    network: int | None
    colour: int | None
    side: int | None


def _rows(path: Path) -> list[_Row]:
    """Lines that are neither empty nor comments. Raises FileError if there are none."""
    text = read_text(path, _LIMIT).replace("\r\n", "\n").replace("\r", "\n")
    lines = [
        (at, line) for at, line in enumerate(text.split("\n"), start=1) if line.strip() and line.lstrip()[0] != "#"
    ]
    if not lines:
        raise FileError(f"{path} is empty; {_WANTED}")
    first = lines[0][1]
    separator = ";" if first.count(";") > first.count(",") else ","  # Excel, in countries with a decimal comma
    return [_Row(at, _cells(path, line, separator)) for at, line in lines]


def _each_once(path: Path, regions: Iterable[tuple[int, Region]]) -> dict[int, Region]:
    """Regions by label. Raises FileError for a label with two meanings, one of which would be lost."""
    by_label: dict[int, Region] = {}
    for label, region in regions:
        other = by_label.setdefault(label, region)
        if (other.name, other.network) != (region.name, region.network):
            raise FileError(
                f"{path} has the label {label} twice, as {other.name!r} and as {region.name!r}: one label must be one "
                "region; correct the table"
            )
    return by_label


def _cells(path: Path, line: str, separator: str) -> list[str]:
    if "\t" in line or path.suffix == ".tsv":
        cells = line.split("\t")
    elif path.suffix == ".csv":
        cells = rows_of(line, separator, path)[0]
    else:
        cells = line.split()
    return [cell.strip() for cell in cells]


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _columns(path: Path, header: list[str], rows: list[_Row]) -> _Columns | None:
    """Columns of the header; None for a line to be skipped.

    A column `label` holds names if another column holds the labels; a first column of whole numbers holds the labels
    whatever its name. Raises FileError for a header that lacks one of the two, or has one twice.
    """
    index = _column(header, _INDEX_COLUMNS)
    name = _column([cell if at != index else "" for at, cell in enumerate(header)], _NAME_COLUMNS)
    network = _column(header, _NETWORK_COLUMNS)
    twice = [header[at] for at in (index, name, network) if at is not None and header.count(header[at]) > 1]
    if twice:
        raise FileError(f"{path} has several columns called {twice[0]}: keep the right one")
    named = name is not None or network is not None
    if index is None and named and 0 not in (name, network) and all(_is_whole(row.cells[0]) for row in rows):
        index = 0
    if index is not None and named:
        return _Columns(
            len(header), index, name, network, _column(header, ("color", "colour")), _column(header, ("hemi",))
        )
    if index is None and not named and _tells_names(rows):
        return None
    lacking = "labels" if index is None else "names"
    raise FileError(f"{path} has no column with {lacking}, only {', '.join(header)[:200]}; {_WANTED}")


def _tells_names(rows: list[_Row]) -> bool:
    """Whether the rows below an unknown line start with a number and a name, as in FreeSurfer's tables."""
    regions = [region for row in rows if (region := _without_header(row.cells)) is not None]
    return any(re.search(r"[^\W\d]", region.name) and not region.name.startswith("#") for _, region in regions)


def _with_header(path: Path, columns: _Columns, rows: list[_Row]) -> Iterator[tuple[str, int, Region]]:
    """Hemisphere ("" for both), label and region of each row. Raises FileError for a row unlike the header."""
    for row in rows:
        cells = [*row.cells, *[""] * (columns.n_columns - len(row.cells))]
        where = f"{path}, line {row.line}"
        if any(cells[columns.n_columns :]):
            raise FileError(
                f"{where}: {len(cells)} cells below {columns.n_columns} columns; is a name with commas quoted?"
            )
        label = cells[columns.index]
        if label in ("", "n/a"):
            continue
        if not re.fullmatch(r"-?[0-9]{1,9}(\.0*)?", label):
            raise FileError(f"{where}: the label {label[:40]!r} is not a whole number; correct the table")
        network = None if columns.network is None else cells[columns.network]
        name = network if columns.name is None else cells[columns.name]
        if name or network:
            colour = None if columns.colour is None else _colour(cells[columns.colour])
            letter = "" if columns.side is None else cells[columns.side][:1].upper()
            side = letter if letter in ("L", "R") else ""
            yield side, int(float(label)), Region(name or network or "", colour, network)


def _without_header(row: list[str]) -> tuple[int, Region] | None:
    if len(row) < 2 or not _is_whole(row[0]):
        return None
    if len(row) >= 5 and all(_is_number(cell) for cell in row[1:4]):  # FSL: number, colours, name
        return int(float(row[0])), Region(" ".join(row[4:]), _from_components(row[1:4], 1))
    colour = _from_components(row[2:5], 255) if len(row) >= 5 and all(_is_number(cell) for cell in row[2:5]) else None
    return int(float(row[0])), Region(row[1], colour)


def _from_components(values: list[str], brightest: int) -> str | None:
    if not all(float(value) <= brightest for value in values):
        return None
    return "#" + "".join(f"{round(float(value) * 255 / brightest):02x}" for value in values)


def _colour(cell: str) -> str | None:
    return cell[:7].lower() if re.fullmatch(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?", cell) else None


def _is_whole(cell: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}(\.0*)?", cell) is not None


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", cell) is not None
