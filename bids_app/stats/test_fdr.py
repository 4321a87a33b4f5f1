import numpy as np
from scipy.stats import false_discovery_control

from bids_app.stats.fdr import fdr


def test_fdr() -> None:
    p = np.random.default_rng(0).uniform(size=(5, 40)) ** 3
    p[2, 3] = np.nan
    q = fdr(p)
    np.testing.assert_allclose(q[np.isfinite(p)], false_discovery_control(p[np.isfinite(p)]))
    assert np.isnan(q[2, 3])
    np.testing.assert_allclose(fdr(p, axis=1)[0], false_discovery_control(p[0]))
    assert np.isnan(fdr([np.nan])).all()
