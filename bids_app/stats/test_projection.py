"""Projection against least squares, also where columns depend on each other."""

import numpy as np

from bids_app.stats.projection import orthonormal_basis, project_out


def test_residuals_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((50, 4)), rng.standard_normal((50, 3))
    X = np.column_stack([X, X[:, 0] - X[:, 2], np.zeros(50)])
    basis = orthonormal_basis(X)
    assert basis.shape == (50, 4)
    expected = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    np.testing.assert_allclose(project_out(Y, basis), expected, atol=1e-10)
