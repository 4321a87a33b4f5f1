from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom, combine_pvalues, false_discovery_control, ttest_1samp

from bids_app.analyses.test_distance_group import GEOMETRY, group_maps, settings_of, writer_of
from bids_app.bids.outputs import find_maps
from bids_app.run.group import run_group

LAYERS = ["layer-01", "layer-02"]


def brain_scores(n: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """r and p, (n, 2, n_targets), of an effect in the first 20 targets; a target without data."""
    rng = np.random.default_rng(0)
    r = rng.standard_normal((n, 2, GEOMETRY.n_targets))
    r[:, 0, :20] += 4
    p = rng.random((n, 2, GEOMETRY.n_targets))
    p[:-1, 0, :20] = 0.01  # not in the last participant
    r[0, :, 37] = p[0, :, 37] = np.nan
    return r.astype(np.float32), p.astype(np.float32)


def write(out: Path, r: npt.NDArray[np.float32], p: npt.NDArray[np.float32]) -> None:
    for number, (scores, chances) in enumerate(zip(r, p, strict=True), start=1):
        writer = writer_of(out, f"{number:02d}")
        writer.maps("brainscore", "r", scores, LAYERS, Layers=[1, 2])
        writer.maps("brainscore", "p", chances, LAYERS, Layers=[1, 2])


@pytest.mark.parametrize("n", [2, 8])
def test_prevalence_counts_the_participants_with_small_p(tmp_path: Path, n: int) -> None:
    settings = settings_of(tmp_path)
    r, p = brain_scores(n)
    write(settings.out_dir, r, p)
    run_group(settings, "group")
    mode, low, high = (group_maps(settings.out_dir, "brainscore", f"prevalence{end}")[0] for end in ("", "low", "high"))
    grid = np.linspace(0, 1, 2001)
    for target in (3, 30):
        for row in range(2):
            count = (p[:, row, target] < 0.05).sum()
            likelihood = np.asarray(binom.pmf(count, n, 0.05 + 0.95 * grid))
            assert mode[row, target] == pytest.approx(grid[likelihood.argmax()], abs=1e-3)
            inside = (grid >= low[row, target]) & (grid <= high[row, target])
            assert likelihood[inside].sum() / likelihood.sum() == pytest.approx(0.96, abs=0.005)
    assert np.isnan(mode[:, 37]).all()
    assert low[0, :20].min() > low[1].max(initial=0, where=np.isfinite(low[1])) or n == 2


def test_more_than_ten_participants_have_no_prevalence(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    write(settings.out_dir, *brain_scores(11))
    run_group(settings, "group")
    assert not find_maps(settings.out_dir, "brainscore", "prevalence", "group")
    assert find_maps(settings.out_dir, "brainscore", "pfwe", "group")


def test_twice_the_mean_p_counts_for_a_participant_with_two_recordings(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    for label, run, value in (("01", "1", 0.02), ("01", "2", 0.02), ("02", "1", 0.02), ("03", "1", 0.02)):
        writer = writer_of(settings.out_dir, label, run=run)
        values = np.full((1, GEOMETRY.n_targets), value, dtype=np.float32)
        values[:, 5] = {"1": 0.04, "2": 0.02}[run]  # mean 0.03, twice that is above the level
        writer.maps("brainscore", "r", values, LAYERS[:1], Layers=[1])
        writer.maps("brainscore", "p", values, LAYERS[:1], Layers=[1])
    run_group(settings, "group")
    mode = group_maps(settings.out_dir, "brainscore", "prevalence")[0][0]
    assert mode[0] == 1  # 3 of 3
    assert mode[5] == pytest.approx((2 / 3 - 0.05) / 0.95)


def test_family_wise_p_is_that_of_the_largest_t_under_all_flips(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    r, p = brain_scores(8)
    write(settings.out_dir, r, p)
    run_group(settings, "group")
    found = group_maps(settings.out_dir, "brainscore", "pfwe")[0]
    where = np.isfinite(r).all(axis=(0, 1))
    signs = 1 - 2 * ((np.arange(2**8)[:, None] >> np.arange(8)) & 1)
    for row in range(2):
        largest = np.array([np.abs(ttest_1samp(r[:, row, where] * s[:, None], 0).statistic).max() for s in signs])
        observed = np.abs(ttest_1samp(r[:, row, where], 0).statistic)
        expected = (largest >= observed[:, None] - 1e-4).mean(axis=1)
        np.testing.assert_allclose(found[row, where], expected, atol=1e-6)
    assert (found[0, :20] < 0.05).mean() > 0.9


def test_few_participants_are_tested_for_their_majority(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    r, p = brain_scores(5)  # four of five have the effect
    write(settings.out_dir, r, p)
    run_group(settings, "group")
    q = group_maps(settings.out_dir, "brainscore", "qmajority")[0]
    for row in range(2):
        where = np.isfinite(p[:, row]).all(axis=0)
        combined = [combine_pvalues(np.sort(one)[2:], method="fisher").pvalue for one in p[:, row, where].T]
        np.testing.assert_allclose(q[row, where], false_discovery_control(combined), rtol=1e-4)
    assert np.isnan(q[:, 37]).all()
    assert (q[0, :20] < 0.05).mean() > (q[1] < 0.05).mean()


def test_a_participant_without_p_values_is_named_as_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(tmp_path)
    r, p = brain_scores(4)
    write(settings.out_dir, r, p)
    for path in settings.out_dir.glob("sub-04/**/*_stat-p_*"):
        path.unlink()
    run_group(settings, "group")
    assert "not every participant with a score has p-values" in caplog.text
    assert not find_maps(settings.out_dir, "brainscore", "prevalence", "group")
