import numpy as np
import pytest
from sklearn.linear_model import Lasso

from bids_app.encoding.folds import contiguous_folds, inner_folds
from bids_app.encoding.lasso import LassoCV, lasso_held_out
from bids_app.encoding.scores import pearson_r

RATIOS = (0.7, 0.3, 0.1, 0.03)


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 6)) + rng.standard_normal((90, 1)) + 3
    weights = rng.standard_normal((6, 12)) * (rng.random((6, 12)) < 0.5)
    Y = 100 + X @ weights + 2 * rng.standard_normal((90, 12))
    Y[:, 3] = 7
    return X, Y


def reference(X, y, ratio):
    centred = X - X.mean(axis=0)
    penalty = ratio * np.abs(centred.T @ (y - y.mean())).max() / len(y)
    return Lasso(alpha=max(penalty, 1e-12), tol=1e-9, max_iter=100_000).fit(X, y)


def reference_ratio(X, y, folds):
    error = [np.mean([np.mean((y[test] - reference(X[train], y[train], ratio).predict(X[test])) ** 2)
                      for train, test in folds]) for ratio in RATIOS]  # fmt: skip
    return RATIOS[int(np.argmin(error))]


def test_cross_validated_fit_against_scikit_learn(problem):
    X, Y = problem
    folds = contiguous_folds(90, 4, purge=2)
    model = LassoCV(RATIOS, folds, device="cpu").fit(X, Y)
    for target in np.delete(np.arange(12), 3):
        y = Y[:, target]
        assert model.ratio_[target] == pytest.approx(reference_ratio(X, y, folds))
        expected = reference(X, y, model.ratio_[target])
        np.testing.assert_allclose(model.coef_[:, target], expected.coef_, atol=1e-4)
        assert model.intercept_[target] == pytest.approx(expected.intercept_, abs=1e-3)
        assert model.penalty_[target] == pytest.approx(expected.alpha * 90, rel=1e-5)
    np.testing.assert_allclose(model.score(X, Y), pearson_r(X @ model.coef_, Y), atol=1e-5)


@pytest.mark.parametrize("purge", [0, 3])
def test_held_out_is_nested(problem, purge):
    X, Y = problem
    folds = contiguous_folds(90, 4, purge)
    predictions = lasso_held_out(X, Y, 4, purge, penalty_ratios=RATIOS, device="cpu")
    for target in (0, 1, 5, 8):
        y = Y[:, target]
        for fold in folds:
            ratio = reference_ratio(X, y, inner_folds(fold, folds))
            expected = reference(X[fold[0]], y[fold[0]], ratio).predict(X[fold[1]])
            np.testing.assert_allclose(predictions[fold[1], target], expected, atol=2e-3)


def test_nothing_of_a_test_fold_reaches_its_prediction(problem):
    X, Y = problem
    test = contiguous_folds(90, 4)[1][1]
    before = lasso_held_out(X, Y, 4, device="cpu")[test]
    Y[test] = 50 * np.random.default_rng(1).standard_normal((len(test), 12))
    np.testing.assert_allclose(lasso_held_out(X, Y, 4, device="cpu")[test], before, atol=2e-3)


def test_constant_target_and_fixed_ratio(problem):
    X, Y = problem
    predictions = lasso_held_out(X, Y, 3, penalty_ratio=0.9, device="cpu")
    np.testing.assert_allclose(predictions[:, 3], 7, atol=1e-5)
    assert (np.delete(predictions, 3, 1)[:30].std(axis=0) > 0).all()  # even at 0.9 a regressor enters
    model = LassoCV([0.5], device="cpu").fit(X, Y)
    assert set(model.ratio_) == {np.float32(0.5)}
    assert not model.coef_[:, 3].any()


def test_batches_change_nothing(problem):
    X, Y = problem
    whole = lasso_held_out(X, Y, 4, device="cpu")
    np.testing.assert_allclose(lasso_held_out(X, Y, 4, device="cpu", mem_mb=0.01), whole, atol=1e-3)


@pytest.mark.parametrize("ratios", [[], [1.0], [0.0, 0.5]])
def test_ratios_out_of_range(problem, ratios):
    with pytest.raises(ValueError, match="between 0 and 1"):
        LassoCV(ratios, device="cpu").fit(*problem)


def test_nan_targets_are_an_error(problem):
    X, Y = problem
    Y[4, 2] = np.nan
    with pytest.raises(ValueError, match=r"1 of 12 columns \(first: 2\)"):
        lasso_held_out(X, Y, 4, device="cpu")
