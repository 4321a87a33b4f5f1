from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.linear_model import Lasso

from bids_app.encoding.lasso import _solver
from bids_app.encoding.lasso._fista import fista
from bids_app.encoding.lasso._solver import lasso_gram
from bids_app.encoding.lasso._tuning import TUNING


def ill_conditioned(
    n_volumes: int = 120, n_regressors: int = 40, n_targets: int = 25, seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Smooth regressors, a few of them driving each target; penalties from nearly the largest to a hundredth of it."""
    rng = np.random.default_rng(seed)
    X = np.cumsum(rng.standard_normal((n_volumes, n_regressors)), axis=0)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    weights = rng.standard_normal((n_regressors, n_targets)) * (rng.random((n_regressors, n_targets)) < 0.2)
    Y = X @ weights + rng.standard_normal((n_volumes, n_targets))
    return X, Y, np.abs(X.T @ Y).max(axis=0) * np.geomspace(0.9, 0.01, n_targets)


def tensors(
    X: npt.NDArray[np.float64], Y: npt.NDArray[np.float64], penalty: npt.NDArray[np.float64]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    gram, cross, penalties = (torch.as_tensor(array, dtype=torch.float32) for array in (X.T @ X, X.T @ Y, penalty))
    return gram, cross, penalties


def scikit_learn(
    X: npt.NDArray[np.float64], Y: npt.NDArray[np.float64], penalty: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    fits = [
        Lasso(alpha=p / len(X), fit_intercept=False, tol=1e-12, max_iter=1_000_000).fit(X, y).coef_
        for p, y in zip(penalty, Y.T, strict=True)
    ]
    return np.transpose(fits)


def objective(
    X: npt.NDArray[np.float64],
    Y: npt.NDArray[np.float64],
    penalty: npt.NDArray[np.float64],
    b: npt.NDArray[np.floating],
) -> npt.NDArray[np.float64]:
    return np.asarray(0.5 * np.square(Y - X @ b).sum(axis=0) + penalty * np.abs(b).sum(axis=0))


def violation(
    X: npt.NDArray[np.float64], Y: npt.NDArray[np.float64], penalty: npt.NDArray[np.float64], b: npt.NDArray[np.float32]
) -> float:
    """Largest violation of the optimality conditions, as a share of max|Xᵀy|, in float64."""
    correlation = X.T @ (Y - X @ b)
    inactive = np.maximum(np.abs(correlation) - penalty, 0)
    active = np.abs(correlation - penalty * np.sign(b))
    return float(np.where(b == 0, inactive, active).max() / np.abs(X.T @ Y).max())


@pytest.fixture
def only_active_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left to other solvers."""

    def never(*args: object, **options: Any) -> None:
        raise AssertionError("some targets were not solved")

    monkeypatch.setattr(_solver, "fista", never)


@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn(seed: int, only_active_sets: None) -> None:
    X, Y, penalty = ill_conditioned(seed=seed)
    b = lasso_gram(*tensors(X, Y, penalty), tolerance=1e-4).numpy()
    expected = scikit_learn(X, Y, penalty)
    np.testing.assert_allclose(objective(X, Y, penalty, b), objective(X, Y, penalty, expected), rtol=1e-5)
    assert violation(X, Y, penalty, b) < 1e-4
    assert ((b == 0) == (expected == 0)).mean() > 0.99


def test_regressors_with_strong_correlations(only_active_sets: None) -> None:
    """Those that join together may be nearly the same, so that one of them gets the wrong sign and leaves at once."""
    rng = np.random.default_rng(4)
    X, Y, penalty = ill_conditioned(n_regressors=20)
    X = np.concatenate([X, X + 0.02 * rng.standard_normal(X.shape), -X + 0.02 * rng.standard_normal(X.shape)], axis=1)
    b = lasso_gram(*tensors(X, Y, penalty), tolerance=1e-4).numpy()
    expected = scikit_learn(X, Y, penalty)
    np.testing.assert_allclose(objective(X, Y, penalty, b), objective(X, Y, penalty, expected), rtol=1e-5)
    assert violation(X, Y, penalty, b) < 1e-4


def test_from_any_start(only_active_sets: None) -> None:
    """From the solution at a larger or a smaller penalty, and from coefficients of other signs."""
    X, Y, penalty = ill_conditioned()
    gram, cross, penalties = tensors(X, Y, penalty)
    cold = lasso_gram(gram, cross, penalties, tolerance=1e-4)
    for other in (3 * penalties, penalties / 2):
        start = lasso_gram(gram, cross, other, tolerance=1e-4)
        for sign in (1, -1):
            warm = lasso_gram(gram, cross, penalties, sign * start, tolerance=1e-4).numpy()
            np.testing.assert_allclose(
                objective(X, Y, penalty, warm), objective(X, Y, penalty, cold.numpy()), rtol=1e-5
            )


def test_batches_change_no_bit() -> None:
    gram, cross, penalties = tensors(*ill_conditioned())
    whole = lasso_gram(gram, cross, penalties)
    batches = [lasso_gram(gram, cross[:, some], penalties[some]) for some in (slice(0, 7), slice(7, 25))]
    assert (torch.cat(batches, dim=1) == whole).all()


def test_inputs_stay_and_one_penalty_serves_all() -> None:
    gram, cross, penalties = tensors(*ill_conditioned())
    before, start = cross.clone(), torch.ones_like(cross)
    result = lasso_gram(gram, cross, 20.0, start)
    assert (cross == before).all()
    assert (start == 1).all()
    assert (result == lasso_gram(gram, cross, torch.full_like(penalties, 20.0), start)).all()


def test_regressors_that_cannot_be_distinguished() -> None:
    """The same regressor twice, its negative, and one of zeros: the objective is that of the others alone."""
    X, Y, penalty = ill_conditioned()
    doubled = np.concatenate([X, X[:, :3], -X[:, :1], np.zeros((len(X), 1))], axis=1)
    b = lasso_gram(*tensors(doubled, Y, penalty), tolerance=1e-4).numpy()
    expected = objective(X, Y, penalty, scikit_learn(X, Y, penalty))
    np.testing.assert_allclose(objective(doubled, Y, penalty, b), expected, rtol=1e-4)
    assert not b[-1].any()


def test_more_regressors_than_volumes() -> None:
    X, Y, penalty = ill_conditioned(n_volumes=30, n_regressors=50, n_targets=12)
    b = lasso_gram(*tensors(X, Y, penalty), tolerance=1e-4, max_iterations=100_000).numpy()
    expected = scikit_learn(X, Y, penalty)
    assert (objective(X, Y, penalty, b) < 1.001 * objective(X, Y, penalty, expected)).all()


def test_what_active_sets_do_not_solve_goes_on_by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets that are given up are brought home by steps along the gradient."""
    X, Y, penalty = ill_conditioned(n_regressors=8)

    def give_up(
        gram: npt.NDArray[np.float32],
        cross: npt.NDArray[np.float32],
        penalty: npt.NDArray[np.float32],
        coef: npt.NDArray[np.float32],
        tolerance: float,
        solved: npt.NDArray[np.bool_],
    ) -> None:
        coef[:], solved[:] = 0.0, np.arange(len(solved)) == 0

    monkeypatch.setattr("bids_app.encoding.lasso._active_set.solve", give_up)
    b = lasso_gram(*tensors(X, Y, penalty), tolerance=1e-6).numpy()
    expected = scikit_learn(X, Y, penalty)
    assert not b[:, 0].any()
    np.testing.assert_allclose(b[:, 1:], expected[:, 1:], atol=1e-3)


@pytest.mark.parametrize("well_conditioned", [True, False])
def test_steps_where_many_are_active_and_well_conditioned(
    well_conditioned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either way the result is scikit-learn's; what differs is who finds it."""
    X, Y, penalty = ill_conditioned()
    if well_conditioned:
        X = np.random.default_rng(1).standard_normal(X.shape)
        Y = X @ np.random.default_rng(2).standard_normal((X.shape[1], Y.shape[1])) + Y
    penalty = np.abs(X.T @ Y).max(axis=0) / 500
    gram, cross, penalties = tensors(X, Y, penalty)
    start = lasso_gram(gram, cross, 1.5 * penalties)
    assert torch.count_nonzero(start) > TUNING.many_active * start.shape[1]
    by_steps = []

    def counted(*args: Any, **options: Any) -> torch.Tensor:
        by_steps.append(1)
        return fista(*args, **options)

    monkeypatch.setattr(_solver, "fista", counted)
    b = lasso_gram(gram, cross, penalties, start, tolerance=1e-6).numpy()
    expected = objective(X, Y, penalty, scikit_learn(X, Y, penalty))
    np.testing.assert_allclose(objective(X, Y, penalty, b), expected, rtol=1e-5)
    assert bool(by_steps) == well_conditioned
    by_steps.clear()
    lasso_gram(gram, cross, penalties, tolerance=1e-4)  # from zero, few are active at first
    assert not by_steps
