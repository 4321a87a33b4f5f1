import tracemalloc

import numpy as np
import pytest
from scipy.stats import bootstrap

from bids_app.stats import intervals
from bids_app.stats.intervals import N_DRAWS, bootstrap_interval, percentile_interval, resampled_means


def test_interval_is_near_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(4).standard_normal(200)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std(ddof=1) / np.sqrt(200)
    np.testing.assert_allclose([low, high], [values.mean() - half, values.mean() + half], atol=0.02)
    assert bootstrap_interval(values) == (low, high)


def test_intervals_of_columns_against_scipy() -> None:
    values = np.random.default_rng(1).gamma(2, size=(12, 3))
    expected = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=3).confidence_interval
    np.testing.assert_allclose(percentile_interval(resampled_means(values)), expected, atol=0.04)
    interval = percentile_interval(resampled_means(values))[:, 1]
    np.testing.assert_allclose(interval, bootstrap_interval(values[:, 1]), rtol=1e-12)


def test_columns_are_drawn_together() -> None:
    values = np.random.default_rng(2).standard_normal((5, 1)) * [1, -2]
    means = resampled_means(values, n=50)
    assert means.shape == (50, 2)
    np.testing.assert_allclose(means[:, 1], -2 * means[:, 0])


def test_nan_is_left_out() -> None:
    assert bootstrap_interval([1.0, np.nan, 1.0]) == (1, 1)
    assert np.isnan(bootstrap_interval([1.0, np.nan])).all()


@pytest.mark.parametrize("n_participants", [12, 300])
@pytest.mark.parametrize("at_once", [1, 5000, 10**7])
def test_draws_are_those_of_a_single_draw(monkeypatch: pytest.MonkeyPatch, n_participants: int, at_once: int) -> None:
    monkeypatch.setattr(intervals, "_COUNTS_AT_ONCE", at_once)
    intervals._times_drawn.cache_clear()
    values = np.random.default_rng(1).standard_normal((n_participants, 2))
    drawn = np.random.default_rng(3).integers(n_participants, size=(200, n_participants))
    np.testing.assert_allclose(resampled_means(values, 200, seed=3), values[drawn].mean(axis=1), atol=1e-12)
    intervals._times_drawn.cache_clear()


def test_a_participant_more_takes_two_bytes_for_each_draw() -> None:
    def peak(n_participants: int) -> int:
        intervals._times_drawn.cache_clear()
        tracemalloc.start()
        resampled_means(np.ones((n_participants, 1)))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(1000) < peak(300) + 700 * 2 * N_DRAWS + 2e6
