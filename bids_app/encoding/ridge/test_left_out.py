"""Residuals of left-out rows against fits by scikit-learn that did not see them."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.ridge._left_out import LeftOut, MeanErrors, symmetric_product
from bids_app.encoding.ridge._solver import Design
from bids_app.stats.arrays import Fold

N, N_TARGETS = 60, 5
RNG = np.random.default_rng(0)


def _problem(n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Features, one of them there twice, and responses with means."""
    X = RNG.standard_normal((N, n_features)) + 2
    X[:, -1] = X[:, 0]
    return X, X @ RNG.standard_normal((n_features, N_TARGETS)) + RNG.standard_normal((N, N_TARGETS)) + 5


def _left_out(X: np.ndarray, rows: np.ndarray, pairs: list[Fold] | None) -> LeftOut:
    design = Design(X, torch.device("cpu"))
    return LeftOut.of(design, design.decompose(rows), torch.as_tensor(rows), pairs)


@pytest.mark.parametrize("n_features", [8, 59, 200])
@pytest.mark.parametrize("purge", [0, 3])
@pytest.mark.parametrize("alpha", [0.01, 10.0, 1e5])
def test_residuals_are_those_of_fits_without_the_rows(n_features: int, purge: int, alpha: float) -> None:
    X, Y = _problem(n_features)
    rows = np.arange(4, N)  # the first rows take no part
    pairs = [tuple(part + 4 for part in pair) for pair in contiguous_folds(N - 4, 4, purge=purge)]
    residuals = _left_out(X, rows, pairs).residuals(alpha) @ torch.as_tensor(Y[rows])
    expected = [
        (Y[test] - Ridge(alpha).fit(X[train], Y[train]).predict(X[test])) / (len(test) * 4) ** 0.5
        for train, test in pairs
    ]
    np.testing.assert_allclose(residuals, np.concatenate(expected), atol=1e-4)


@pytest.mark.parametrize("n_features", [8, 200])
def test_leave_one_out_leaves_out_each_row(n_features: int) -> None:
    X, Y = _problem(n_features)
    rows = np.arange(N)
    residuals = _left_out(X, rows, None).residuals(3.0) @ torch.as_tensor(Y)
    others = [rows[rows != row] for row in rows]
    expected = [Y[row] - Ridge(3.0).fit(X[some], Y[some]).predict(X[[row]])[0] for row, some in enumerate(others)]
    np.testing.assert_allclose(residuals, np.array(expected) / N**0.5, atol=1e-4)


@pytest.mark.parametrize("n_features", [8, 200])
@pytest.mark.parametrize("loo", [True, False])
def test_an_infinite_penalty_leaves_the_errors_of_means(n_features: int, loo: bool) -> None:
    X, Y = _problem(n_features)
    left_out = _left_out(X, np.arange(N), None if loo else contiguous_folds(N, 3, purge=2))
    responses = torch.as_tensor(Y - Y.mean(axis=0), dtype=torch.float32)
    expected = (left_out.residuals(torch.inf).float() @ responses).square().sum(dim=0)
    np.testing.assert_allclose(MeanErrors(left_out)(responses), expected, rtol=1e-5)


@pytest.mark.parametrize("n_features", [8, 200])
def test_leading_directions_are_the_first_principal_components(n_features: int) -> None:
    X, _ = _problem(n_features)
    directions = _left_out(X, np.arange(N), None).leading(3).numpy()
    expected = np.linalg.svd(X - X.mean(axis=0))[0][:, :3]
    np.testing.assert_allclose(directions @ directions.T, expected @ expected.T, atol=1e-8)


@pytest.mark.parametrize("size", [1, 8, 13])
def test_a_symmetric_product_is_the_product(size: int) -> None:
    A = torch.as_tensor(RNG.standard_normal((size, 20)))
    np.testing.assert_allclose(symmetric_product(A, A.T), A @ A.T, atol=1e-12)
