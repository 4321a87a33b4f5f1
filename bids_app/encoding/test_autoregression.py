"""Autoregressive noise against simulations, whitening against the covariance, and moments against series."""

import numpy as np
import pytest
from scipy import linalg, signal

from bids_app.encoding.autoregression import LagMoments, partial_autocorrelations, whiten

RUNS = (60, 90)


def _coefficients(partial: tuple[float, float]) -> tuple[float, float]:
    return partial[0] * (1 - partial[1]), partial[1]


def _noise(partial: tuple[float, float], n_series: int, runs: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    first, second = _coefficients(partial)
    parts = [
        signal.lfilter([1.0], [1.0, -first, -second], rng.standard_normal((length + 200, n_series)), axis=0)[200:]
        for length in runs
    ]
    return np.concatenate(parts)


@pytest.mark.parametrize("partial", [(0.0, 0.0), (0.3, 0.0), (0.6, 0.0), (0.6, -0.3), (0.5, 0.25)])
def test_partial_autocorrelations_are_unbiased_after_many_regressors(partial: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    slow = np.cumsum(rng.standard_normal((sum(RUNS), 48)), axis=0)
    constants = np.kron(np.eye(2), np.ones((75, 1)))
    basis = np.linalg.qr(np.column_stack([constants, slow]))[0]
    series = _noise(partial, 800, RUNS, 1)
    np.testing.assert_allclose(partial_autocorrelations(series, basis, RUNS), partial, atol=0.03)
    residuals = series - basis @ (basis.T @ series)
    naive = (residuals[1:] * residuals[:-1]).sum(axis=0) / np.square(residuals).sum(axis=0)
    assert abs(naive.mean() - partial[0]) > 0.08  # what the restricted likelihood is for


def test_whitened_series_against_the_covariance() -> None:
    partial = (0.6, -0.3)
    first, second = _coefficients(partial)
    correlation = [1.0, first / (1 - second)]
    for _ in range(2, RUNS[1]):
        correlation.append(first * correlation[-1] + second * correlation[-2])
    blocks = [linalg.toeplitz(correlation[:length]) for length in RUNS]
    whitening = whiten(np.eye(sum(RUNS)), partial, RUNS)
    variance = (1 - partial[0] ** 2) * (1 - partial[1] ** 2)  # of the prediction error
    expected = variance * np.eye(sum(RUNS))
    np.testing.assert_allclose(whitening @ linalg.block_diag(*blocks) @ whitening.T, expected, atol=1e-12)


def test_moments_of_whitened_series() -> None:
    rng = np.random.default_rng(3)
    A, B = rng.standard_normal((sum(RUNS), 4)), rng.standard_normal((sum(RUNS), 3))
    products, squares = LagMoments.of(A, B, RUNS), LagMoments.squares(A, RUNS)
    for partial in ((0.0, 0.0), (-0.2, 0.3), (0.7, -0.4)):
        whitened = whiten(A, partial, RUNS)
        np.testing.assert_allclose(products.whitened(partial), whitened.T @ whiten(B, partial, RUNS), atol=1e-10)
        np.testing.assert_allclose(squares.whitened(partial), np.square(whitened).sum(axis=0), atol=1e-10)
