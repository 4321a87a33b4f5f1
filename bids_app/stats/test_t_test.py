import numpy as np
from scipy.stats import ttest_1samp

from bids_app.stats.t_test import one_sample

RNG = np.random.default_rng(0)
MAPS = RNG.standard_normal((9, 2, 30)).astype(np.float32) + 0.4
MAPS[:, :, 3] = np.nan
MAPS[:, 1, 5] = 0  # nobody has the atom here
WHERE = np.isfinite(MAPS).all(axis=(0, 1))


def test_one_sample_against_scipy_target_by_target() -> None:
    t, p = one_sample(MAPS, WHERE)
    expected = ttest_1samp(MAPS[:, 0, 7].astype(float), 0)
    assert np.isclose(t[0, 7], expected.statistic, rtol=1e-4)
    assert np.isclose(p[0, 7], expected.pvalue, rtol=1e-3)
    assert (t[1, 5], p[1, 5]) == (0, 1)
    assert np.isnan(t[:, 3]).all()
