"""Triangles keep the errors of penalties, whatever the responses."""

import numpy as np
import pytest
import torch

from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.ridge._selection import _ByResiduals, _LeaveOneOut
from bids_app.encoding.ridge._solver import Design, Factors
from bids_app.encoding.ridge._triangles import ByTriangles, residuals

N, N_FEATURES = 200, 130  # more rows than bands have, and not a multiple of them
ALPHAS = torch.as_tensor(np.logspace(-1, 8, 10), dtype=torch.float32)


@pytest.fixture(scope="module")
def problem() -> tuple[list[Factors], Factors, torch.Tensor]:
    """Factors of folds and of all rows; responses with much and no noise."""
    random = np.random.default_rng(0)
    X = random.standard_normal((N, N_FEATURES)) * np.arange(1, N_FEATURES + 1) ** -0.3
    signal = X @ random.standard_normal((N_FEATURES, 900))
    Y = signal / signal.std(axis=0) * np.geomspace(1e-3, 30, 900) + random.standard_normal(signal.shape)
    design, everything = Design(X, torch.device("cpu")), np.arange(N)
    folds = [design.factorise(*pair) for pair in contiguous_folds(N, 4)]
    return folds, design.factorise(everything, everything), torch.as_tensor(Y - Y.mean(axis=0), dtype=torch.float32)


@pytest.mark.parametrize("loo", [False, True])
def test_errors_and_the_choice_are_those_of_residuals(
    problem: tuple[list[Factors], Factors, torch.Tensor], loo: bool
) -> None:
    folds, whole, Y = problem
    triangles = ByTriangles([whole] if loo else folds, ALPHAS, loo=loo)
    plain = _LeaveOneOut(whole, ALPHAS) if loo else _ByResiduals(folds, ALPHAS)
    errors, expected = triangles(Y), plain(Y)
    np.testing.assert_allclose(errors, expected, rtol=1e-5)
    chosen, wanted = errors.argmin(dim=0), expected.argmin(dim=0)
    assert len(set(wanted.tolist())) >= 5
    assert (expected.gather(0, chosen[None])[0] / expected.amin(dim=0) - 1).max() < 1e-6


def test_one_response_or_many_give_the_same(problem: tuple[list[Factors], Factors, torch.Tensor]) -> None:
    folds, _, Y = problem
    triangles = ByTriangles(folds, ALPHAS, loo=False)
    apart = torch.cat([triangles(Y[:, [column]]) for column in range(0, 900, 100)], dim=1)
    np.testing.assert_allclose(triangles(Y)[:, ::100], apart, rtol=1e-5)


def test_penalties_may_come_in_any_order(problem: tuple[list[Factors], Factors, torch.Tensor]) -> None:
    folds, _, Y = problem
    order = torch.as_tensor(np.random.default_rng(0).permutation(len(ALPHAS)))
    ordered, shuffled = (ByTriangles(folds, some, loo=False)(Y) for some in (ALPHAS, ALPHAS[order]))
    np.testing.assert_allclose(shuffled, ordered[order], rtol=1e-6)


def test_residuals_are_a_matrix_times_the_responses(problem: tuple[list[Factors], Factors, torch.Tensor]) -> None:
    folds, _, Y = problem
    fold, alpha = folds[1], ALPHAS[3]
    predicted = fold.basis * fold.filters(alpha[None].double())[:, 0] @ (fold.project @ Y.double())
    expected = Y[fold.test].double() - predicted
    result = residuals(fold, alpha, torch.arange(N), loo=False) @ Y.double()
    np.testing.assert_allclose(result, expected, atol=1e-6)
