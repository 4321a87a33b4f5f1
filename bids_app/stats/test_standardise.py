import numpy as np

from bids_app.stats.standardise import zscore


def test_zscore() -> None:
    X = np.random.default_rng(0).normal(1000, 3, (60, 5)).astype(np.float32)
    X[:, 2] = 0.1
    Z = zscore(X)
    assert (Z[:, 2] == 0).all()
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.delete(Z, 2, axis=1).std(axis=0), 1, atol=1e-5)
    for axis in (1, -1):
        np.testing.assert_allclose(zscore(X.T, axis=axis), Z.T)
    X[0, 0] = np.nan
    assert np.isnan(zscore(X)[:, 0]).all()
