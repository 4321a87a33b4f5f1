import json
import os
from pathlib import Path

from bids_app.engines.jobs import Failure
from bids_app.run.closing import closing_lines
from bids_app.run.left_out import note_left_out


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


def test_the_table_says_what_was_left_out(tmp_path: Path) -> None:
    write(tmp_path / "sub-1/func/new.tsv", 150)
    reason = "on the list of scans to leave out"
    note_left_out(tmp_path, "sub-1", {"sub-1_task-tale": reason})
    (line, _) = closing_lines(tmp_path, ["1"], [], since=100)
    assert line == f"sub-1  1 files written; left out: task-tale: {reason}"
    many = [str(n) for n in range(1, 40)]
    assert closing_lines(tmp_path, many, [], since=100)[0].startswith("sub-1   1 files written; left out")
    assert len(closing_lines(tmp_path, many, [], since=100)) == 2
    note_left_out(tmp_path, "sub-1", {}, analysed=["sub-1_task-tale"])
    assert "left out" not in closing_lines(tmp_path, ["1"], [], since=100)[0]


def test_what_was_left_out_is_kept_for_other_selections_of_tasks(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "leftout" / "sub-1.json"
    note_left_out(tmp_path, "sub-1", {})
    assert not path.exists()
    note_left_out(tmp_path, "sub-1", {"sub-1_task-tale": "excluded"})
    note_left_out(tmp_path, "sub-1", {"sub-1_task-song": "no words"}, analysed=["sub-1_task-poem"])
    assert json.loads(path.read_text()) == {"sub-1_task-song": "no words", "sub-1_task-tale": "excluded"}
    path.write_text("{")  # damaged: written anew
    note_left_out(tmp_path, "sub-1", {"sub-1_task-song": "no words"})
    assert json.loads(path.read_text()) == {"sub-1_task-song": "no words"}


def test_of_many_only_failures_have_a_line(tmp_path: Path) -> None:
    labels = [f"{n:03d}" for n in range(345)]
    lines = closing_lines(tmp_path, labels, [Failure("sub-007", "bad file", "…")], since=0)
    assert lines[0].startswith("sub-007  FAILED: bad file")
    assert lines[1:] == [f"344 of 345 participants complete in {tmp_path}"]
    assert closing_lines(tmp_path, [], [], since=0) == []
