"""What `n2n status` says of finished, damaged, running and failed participants."""

from pathlib import Path

import pytest

from bids_app.conftest import Study
from bids_app.machine.completion import FOLDER
from bids_app.machine.once import locked
from bids_app.run.status import show_status, status_of
from bids_app.tools import main

KIND = "seg-T_model-tinygpt_desc-brainscore"


def test_finished_participants(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.run("01")
    study.run("02")
    assert main(["status", str(study.out)]) == 0
    first, second = status_of(study.out)
    assert first.finished == [f"sub-01_task-tale_{KIND}"]
    assert (second.running, second.failed, second.missing) == ([], [], [])
    assert capsys.readouterr().out.splitlines()[-1] == "2 participants: 2 finished, 0 running, 0 failed, 0 incomplete"


def test_who_lacks_what_others_have_is_incomplete(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.run("01")
    (study.out / "sub-02" / "func").mkdir(parents=True)
    assert show_status(study.out) == 1
    assert status_of(study.out)[1].missing == [KIND]
    assert f"sub-02       0         -        -       {KIND}" in capsys.readouterr().out


def test_a_damaged_output_is_missing(study: Study) -> None:
    study.run("01")
    path = next(study.out.glob("sub-01/func/*_stat-p_*_statmap.tsv"))
    path.write_text(path.read_text() + "x")
    (status,) = status_of(study.out)
    assert status.finished == []
    assert f"{path.name} has" in status.missing[0]


def test_a_lock_that_is_held_is_running_and_one_that_was_left_is_not(study: Study) -> None:
    study.run("01")
    title = f"sub-02_task-tale_{KIND}"
    lock = study.out / FOLDER / f".{title}_complete.json.lock"
    with locked(lock):
        assert status_of(study.out)[1].running == [title]
        assert status_of(study.out)[1].missing == []
    (status,) = status_of(study.out)
    assert (status.participant, status.running) == ("sub-01", [])


def test_a_failure_is_told_with_its_reason(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.run("01")
    (study.out / "logs" / "crash-20261126T200000_sub-02.txt").write_text("sub-02: no words\nTraceback\n")
    assert show_status(study.out) == 1
    assert "sub-02: sub-02: no words" in capsys.readouterr().out
    assert status_of(study.out)[1].failed == ["sub-02: no words"]


def test_a_submitted_participant_whose_job_left_no_trace_is_missing(study: Study) -> None:
    listed = study.out / "logs" / "slurm" / "20261126T200000" / "participants.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("01\n02\n")
    assert [each.missing for each in status_of(study.out)] == [["everything"], ["everything"]]
    study.run("01")
    assert show_status(study.out) == 1
    assert [each.missing for each in status_of(study.out)] == [[], [KIND]]


def test_a_folder_without_results_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(tmp_path)]) == 1
    assert "holds no results of participants: give the OUT_DIR of a run" in capsys.readouterr().err
