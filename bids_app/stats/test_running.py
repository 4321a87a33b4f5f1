"""Sums over participants who come one by one, against scipy's test of all together."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from bids_app.stats.running import RunningMeans, RunningTest

RNG = np.random.default_rng(0)
MAPS = RNG.standard_normal((9, 2, 30)).astype(np.float32) + 0.4
MAPS[4, :, 3] = np.nan  # no data in one participant
MAPS[0, 1, 4] = np.inf
MAPS[:, 1, 5] = 0  # nobody has the atom here
MAPS[:, 0, 6] = 0.25
COMPLETE = np.isfinite(MAPS).all(axis=(0, 1))


def summed(kind: type[RunningMeans], maps: np.ndarray = MAPS) -> RunningMeans:
    sums = kind(*maps.shape[1:])
    for own in maps:
        sums.add(own)
    return sums


@pytest.mark.parametrize("targets", [np.arange(30), np.array([2, 3, 5, 29])])
@pytest.mark.parametrize("kind", [RunningMeans, RunningTest])
def test_means_are_those_of_all_maps_together(kind: type[RunningMeans], targets: np.ndarray) -> None:
    sums = summed(kind)
    sums.use(targets)
    np.testing.assert_array_equal(sums.complete, COMPLETE[targets])
    expected = np.where(COMPLETE, MAPS.mean(axis=0, dtype=np.float64), np.nan)[:, targets]
    np.testing.assert_allclose(sums.mean(), expected, rtol=1e-6)


@pytest.mark.parametrize("offset", [0, 1000])
def test_t_and_p_are_those_of_scipy_also_with_a_mean_far_above_the_spread(offset: float) -> None:
    maps = (MAPS + np.float32(offset)).astype(np.float32)
    sums = summed(RunningTest, maps)
    assert isinstance(sums, RunningTest)
    t, p = sums.t_test()
    differs = COMPLETE & (np.ptp(maps, axis=0) > 0).all(axis=0)
    expected = ttest_1samp(maps[:, :, differs].astype(np.float64), 0)
    np.testing.assert_allclose(t[:, differs], expected.statistic, rtol=1e-6)
    np.testing.assert_allclose(p[:, differs], expected.pvalue, rtol=1e-6)
    assert np.isnan(t[:, ~COMPLETE]).all()
    assert np.isnan(p[:, ~COMPLETE]).all()


def test_equal_values_of_all_participants_say_nothing() -> None:
    sums = summed(RunningTest)
    assert isinstance(sums, RunningTest)
    t, p = sums.t_test()
    assert (t[1, 5], p[1, 5], t[0, 6], p[0, 6]) == (0, 1, 0, 1)
