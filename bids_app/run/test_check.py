"""`n2n check` and `--dry-run`: a row for every run, whatever is wrong with others, and all problems at once."""

import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from bids_app.conftest import EVENTS, Study, write
from bids_app.inputs.sources import Sources, open_sources
from bids_app.run import check as module
from bids_app.run.check import check, check_runs, open_partly, selected_participants
from bids_app.run.check_rows import RunCheck, Stories, rows_of
from bids_app.run.run import run

TRUTH = {"volumes": 80, "repetition_time": 2.0, "story_volumes": 70, "words": 300, "unaligned": 0, "left_out": 0}


@pytest.fixture(autouse=True)
def model(study: Study) -> None:
    write(study.root / "tinygpt" / "config.json", '{"model_type": "gpt2", "n_layer": 2, "n_embd": 32}')
    save_file({"w": np.ones(3, dtype=np.float32)}, study.root / "tinygpt" / "model.safetensors")


def rows(study: Study, **settings: Any) -> dict[str, RunCheck]:
    sources = open_sources(study.settings(**settings))
    return {row.run: row for row in check_runs(sources, sources.participants)}


def checked(study: Study, capsys: pytest.CaptureFixture[str], **settings: Any) -> tuple[int, str]:
    status = check(study.settings(**settings))
    return status, capsys.readouterr().out


def test_the_numbers_of_a_run(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    row = rows(study)["sub-01_task-tale"]
    assert {name: getattr(row, name) for name in TRUTH} == TRUTH
    assert (row.space, row.stimuli, row.confounds, row.regressors, row.repeated) == ("T", "tale", "none", (), 0)
    status, out = checked(study, capsys)
    assert status == 0
    assert out.splitlines()[1].split()[:8] == ["sub-01_task-tale", "T", "tale", "80", "2", "70", "300", "0"]
    assert "2 run(s) of 2 participant(s) can be analysed; 0 left out, 0 with a problem" in out
    assert "problem(s):" not in out


@pytest.mark.parametrize("with_bold", [True, False])
def test_the_folder_above_all_participants_is_read_no_more_often_for_more_of_them(
    study: Study, monkeypatch: pytest.MonkeyPatch, *, with_bold: bool
) -> None:
    """Read for each participant, it made the check of 10,000 take a hundred times as long as that of 1,000."""

    def reads() -> Counter[Path]:
        read: list[Path] = []

        def noted(folder: Path) -> Any:
            read.append(Path(folder))
            return scandir(folder)

        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", noted)
            sources = open_partly(study.settings(), [])
            labels = selected_participants(sources, [])
            found = [row for row in check_runs(sources, labels) if row.words]
        assert len(found) == len(labels)
        return Counter(path for path in read if path in (study.root, study.deriv))

    scandir = os.scandir
    if not with_bold:
        shutil.rmtree(study.deriv)
    counts = []
    for labels in (["01", "02"], ["03", "04", "05", "06"]):
        for label in labels:
            study.events(label)
            write(study.root / f"sub-{label}" / "func" / f"sub-{label}_task-tale_bold.json", '{"RepetitionTime": 2.0}')
            if with_bold:
                study.bold(label)
        counts.append(reads())
    assert counts[0] == counts[1]


def test_words_and_volumes_outside_the_story_or_without_a_time_are_counted(study: Study) -> None:
    lines = (study.root / "stimuli" / "tale_words.tsv").read_text().splitlines()
    lines[11] = "n/a\tn/a\tword"
    write(study.root / "stimuli" / "tale_words.tsv", "\n".join(lines) + "\n")
    study.events("01", text=EVENTS.format(story="tale").replace("140", "50"))
    short, whole = rows(study)["sub-01_task-tale"], rows(study)["sub-02_task-tale"]
    assert (whole.words, whole.unaligned, whole.left_out) == (299, 1, 0)
    # words start each 0.4 s from 0.5 s and last 0.3 s: the midpoint of the first 124 lies before 50 s
    assert (short.story_volumes, short.words, short.unaligned, short.left_out) == (25, 123, 1, 176)


def test_of_a_story_that_plays_twice_both_playings_are_counted(study: Study) -> None:
    event = "{onset}\t60\tstory\ttale.wav\n"
    header = "onset\tduration\ttrial_type\tstim_file\n"
    study.events("01", text=header + event.format(onset=6))
    once = rows(study)["sub-01_task-tale"]
    study.events("01", text=header + event.format(onset=6) + event.format(onset=76))
    twice = rows(study)["sub-01_task-tale"]
    assert once.words is not None
    assert once.left_out is not None
    assert (twice.story_volumes, twice.words, twice.left_out) == (60, 2 * once.words, 2 * once.left_out)
    assert once.left_out > 100


def test_what_is_heard_again_is_counted(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.remove("01")
    study.add("01", "_run-1")
    study.add("01", "_run-2")
    again = rows(study)
    assert [again[f"sub-01_task-tale_run-{number}"].repeated for number in (1, 2)] == [70, 70]
    assert again["sub-02_task-tale"].repeated == 0
    assert "repeated" in checked(study, capsys)[1].splitlines()[0]


def test_all_problems_are_reported_at_once_and_every_run_has_its_row(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in ("03", "04", "05", "06", "07", "08"):
        study.add(label)
    study.events("03", text="onset\tduration\ttrial_type\tstim_file\nsoon\t140\tstory\ttale.wav\n")
    study.events("04", text=EVENTS.format(story="broken"))
    write(study.root / "stimuli" / "broken_words.tsv", "onset\tduration\tword\nx\t1\ta\n")
    study.bold("05").with_suffix(".json").unlink()
    study.bold("06").unlink()
    (study.deriv / "sub-06/func/sub-06_task-tale_seg-T_timeseries.tsv").symlink_to("/nowhere/at/all")
    study.add("06", "_run-2")
    study.bold("07").write_text("A\tB\n")
    write(study.deriv / "sub-08/func/sub-08_task-tale_desc-confounds_timeseries.tsv", "trans_x\n" + "1\n2\n" * 9)
    status, out = checked(study, capsys, layer="99", confounds=("trans_x",))
    assert status == 1
    table, problems = out.split("problem(s):")
    for label in ("01", "02", "03", "04", "05", "06", "07", "08"):
        assert f"sub-{label}_task-tale" in table
    for message in (
        "sub-03_task-tale: ",
        "'soon' is not a number of seconds",
        "the story broken cannot be used",
        "No repetition time for sub-05",
        "is a link to content that is not here",
        "its header says 0 volumes",
        "has 18 rows and",
        "needs: give the derivative that has it",
        "--layer 99",
    ):
        assert message in problems, message


@pytest.mark.parametrize("damage", ["gone", "empty folders"])
def test_without_bold_the_table_comes_from_the_events(
    study: Study, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    shutil.rmtree(study.root / "derivatives")
    if damage == "empty folders":
        (study.deriv / "sub-01" / "func").mkdir(parents=True)
    write(study.root / "sub-01" / "func" / "sub-01_task-tale_bold.json", '{"RepetitionTime": 2.0}')
    write(study.root / "sub-02" / "func" / "sub-02_task-tale_bold.json", '{"RepetitionTime": 2.0}')
    status, out = checked(study, capsys)
    assert status == 1
    assert out.splitlines()[1].split()[:5] == ["sub-01_task-tale", "tale", "2", "70", "300"]
    assert "0 run(s) of 0 participant(s)" in out
    assert "\n1 problem(s):\n- No preprocessed BOLD" in out


def test_stories_without_words_are_one_problem(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(study.root / "stimuli")
    status, out = checked(study, capsys)
    assert status == 1
    assert out.count("No word timings for tale.wav") == 1
    assert out.splitlines()[1].endswith("no word timings")


def test_options_that_cannot_be_read_do_not_stop_the_table(
    study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out = checked(
        study,
        capsys,
        exclude_scans=tmp_path / "none.json",
        annotations=tmp_path / "none",
        participant_label=("01", "99"),
    )
    assert status == 1
    assert "sub-01_task-tale" in out
    assert "3 problem(s):" in out


def test_an_error_of_one_participant_leaves_the_rows_of_others(
    study: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows_or_error(sources: Sources, stories: Stories, label: str, timing: bool) -> list[RunCheck]:
        if label == "01":
            raise ZeroDivisionError("division by zero")
        return rows_of(sources, stories, label, timing)

    monkeypatch.setattr(module, "rows_of", rows_or_error)
    status, out = checked(study, capsys)
    assert status == 1
    assert "division by zero" in out
    assert "sub-02_task-tale" in out


def test_what_is_decided_is_shown(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    write(study.root / "stimuli" / "tale_words.csv", "onset,duration,word\n1,1,a\n")
    write(study.deriv / "sub-01/func/sub-01_task-tale_seg-B_timeseries.tsv", "A\tB\n" + "1\t2\n" * 80)
    write(study.deriv / "sub-01/func/sub-01_task-tale_seg-B_timeseries.json", '{"RepetitionTime": 2}')
    out = checked(study, capsys)[1]
    assert "Automatic decisions and remarks:" in out
    assert "data in B, of B, T; --space chooses another" in out


def test_a_dry_run_shows_the_table_first_and_fails_with_a_problem(
    study: Study, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    settings = replace(study.settings(), dry_run=True)
    with caplog.at_level("INFO"):
        assert run(settings) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("sub-01_task-tale")
    assert "would compute sub-01 task-tale: brainscore" in caplog.text
    study.bold("02").write_text("A\tB\n")
    caplog.clear()
    with caplog.at_level("INFO"):
        assert run(settings) == 1
    assert caplog.text.index("its header says 0 volumes") < caplog.text.index("would compute sub-01")
    assert not study.out.exists()
