"""AR(1) noise against simulations, and moments against series."""

import numpy as np
import pytest

from bids_app.encoding.autoregression import LagMoments, ar1_coefficients, whiten

RUNS = (60, 90)


def _noise(rho: float, n_series: int, runs: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    parts = []
    for length in runs:
        series = rng.standard_normal((length, n_series))
        for row in range(1, length):
            series[row] = rho * series[row - 1] + np.sqrt(1 - rho**2) * series[row]
        parts.append(series)
    return np.concatenate(parts)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
def test_the_coefficient_is_unbiased_after_many_regressors(rho: float) -> None:
    rng = np.random.default_rng(0)
    slow = np.cumsum(rng.standard_normal((sum(RUNS), 48)), axis=0)
    constants = np.kron(np.eye(2), np.ones((75, 1)))
    basis = np.linalg.qr(np.column_stack([constants, slow]))[0]
    estimates = ar1_coefficients(_noise(rho, 800, RUNS, 1), basis, RUNS)
    plain = _noise(rho, 800, RUNS, 1)
    plain = plain - basis @ (basis.T @ plain)
    naive = (plain[1:] * plain[:-1]).sum(axis=0) / np.square(plain).sum(axis=0)
    assert abs(estimates.mean() - rho) < 0.03
    assert abs(naive.mean() - rho) > 0.08  # what the correction is for


def test_whitened_noise_is_white_and_runs_stay_apart() -> None:
    series = _noise(0.5, 2000, RUNS, 2)
    white = whiten(series, 0.5, RUNS)
    lagged = (white[1:] * white[:-1]).sum(axis=0) / np.square(white).sum(axis=0)
    assert abs(lagged.mean()) < 0.005
    np.testing.assert_allclose(white[60:], whiten(series[60:], 0.5, RUNS[1:]))
    np.testing.assert_allclose(np.square(white).mean(axis=1), 1 - 0.5**2, rtol=0.2)


def test_moments_of_whitened_series() -> None:
    rng = np.random.default_rng(3)
    A, B = rng.standard_normal((sum(RUNS), 4)), rng.standard_normal((sum(RUNS), 3))
    found = LagMoments.of(A, B, RUNS).whitened(np.array([-0.2, 0.0, 0.7]))
    for moments, rho in zip(found, (-0.2, 0.0, 0.7), strict=True):
        np.testing.assert_allclose(moments, whiten(A, rho, RUNS).T @ whiten(B, rho, RUNS), atol=1e-10)
