from pathlib import Path

import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.minimal_pairs import MinimalPair, read_minimal_pairs


def _write(folder: Path, text: str) -> Path:
    path = folder / "pairs.tsv"
    path.write_text(text)
    return path


def test_columns_are_found_in_any_order(tmp_path: Path) -> None:
    path = _write(tmp_path, "Category\tid\tbad\tgood\nnumber\t1\tThe dogs  barks.\tThe dogs bark.\n\n")
    assert read_minimal_pairs(path) == (MinimalPair("The dogs bark.", "The dogs barks.", "number"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "good\tbad\na\tb\n",
            r"must have the columns good, bad and category .*; category is missing.*columns: good, bad",
        ),
        ("good\tbad\tbad\tcategory\n", "bad is missing or there twice"),
        ("good,bad,category\na,b,c\n", "separated by tabs; good, bad, category is missing"),
        ("", r"columns: none"),
        ("good\tbad\tcategory\n", "holds no pair of sentences"),
        ("good\tbad\tcategory\nA dog.\t\tnumber\n", "line 2: the column bad is empty"),
        ("good\tbad\tcategory\nA dog.\tA dogs.\n", "line 2: the column category is empty"),
        ("good\tbad\tcategory\nA dog.\tA  dog.\tx\n", "line 2: good and bad are the same sentence, 'A dog.'"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_minimal_pairs(_write(tmp_path, text))
