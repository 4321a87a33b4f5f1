import numpy as np
from scipy.stats import bootstrap

from bids_app.analyses.region_tables import interval_of


def test_interval_of_what_is_no_peak_is_that_of_scipy() -> None:
    values = np.random.default_rng(3).gamma(2, size=(12, 1))
    expected = bootstrap((values[:, 0],), np.mean, method="percentile", rng=5).confidence_interval
    np.testing.assert_allclose(interval_of(values, lambda curves: curves[0]), expected, atol=0.05)
    assert np.isnan(interval_of(values[:1], lambda curves: curves[0])).all()
