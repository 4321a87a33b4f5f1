"""Tables of words: gentle's align.csv, and tables with a header by aligners and laboratories."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bids_app.bids.errors import DatasetError
from bids_app.bids.text import as_dataset_error, is_there, read_json, read_json_content, read_text
from bids_app.bids.textgrid import Tier, choose_tier
from bids_app.bids.word_columns import Columns, TimeColumn, find_columns, is_header
from bids_app.bids.word_rows import WordList, WordRow, number
from bids_app.text_files import rows_of

_log = logging.getLogger(__name__)

Numbered = tuple[int, list[str]]  # number of the row in the file, cells


def read_table(path: Path) -> WordList:
    """Words of a table (.tsv, .csv) with a header, or of gentle's align.csv, which has none.

    The delimiter is that of the header: tab, comma or semicolon. Decimal commas are allowed with other delimiters.
    Times are in seconds, or in the unit of the header (`onset_ms`) or of the sidecar of the same name.
    """
    text = read_text(path)
    if not text.strip():
        raise DatasetError("the file is empty: get it again, or align the transcript with the audio.")
    delimiters = ("\t", ",", ";") if path.suffix.lower() == ".tsv" else (",", ";", "\t")
    first = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    for delimiter in delimiters:
        with as_dataset_error():
            header = next(iter(rows_of(first, delimiter, path)), [])
        if len(header) > 1 and is_header(header):
            return _with_header(path, text, delimiter)
    if path.suffix.lower() == ".tsv":
        find_columns(first.split("\t"), {})  # its error names the required columns
        raise DatasetError("the first row must name the columns (onset, duration, word).")
    return _gentle(path, text)


def rows_of_table(
    numbered: Sequence[Numbered], columns: Columns, decimal_comma: bool
) -> list[tuple[WordRow, list[str]]]:
    """Word rows of a table below its header, each with its cells; rows without a word are pauses.

    Raises DatasetError, which names the row.
    """
    rows = []
    for at, cells in numbered:
        location = f"row {at}"
        if len(cells) < columns.needed or any(cell.strip() for cell in cells[len(columns.names) :]):
            raise DatasetError(
                f"{location} has {len(cells)} cells, the header {len(columns.names)}: "
                "put words that hold a delimiter in quotation marks (.csv), or write the row again."
            )
        start, end = _times(cells, columns, location, decimal_comma)
        speaker = "" if columns.speaker is None or columns.speaker >= len(cells) else cells[columns.speaker].strip()
        text = cells[columns.text]
        rows.append((WordRow("" if text.strip().lower() == "n/a" else text, start, end, location, speaker), cells))
    return rows


def _times(cells: list[str], columns: Columns, location: str, decimal_comma: bool) -> tuple[float, float]:
    def read(column: TimeColumn) -> float:
        return number(cells[column.index], location, decimal_comma) * columns.unit(column)

    start = read(columns.start)
    end = start + read(columns.duration) if columns.duration is not None else float("nan")
    if columns.end is None:
        return start, end
    last = read(columns.end)
    if abs(last - end) > 0.05:
        raise DatasetError(
            f"{location}: start, duration and end do not fit ({start:g} s, {end - start:g} s, {last:g} s): "
            "correct the row, or keep only one of the columns of duration and end."
        )
    return start, last


def _with_header(path: Path, text: str, delimiter: str) -> WordList:
    with as_dataset_error():
        rows = rows_of(text, delimiter, path)
    numbered = [(at, row) for at, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]
    columns = find_columns(numbered[0][1], _sidecar(path))
    decimal_comma = delimiter != "," and _has_decimal_comma(numbered[1:], columns)
    words = rows_of_table(numbered[1:], columns, decimal_comma)
    n_all = len(words)
    words = _of_word_tier(words, columns)
    _check_sections(words, columns)
    return WordList([row for row, _ in words], sortable=True, n_left_out=n_all - len(words))


def _has_decimal_comma(rows: Sequence[Numbered], columns: Columns) -> bool:
    times = [column.index for column in (columns.start, columns.end, columns.duration) if column is not None]
    cells = [row[index] for _, row in rows for index in times if index < len(row)]
    return any("," in cell for cell in cells) and not any("." in cell for cell in cells)


def _sidecar(path: Path) -> Mapping[str, object]:
    """The JSON file beside a table; empty without one, and if it is a list of words, as aligners export them."""
    beside = path.with_suffix(".json")
    if not is_there(beside):
        return {}
    if isinstance(read_json_content(beside), list):
        _log.info("%s holds a list, no description of the columns of %s: it is passed over", beside, path.name)
        return {}
    return read_json(beside)


def _of_word_tier(words: list[tuple[WordRow, list[str]]], columns: Columns) -> list[tuple[WordRow, list[str]]]:
    """Rows of the word tier if a table has a column of tiers."""
    if columns.tier is None or columns.tier == columns.text:
        return words
    tiers: dict[str, list[tuple[WordRow, list[str]]]] = {}
    for row, cells in words:
        tiers.setdefault(cells[columns.tier].strip() if columns.tier < len(cells) else "", []).append((row, cells))
    if len(tiers) < 2:
        return words
    chosen = choose_tier([Tier(name, tuple(row for row, _ in rows)) for name, rows in tiers.items()])
    return tiers[chosen.name]


def _check_sections(words: list[tuple[WordRow, list[str]]], columns: Columns) -> None:
    """Raise DatasetError for a table of several sections (recordings), unless its times run through all of them."""
    if columns.section is None:
        return
    sections = dict.fromkeys(cells[columns.section].strip() for _, cells in words if columns.section < len(cells))
    starts = np.array([row.start for row, _ in words])
    if len(sections) > 1 and (np.diff(starts[np.isfinite(starts)]) < 0).any():
        name, listed = columns.names[columns.section], ", ".join(list(sections)[:10])
        raise DatasetError(
            f"the table holds several sections (column {name}: {listed}) with separate times: "
            "make one table for each recording."
        )


def _gentle(path: Path, text: str) -> WordList:
    """Words of gentle's align.csv: word of the transcript, word as aligned or <unk>, start, end."""
    lines = [line for line in text.splitlines() if line.strip()]
    delimiter = ";" if all(line.count(";") >= 3 for line in lines) else ","
    with as_dataset_error():
        cells = rows_of(text, delimiter, path)
    rows, n_unknown = [], 0
    for at, row in enumerate(cells, 1):
        if not "".join(row).strip():
            continue
        if len(row) < 4:
            raise DatasetError(
                f"row {at} has fewer than four cells (word, aligned word, start, end): add a header that names the "
                "columns (onset, duration, word), or align again."
            )
        # Columns from the right, because a transcript word may hold an unquoted comma.
        location = f"row {at}"
        start, end = number(row[-2], location, delimiter == ";"), number(row[-1], location, delimiter == ";")
        n_unknown += row[-3].strip() == "<unk>"
        rows.append(WordRow(",".join(row[:-3]), start, end, location))
    return WordList(rows, n_unknown=n_unknown)
