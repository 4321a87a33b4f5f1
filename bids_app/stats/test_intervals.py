import numpy as np
from scipy.stats import bootstrap

from bids_app.stats.intervals import bootstrap_interval, percentile_interval, resampled_means


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
