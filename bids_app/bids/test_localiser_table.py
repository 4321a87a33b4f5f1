from pathlib import Path

import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.localiser_table import read_localiser

ROWS = "".join(f"sentence\tthe dog {i}\nnonwords\tbol ga {i}\n" for i in range(4))


def _write(folder: Path, text: str) -> Path:
    path = folder / "texts.tsv"
    path.write_text(text)
    return path


def test_texts_are_read_with_columns_in_any_order(tmp_path: Path) -> None:
    lines = ROWS.splitlines()
    swapped = "".join(f"{line.split(chr(9))[1]}\tx\t{line.split(chr(9))[0].upper()}\n" for line in lines)
    found = read_localiser(_write(tmp_path, f"Text\tid\tCondition\n{swapped}\n"))
    assert found == read_localiser(_write(tmp_path, f"condition\ttext\n{ROWS}"))
    assert found[:2] == (("sentence", "the dog 0"), ("nonwords", "bol ga 0"))
    assert len(found) == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"columns: none"),
        ("condition,text\n", "separated by tabs; condition, text is missing"),
        ("condition\ttext\ttext\n", "text is missing or there twice"),
        (f"condition\ttext\n{ROWS}words\tthe cat\n", "line 10: the condition 'words' is not one of sentence, nonwords"),
        (f"condition\ttext\n{ROWS}sentence\t\n", "line 10: the column text is empty"),
        (f"condition\ttext\n{ROWS}nonwords\tthe  dog 0\n", "line 10: the text 'the dog 0' is there twice"),
        ("condition\ttext\nsentence\tthe dog\n", "has 1 texts of the condition sentence; 4 to 100,000 are needed"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_localiser(_write(tmp_path, text))
