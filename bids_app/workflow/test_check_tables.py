"""`n2n check` names tables that do not belong together before hours are spent."""

import numpy as np
import pytest

from bids_app.workflow.check import check_runs
from bids_app.workflow.sources import open_sources
from bids_app.workflow.test_nuisance import BAD, RUN, N, X, _confounds, _dataset, _settings


def _row(root, **settings):
    (row,) = check_runs(open_sources(_settings(root, **settings)), ["01"])
    return row


def test_confounds_of_another_length(tmp_path):
    _dataset(tmp_path / "data", confounds=_confounds(N + 5))
    assert f"has {N + 5} rows and" in _row(tmp_path / "data").problem
    row = _row(tmp_path / "data", confounds=("none",))
    assert (row.problem, row.confounds, row.volumes, row.story_volumes) == ("", "none", N, N - 3)


def test_censored_volumes_are_not_counted(tmp_path):
    func = _dataset(tmp_path / "data", X[BAD == 0], tool="xcp_d")
    (func / f"{RUN}_outliers.tsv").write_text("framewise_displacement\n" + "".join(f"{bad}\n" for bad in BAD))
    row = _row(tmp_path / "data")
    assert (row.problem, row.confounds, row.story_volumes) == ("", "cleaned before", N - 3 - int(np.sum(BAD)))
    assert "was cleaned of confounds before" in _row(tmp_path / "data", confounds=("simple",)).problem


@pytest.mark.parametrize("high_pass", [0.248, 0.25, 10.0])
def test_a_high_pass_that_leaves_nothing(tmp_path, high_pass):
    _dataset(tmp_path / "data")
    assert "leave" in _row(tmp_path / "data", high_pass=high_pass).problem
