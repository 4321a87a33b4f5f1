import os
from pathlib import Path

from bids_app.engines.jobs import Failure
from bids_app.run.closing import closing_lines


def write(path: Path, modified: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.utime(path, (modified, modified))


def test_the_table_says_what_was_written_and_what_failed(tmp_path: Path) -> None:
    write(tmp_path / "sub-1/func/old.tsv", 50)
    write(tmp_path / "sub-1/func/new.tsv", 150)
    write(tmp_path / "sub-1/figures/new.png", 100)
    write(tmp_path / "sub-1/func/.hidden", 150)
    write(tmp_path / "sub-1.html", 150)
    write(tmp_path / "sub-22/func/old.tsv", 50)
    lines = closing_lines(tmp_path, ["1", "22", "3"], [Failure("sub-3", "no words", "…")], since=100)
    assert lines == [
        "sub-1   2 files written; report sub-1.html",
        "sub-22  nothing to compute",
        "sub-3   FAILED: no words (nothing to compute)",
        f"2 of 3 participants complete in {tmp_path}",
    ]


def test_of_many_only_failures_have_a_line(tmp_path: Path) -> None:
    labels = [f"{n:03d}" for n in range(345)]
    lines = closing_lines(tmp_path, labels, [Failure("sub-007", "bad file", "…")], since=0)
    assert lines[0].startswith("sub-007  FAILED: bad file")
    assert lines[1:] == [f"344 of 345 participants complete in {tmp_path}"]
    assert closing_lines(tmp_path, [], [], since=0) == []
