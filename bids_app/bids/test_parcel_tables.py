import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.parcel_tables import read_parcel_table
from bids_app.bids.parcels import parcel_networks

X = np.random.default_rng(0).standard_normal((12, 3)).round(4) + 100
ROWS = ["\t".join(map(str, row)) for row in X.tolist()]


def _write(tmp_path: Path, header: str, rows: list[str], end: str = "\n", encoding: str = "utf-8") -> Path:
    path = tmp_path / "sub-01_task-x_seg-T_timeseries.tsv"
    path.write_bytes(end.join([header, *rows, ""]).encode(encoding))
    return path


def _with(first: list[object]) -> list[str]:
    return [f"{cell}\t{row}" for cell, row in zip(first, ROWS, strict=True)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_encodings(tmp_path: Path, end: str, encoding: str) -> None:
    values, names = read_parcel_table(_write(tmp_path, "Ä\tB b\tC", ROWS, end, encoding))
    np.testing.assert_array_equal(values, X.astype(np.float32))
    assert names == ("Ä", "B b", "C")


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("", range(12)),
        ("Unnamed: 0", range(12)),
        ("index", [i for i in range(15) if i not in (4, 5, 6)]),  # censored: the volumes that are left
        ("time", np.arange(12) * 1.5),
        ("Volume", range(1, 13)),
        ("counter", range(12)),  # whatever it is called
    ],
)
def test_columns_that_count_are_no_regions(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, column: list[object]
) -> None:
    with caplog.at_level(logging.INFO):
        values, names = read_parcel_table(_write(tmp_path, f"{name}\tA\tB\tC", _with(list(column))))
    np.testing.assert_array_equal(values, X.astype(np.float32))
    assert names == ("A", "B", "C")
    assert "is not a region: left out" in caplog.text


def test_pandas_index_and_numeric_headers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "sub-01_task-x_seg-T_timeseries.tsv"
    pd.DataFrame(X).to_csv(path, sep="\t")
    with caplog.at_level(logging.INFO):
        values, names = read_parcel_table(path)
    assert (values.shape, names) == ((12, 3), ("0", "1", "2"))
    assert "have numbers for names" in caplog.text


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (ROWS[0], ROWS[1:], "has no header: its first line holds numbers"),
        ("A\tA\tC", ROWS, "several columns called A"),
        ("A, B, C", [row.replace("\t", ", ") for row in ROWS], "separated by commas: write it with tabs"),
        ("A;B;C", [row.replace("\t", ";") for row in ROWS], "separated by semicolons"),
        ("A B C", [row.replace("\t", " ") for row in ROWS], "separated by blanks"),
        ("region\t0\t1\t2", _with([f"R{i}" for i in range(12)]), r"text in its first column \(R0, R1, R2, … .*in rows"),
        ("A\tB\tC", [*ROWS[:4], "1\t2,5\t3", *ROWS[4:]], "line 6, column 'B': '2,5' is not a number"),
        ("A\tB\tC", [*ROWS[:4], "1\t1_0\t3"], "line 6, column 'B': '1_0' is not a number"),
        ("A\tB\tC", [*ROWS[:4], "1\t2"], "line 6 has 2 cells and the header 3"),
        ("A\tB\tC", _with(list(range(12))), "line 2 has 4 cells and the header 3"),
        ("A\tB\tC", [*ROWS, "1\t1e38\t3"], "line 14, column 'B': 1e38 is too large"),
        ("time\tA\tB\tC", _with([3.0] * 12), "'time' that does not count up"),
        ("\tA\tB\tC", _with([3.0] * 12), "a column without a name"),
        ("index", [str(i) for i in range(12)], "no column of a region"),
        ("A\tB\tC", [], "a header and no rows"),
        ("", [], "is empty"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, header: str, rows: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_parcel_table(_write(tmp_path, header, rows))


def test_regions_without_a_signal_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"{row}\t5\t{'inf' if i == 3 else i % 2}\t{'NaN' if i < 2 else i % 3}" for i, row in enumerate(ROWS)]
    values, _ = read_parcel_table(_write(tmp_path, "A\tB\tC\tconstant\tinfinite\tmissing", rows))
    assert values.shape == (12, 6)
    assert "3 of 6 regions are constant or have missing or infinite values" in caplog.text
    assert "constant, infinite, missing" in caplog.text


def test_comments_and_quotation_marks(tmp_path: Path) -> None:
    path = _write(tmp_path, "# by a tool\n\n'A'\t\"B\"\t C ", ROWS)
    assert read_parcel_table(path)[1] == ("A", "B", "C")


def test_networks_that_fit_the_regions_in_part_or_not_at_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = tmp_path / "atlases" / "atlas-T_dseg.tsv"
    table.parent.mkdir()
    table.write_text("index\tlabel\tnetwork\n1\tA\tVis\n2\tB\tn/a\n")
    assert parcel_networks(tmp_path, "T", ("A", "B", "C")) == ("Vis", "", "")
    assert "1 of 3 regions are not in it: C" in caplog.text
    assert parcel_networks(tmp_path, "T", ("x", "y")) is None
    assert "names no region of the series (x, y; the table has A, B)" in caplog.text
    assert parcel_networks(tmp_path, "Other", ("A",)) is None


def test_names_of_thousands_of_digits(tmp_path: Path) -> None:
    """Longer than what Python turns into a number."""
    path = tmp_path / "sub-1_timeseries.tsv"
    path.write_text("9" * 5000 + "\tB\n1\t2\n3\t4\n")
    data, names = read_parcel_table(path)
    assert data.tolist() == [[1, 2], [3, 4]]
    assert names[1] == "B"
    path.write_text("9" * 5000 + "\t7\n1\t2\n3\t4\n")
    with pytest.raises(DatasetError, match="has no header"):
        read_parcel_table(path)
