"""Predictions of left-out rows, each target by its own penalty, against normal equations solved in float64."""

import numpy as np
import pytest
import torch

from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.ridge._solver import Design, Predictor

N, N_TARGETS = 60, 30
ALPHAS = [0.1, 10.0, 1e3, 1e7]


@pytest.mark.parametrize("n_features", [20, 90])
@pytest.mark.parametrize("fold", [0, 1])  # the training rows of the second are not consecutive
@pytest.mark.parametrize("planned", [1, 100_000])
def test_each_target_is_predicted_with_its_own_penalty(n_features: int, fold: int, planned: int) -> None:
    random = np.random.default_rng(0)
    X = random.standard_normal((N, n_features))
    Y = (X @ random.standard_normal((n_features, N_TARGETS)) + 0.1).astype(np.float32)
    alpha = random.choice(ALPHAS[:3], N_TARGETS)  # one penalty is nobody's
    train, test = contiguous_folds(N, 3)[fold]
    predictor = Predictor(
        Design(X, torch.device("cpu")).factorise(train, test), torch.tensor(ALPHAS), n_targets=planned
    )
    assert bool(predictor._matrices) == (planned > 1)
    predicted = predictor(torch.as_tensor(alpha, dtype=torch.float32), torch.as_tensor(Y)).numpy()

    centred, mean = X[train] - X[train].mean(axis=0), Y[train].mean(axis=0, dtype=np.float64)
    for target, penalty in enumerate(alpha):
        gram = centred.T @ centred + penalty * np.eye(n_features)
        weights = np.linalg.solve(gram, centred.T @ (Y[train, target] - mean[target]))
        expected = (X[test] - X[train].mean(axis=0)) @ weights + mean[target]
        np.testing.assert_allclose(predicted[:, target], expected, atol=2e-5 * np.abs(Y).max())


def test_a_small_prediction_is_not_lost_beside_the_mean() -> None:
    random = np.random.default_rng(0)
    X, Y = random.standard_normal((N, 20)), torch.as_tensor(random.standard_normal((N, 5)), dtype=torch.float32)
    train, test = contiguous_folds(N, 3)[0]
    factors = Design(X, torch.device("cpu")).factorise(train, test)
    alpha = torch.tensor([1e6])
    together, apart = (Predictor(factors, alpha, n_targets)(alpha.expand(5), Y) for n_targets in (10**6, 1))
    together, apart = (part - part.mean(dim=0) for part in (together, apart))
    assert together.std() < 1e-4
    np.testing.assert_allclose(together, apart, atol=1e-3 * float(apart.std()))


@pytest.mark.parametrize("n_features", [20, 90])
@pytest.mark.parametrize("planned", [1, 100_000])
def test_small_features_are_predicted_with_as_small_penalties(n_features: int, planned: int) -> None:
    random = np.random.default_rng(0)
    X = random.standard_normal((N, n_features))
    Y = torch.as_tensor(X @ random.standard_normal((n_features, N_TARGETS)), dtype=torch.float32)
    train, test = contiguous_folds(N, 3)[0]
    predicted = []
    for scale in (1, 1e-3):
        alphas = torch.tensor(ALPHAS) * scale**2
        factors = Design(scale * X, torch.device("cpu")).factorise(train, test)
        predicted.append(Predictor(factors, alphas, planned)(alphas[1].expand(N_TARGETS), Y))
    np.testing.assert_allclose(predicted[0], predicted[1], atol=1e-4)


@pytest.mark.parametrize("n_repeats", [2, 5])  # 40 features of 60 volumes, and 100
def test_repeated_features_cost_nothing(n_repeats: int) -> None:
    random = np.random.default_rng(0)
    X = random.standard_normal((N, 20))
    Y = torch.as_tensor(X @ random.standard_normal((20, N_TARGETS)), dtype=torch.float32)
    train, test = contiguous_folds(N, 3)[0]
    once = Design(X, torch.device("cpu")).factorise(train, test)
    repeated = Design(np.tile(X, n_repeats) / n_repeats**0.5, torch.device("cpu")).factorise(train, test)
    assert len(repeated.eigenvalues) == len(once.eigenvalues) == 20
    alpha = torch.tensor([10.0])
    first, second = (Predictor(factors, alpha, 1)(alpha.expand(N_TARGETS), Y) for factors in (once, repeated))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_a_constant_design_predicts_the_mean() -> None:
    Y = torch.as_tensor(np.random.default_rng(0).standard_normal((N, 3)), dtype=torch.float32)
    train, test = contiguous_folds(N, 3)[0]
    for n_features in (3, 90):
        factors = Design(np.ones((N, n_features)), torch.device("cpu")).factorise(train, test)
        predicted = Predictor(factors, torch.tensor([1.0]), 1)(torch.ones(3), Y)
        np.testing.assert_allclose(predicted, Y[train].mean(dim=0).expand(len(test), 3), atol=1e-6)
