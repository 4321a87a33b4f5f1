"""Tables of region names: BIDS `dseg.tsv`, comma-separated lists, FreeSurfer's and FSL's look-up tables."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bids_app.text_files import MEGABYTE, FileError, read_text, rows_of

_LIMIT = 16 * MEGABYTE
_ENDINGS = (".tsv", ".csv", ".txt", ".lut")
# Columns of tables with a header, the first that is there: label, network or name, colour.
_INDEX_COLUMNS = ("index", "label", "roi label", "network order", "id")
_NETWORK_COLUMNS = ("network", "network_label", "network_name")
_NAME_COLUMNS = ("name", "roi name", "network name", "region", "regions", "label")


@dataclass(frozen=True)
class Region:
    """A region's name and, where known, its hexadecimal colour and its network, from a table with a column for it."""

    name: str
    colour: str | None = None
    network: str | None = None


def table_beside(path: Path) -> Path | None:
    """The table of names of a label file: in its folder, its name made of parts of the file's name, most of them.

    So `tpl-X_atlas-A_dseg.tsv` serves `tpl-X_res-02_atlas-A_dseg.nii.gz`, and `A.csv` serves `A_space-X.nii.gz`.
    """
    parts = set(_stem(path).split("_"))
    tables = [
        file
        for file in sorted(path.parent.iterdir())
        if file.suffix in _ENDINGS and set(_stem(file).split("_")) <= parts
    ]
    return max(tables, key=lambda file: (len(_stem(file)), -_ENDINGS.index(file.suffix)), default=None)


def _stem(path: Path) -> str:
    return re.sub(r"(\.nii|\.label|\.func|\.shape)?\.[A-Za-z]+$", "", path.name.removesuffix(".gz"))


def read_table(path: Path, hemisphere: str = "") -> dict[int, Region]:
    """Region of each label of a table; empty where no row begins with a whole number.

    Of a table with a column `hemi`, only the rows of `hemisphere` ("L" or "R") are taken, where it is given.

    A first line with known column names (index, name, network, color …) is a header; otherwise a row is a number, a
    name and, in FreeSurfer's tables, red, green and blue from 0 to 255, or, in FSL's, a number, three colours from 0
    to 1 and a name. Raises FileError for a file that cannot be read, and for a label
    with two meanings.
    """
    text = read_text(path, _LIMIT).replace("\r\n", "\n").replace("\r", "\n")
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return {}
    rows = [_cells(path, line) for line in lines]
    header = [cell.lower() for cell in rows[0]]
    index, name, network = _columns(header)
    if index is not None and (name is not None or network is not None):
        return _each_once(path, _with_header(header, rows[1:], hemisphere))
    return _each_once(path, (region for region in map(_without_header, rows) if region is not None))


def _each_once(path: Path, regions: Iterable[tuple[int, Region]]) -> dict[int, Region]:
    """Regions by their labels. Raises FileError for a label with two meanings, of which one would be lost."""
    found: dict[int, Region] = {}
    for label, region in regions:
        other = found.setdefault(label, region)
        if (other.name, other.network) != (region.name, region.network):
            raise FileError(
                f"{path} has the label {label} twice, as {other.name!r} and as {region.name!r}: one label must be one "
                "region; correct the table"
            )
    return found


def _cells(path: Path, line: str) -> list[str]:
    if "\t" in line or path.suffix == ".tsv":
        cells = line.split("\t")
    elif path.suffix == ".csv":
        cells = rows_of(line, ",", path)[0]
    else:
        cells = line.split()
    return [cell.strip() for cell in cells]


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _columns(header: list[str]) -> tuple[int | None, int | None, int | None]:
    """Where the label, the name and the network stand; a column `label` is the name where another has the labels."""
    index = _column(header, _INDEX_COLUMNS)
    name = _column([cell if at != index else "" for at, cell in enumerate(header)], _NAME_COLUMNS)
    return index, name, _column(header, _NETWORK_COLUMNS)


def _with_header(header: list[str], rows: list[list[str]], hemisphere: str) -> Iterator[tuple[int, Region]]:
    index, name, network = _columns(header)
    colour = _column(header, ("color", "colour"))
    side = _column(header, ("hemi",))
    for row in rows:
        if index is None or len(row) < len(header) or not _is_whole(row[index]):
            continue
        if side is not None and hemisphere and row[side][:1].upper() not in (hemisphere, ""):
            continue
        of_network = row[network] if network is not None else None
        own = row[name] if name is not None else of_network or ""
        yield int(float(row[index])), Region(own, _colour(row[colour]) if colour is not None else None, of_network)


def _without_header(row: list[str]) -> tuple[int, Region] | None:
    if len(row) < 2 or not _is_whole(row[0]):
        return None
    if len(row) >= 5 and all(_is_number(cell) for cell in row[1:4]):  # FSL: number, colours, name
        return int(float(row[0])), Region(" ".join(row[4:]), _from_parts(row[1:4], 1))
    colour = _from_parts(row[2:5], 255) if len(row) >= 5 and all(_is_number(cell) for cell in row[2:5]) else None
    return int(float(row[0])), Region(row[1], colour)


def _from_parts(parts: list[str], brightest: int) -> str | None:
    if not all(float(part) <= brightest for part in parts):
        return None
    return "#" + "".join(f"{round(float(part) * 255 / brightest):02x}" for part in parts)


def _colour(cell: str) -> str | None:
    return cell[:7].lower() if re.fullmatch(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?", cell) else None


def _is_whole(cell: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}(\.0*)?", cell) is not None


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", cell) is not None
