"""`n2n check` names tables that do not belong together before hours are spent."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_app.inputs.sources import open_sources
from bids_app.inputs.test_nuisance import BAD, RUN, TABLE, N, X, _confounds, _dataset, _settings
from bids_app.run.check import check_runs
from bids_app.run.check_rows import RunCheck
from bids_app.run.check_table import problems_of, summary_of
from bids_app.run.run import run


def _row(root: Path, **settings: Any) -> RunCheck:
    (row,) = check_runs(open_sources(_settings(root, **settings)), ["01"])
    return row


def test_confounds_of_another_length(tmp_path: Path) -> None:
    _dataset(tmp_path / "data", confounds=_confounds(N + 5))
    assert f"has {N + 5} rows and" in _row(tmp_path / "data").problem
    row = _row(tmp_path / "data", confounds=("none",))
    assert (row.problem, row.confounds, row.volumes, row.story_volumes) == ("", "none", N, N - 3)


def test_censored_volumes_are_not_counted(tmp_path: Path) -> None:
    func = _dataset(tmp_path / "data", X[BAD == 0], tool="xcp_d")
    (func / f"{RUN}_outliers.tsv").write_text("framewise_displacement\n" + "".join(f"{bad}\n" for bad in BAD))
    row = _row(tmp_path / "data")
    assert (row.problem, row.confounds, row.story_volumes) == ("", "cleaned before", N - 3 - int(np.sum(BAD)))
    assert "was cleaned of confounds before" in _row(tmp_path / "data", confounds=("simple",)).problem


@pytest.mark.parametrize("high_pass", [0.248, 0.25, 10.0])
def test_a_high_pass_that_leaves_nothing(tmp_path: Path, high_pass: float) -> None:
    _dataset(tmp_path / "data")
    assert "leave" in _row(tmp_path / "data", high_pass=high_pass).problem


def test_a_problem_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    func = _dataset(tmp_path / "data")
    (tmp_path / "data" / "task-tale_bold.json").rename((func / TABLE).with_suffix(".json"))
    shutil.copy(func / TABLE, func / TABLE.replace("_seg-", "_rec-moco_seg-"))
    run(_settings(tmp_path / "data", dry_run=True))
    assert caplog.text.count("exists in several versions") == 1


def test_problems_of_all_come_first_unless_a_run_has_them() -> None:
    rows = [_row_with("sub-01_task-a", "sub-01_task-a has none"), _row_with("sub-02_task-a", "it is torn")]
    lines = ["sub-01_task-a has none", "sub-02_task-a: it is torn"]
    assert problems_of(rows, ["no model", "no model", "it is torn"]) == ["no model", *lines]


def _row_with(label: str, problem: str) -> RunCheck:
    return RunCheck(label, problems=(problem,))


def test_a_participant_without_any_run_counts_among_the_problems() -> None:
    rows = [RunCheck("sub-01_task-a"), _row_with("sub-02_task-a", "it is torn"), _row_with("sub-03", "no run")]
    assert summary_of(rows) == "1 run(s) of 1 participant(s) can be analysed; 0 left out, 2 with a problem"
