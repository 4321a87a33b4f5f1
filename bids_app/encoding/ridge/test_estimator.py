import pickle

import numpy as np
import numpy.typing as npt
import pytest
from himalaya.kernel_ridge import KernelRidgeCV as HimalayaKernelRidgeCV
from himalaya.ridge import RidgeCV as HimalayaRidgeCV
from scipy.linalg import solve
from sklearn.linear_model import RidgeCV as SklearnRidgeCV
from sklearn.model_selection import PredefinedSplit

from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.ridge import RidgeCV
from bids_app.stats.correlation import pearson_r

ALPHAS = np.logspace(-1, 4, 8)


def problem(
    n_features: int, n_volumes: int = 80, n_targets: int = 40
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_volumes, n_features)) + 2
    weights = rng.standard_normal((n_features, n_targets)) * np.geomspace(0.01, 2, n_targets) / np.sqrt(n_features)
    return X, X @ weights + rng.standard_normal((n_volumes, n_targets)) + 50


@pytest.mark.parametrize("alphas", [[3.0], [0.1, 1e4], [1e4, 0.1]])
def test_one_penalty_or_two(alphas: list[float]) -> None:
    X, Y = problem(10)
    model = RidgeCV(alphas, device="cpu").fit(X, Y)
    peer = SklearnRidgeCV(alphas, alpha_per_target=True, scoring="neg_mean_squared_error").fit(X, Y)
    assert len(np.unique(model.alpha_)) == len(alphas)
    np.testing.assert_allclose(model.alpha_, peer.alpha_, rtol=1e-6)
    np.testing.assert_allclose(model.coef_.T, peer.coef_, atol=1e-4)


@pytest.mark.parametrize("n_features", [10, 200])
def test_against_himalaya(n_features: int) -> None:
    X, Y = problem(n_features)
    folds = contiguous_folds(80, 5)
    model = RidgeCV(ALPHAS, folds, device="cpu").fit(X, Y)
    split = PredefinedSplit(np.repeat(np.arange(5), 16))
    if n_features == 10:
        peer = HimalayaRidgeCV(ALPHAS, fit_intercept=True, cv=split).fit(X, Y)
        expected = peer.predict(X)
    else:
        peer = HimalayaKernelRidgeCV(ALPHAS, fit_intercept=True, cv=split).fit(X, Y)
        expected = peer.predict(X)
    assert len(np.unique(model.alpha_)) > 3
    np.testing.assert_allclose(model.alpha_, peer.best_alphas_, rtol=1e-5)
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-3)


@pytest.mark.parametrize("n_features", [10, 200])
def test_leave_one_out_against_scikit_learn(n_features: int) -> None:
    X, Y = problem(n_features)
    model = RidgeCV(ALPHAS, device="cpu").fit(X, Y)
    peer = SklearnRidgeCV(ALPHAS, alpha_per_target=True).fit(X, Y)
    assert len(np.unique(model.alpha_)) > 3
    np.testing.assert_allclose(model.alpha_, peer.alpha_, rtol=1e-5)
    np.testing.assert_allclose(model.coef_.T, peer.coef_, atol=1e-4)
    np.testing.assert_allclose(model.intercept_, peer.intercept_, atol=1e-3)
    np.testing.assert_allclose(model.score(X, Y), pearson_r(peer.predict(X), Y), atol=1e-5)


def test_purged_folds_by_definition() -> None:
    X, Y = problem(10)
    folds = contiguous_folds(80, 4, purge=5)
    error = np.zeros((len(ALPHAS), 40))
    for train, test in folds:
        x, y = X[train] - X[train].mean(axis=0), Y[train] - Y[train].mean(axis=0)
        for row, alpha in enumerate(ALPHAS):
            b = solve(x.T @ x + alpha * np.eye(10), x.T @ y)
            error[row] += np.mean(
                (Y[test] - Y[train].mean(axis=0) - (X[test] - X[train].mean(axis=0)) @ b) ** 2, axis=0
            )
    model = RidgeCV(ALPHAS, folds, device="cpu").fit(X, Y)
    np.testing.assert_allclose(model.alpha_, ALPHAS[error.argmin(axis=0)], rtol=1e-5)


@pytest.mark.parametrize("n_features", [10, 200])
@pytest.mark.parametrize("n_targets", [30, 20_000])  # errors by residuals, and through triangles where these pay
def test_the_chosen_penalty_is_as_good_as_the_best(n_features: int, n_targets: int) -> None:
    """Many targets are noise: their errors hardly differ between strong penalties, which only float64 can tell apart.

    The choice may be any of such equals, but no worse than the best by more than float32 can tell.
    """
    alphas, folds = np.logspace(-1, 8, 10), contiguous_folds(80, 5)
    X, Y = problem(n_features, n_targets=n_targets)
    Y[:, ::3] = np.random.default_rng(1).standard_normal(Y[:, ::3].shape)
    errors = np.zeros((len(alphas), n_targets))
    for train, test in folds:
        x, y = X[train] - X[train].mean(axis=0), Y[train] - Y[train].mean(axis=0)
        for row, alpha in enumerate(alphas):
            weights = solve(x @ x.T + alpha * np.eye(len(train)), y)
            predicted = (X[test] - X[train].mean(axis=0)) @ x.T @ weights + Y[train].mean(axis=0)
            errors[row] += np.square(Y[test] - predicted).mean(axis=0) / len(folds)
    model = RidgeCV(alphas, folds, device="cpu").fit(X, Y)
    chosen = np.abs(np.log(alphas)[:, None] - np.log(model.alpha_)).argmin(axis=0)
    assert len(np.unique(chosen)) > 5
    np.testing.assert_allclose(errors[chosen, np.arange(n_targets)], errors.min(axis=0), rtol=1e-5)


def test_batches_change_nothing_and_constant_targets_are_fine() -> None:
    X, Y = problem(10)
    Y[:, 4] = 3
    folds = contiguous_folds(80, 5)
    model = RidgeCV(ALPHAS, folds, device="cpu").fit(X, Y)
    small = RidgeCV(ALPHAS, folds, device="cpu", mem_mb=0.01).fit(X, Y)
    np.testing.assert_array_equal(small.alpha_, model.alpha_)
    np.testing.assert_allclose(small.coef_, model.coef_, atol=1e-5)
    np.testing.assert_allclose(model.predict(X)[:, 4], 3, atol=1e-5)


@pytest.mark.parametrize("alphas", [[], [0.0], [1.0, np.inf]])
def test_penalties_must_be_positive(alphas: list[float]) -> None:
    with pytest.raises(ValueError, match="alphas"):
        RidgeCV(alphas, device="cpu").fit(*problem(5))


def test_nan_is_an_error() -> None:
    X, Y = problem(5)
    Y[3, 7] = np.inf
    with pytest.raises(ValueError, match="first: 7"):
        RidgeCV(ALPHAS, device="cpu").fit(X, Y)


def test_a_stored_fit_predicts_as_the_fit_does() -> None:
    random = np.random.default_rng(0)
    X, Y = random.standard_normal((40, 60)), random.standard_normal((40, 3))
    model = RidgeCV([1, 10], device="cpu").fit(X, Y)
    stored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(stored.predict(X), model.predict(X))
    np.testing.assert_allclose(X @ stored.coef_ + stored.intercept_, model.predict(X), rtol=1e-4, atol=1e-5)
