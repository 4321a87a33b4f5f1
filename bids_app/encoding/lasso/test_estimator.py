from itertools import permutations
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import Lasso

from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.lasso import LassoCV, lasso
from bids_app.encoding.lasso._tuning import LassoTuning
from bids_app.stats.correlation import pearson_r

Problem = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

RATIOS = (0.7, 0.3, 0.1, 0.03)


@pytest.fixture
def problem() -> Problem:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 6)) + rng.standard_normal((90, 1)) + 3
    weights = rng.standard_normal((6, 12)) * (rng.random((6, 12)) < 0.5)
    Y = 100 + X @ weights + 2 * rng.standard_normal((90, 12))
    Y[:, 3] = 7
    return X, Y


def reference(X: npt.NDArray[np.float64], y: npt.NDArray[np.float64], ratio: float) -> Lasso:
    centred = X - X.mean(axis=0)
    penalty = ratio * np.abs(centred.T @ (y - y.mean())).max() / len(y)
    return Lasso(alpha=max(penalty, 1e-12), tol=1e-9, max_iter=100_000).fit(X, y)


def pair_errors(
    X: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    folds: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]],
) -> dict[tuple[int, int], npt.NDArray[np.float64]]:
    """Mean squared error (n_folds, n_ratios) on fold f of the fits without f and one other fold, for each other."""
    errors = {}
    for f, g in permutations(range(len(folds)), 2):
        train = np.intersect1d(folds[f][0], folds[g][0])
        test = np.intersect1d(folds[g][0], folds[f][1])
        fits = [reference(X[train], y[train], ratio) for ratio in RATIOS]
        errors[f, g] = np.array([np.mean((y[test] - fit.predict(X[test])) ** 2) for fit in fits])
    return errors


def reference_choice(
    X: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    folds: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]],
    selection: str,
) -> float:
    errors = pair_errors(X, y, folds)
    n = len(folds)
    by_fold = np.array([sum(errors[f, g] for g in range(n) if g != f) for f in range(n)])
    best = by_fold.mean(axis=0).argmin()
    if selection == "min":
        return RATIOS[best]
    excess = by_fold - by_fold[:, [best]]
    return RATIOS[int(np.argmax(excess.mean(axis=0) <= excess.std(axis=0, ddof=1) / np.sqrt(n)))]


@pytest.mark.parametrize("selection", ["min", "one-se"])
def test_cross_validated_fit_against_scikit_learn(
    problem: Problem, selection: Literal["one-se", "min"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "bids_app.encoding.lasso._cross_validation.TUNING", LassoTuning(rises=99)
    )  # all paths to their end
    X, Y = problem
    folds = contiguous_folds(90, 4, purge=2)
    model = LassoCV(RATIOS, n_folds=4, purge=2, selection=selection, device="cpu").fit(X, Y)
    for target in np.delete(np.arange(12), 3):
        y = Y[:, target]
        assert model.ratio_[target] == pytest.approx(reference_choice(X, y, folds, selection))
        expected = reference(X, y, model.ratio_[target])
        np.testing.assert_allclose(model.coef_[:, target], expected.coef_, atol=1e-3)
        assert model.intercept_[target] == pytest.approx(expected.intercept_, abs=1e-2)
        assert model.penalty_[target] == pytest.approx(expected.alpha * 90, rel=1e-5)
    np.testing.assert_allclose(model.score(X, Y), pearson_r(X @ model.coef_, Y), atol=1e-5)


@pytest.mark.parametrize("purge", [0, 3])
def test_held_out_is_nested(problem: Problem, purge: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bids_app.encoding.lasso._cross_validation.TUNING", LassoTuning(rises=99))
    X, Y = problem
    folds = contiguous_folds(90, 4, purge)
    predictions = LassoCV(RATIOS, n_folds=4, purge=purge, device="cpu").fit(X, Y).held_out_
    for target in (0, 1, 5, 8):
        y = Y[:, target]
        errors = pair_errors(X, y, folds)
        for f, (train, test) in enumerate(folds):
            chosen = RATIOS[int(np.argmin(sum(errors[g, f] for g in range(4) if g != f)))]
            expected = reference(X[train], y[train], chosen).predict(X[test])
            np.testing.assert_allclose(predictions[test, target], expected, atol=5e-3)


def test_nothing_of_a_test_fold_reaches_its_prediction(problem: Problem) -> None:
    X, Y = problem
    test = contiguous_folds(90, 4)[1][1]
    before = LassoCV(n_folds=4, device="cpu").fit(X, Y).held_out_[test]
    Y[test] = 50 * np.random.default_rng(1).standard_normal((len(test), 12))
    np.testing.assert_allclose(LassoCV(n_folds=4, device="cpu").fit(X, Y).held_out_[test], before, atol=5e-3)


def test_a_path_that_ends_early_chooses_the_same() -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((120, 10))
    Y = 0.3 * X[:, :1] + rng.standard_normal((120, 200))
    early = LassoCV(device="cpu", selection="min").fit(X, Y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bids_app.encoding.lasso._cross_validation.TUNING", LassoTuning(rises=99))
        whole = LassoCV(device="cpu", selection="min").fit(X, Y)
    assert (early.ratio_ == whole.ratio_).mean() > 0.95


def test_one_standard_error_leaves_out_what_only_correlates() -> None:
    rng = np.random.default_rng(4)
    X = rng.standard_normal((300, 20))
    X[:, 1:] += 0.5 * X[:, :1]
    Y = X[:, :1] + 2 * rng.standard_normal((300, 50))
    wrong = {s: np.count_nonzero(LassoCV(selection=s, device="cpu").fit(X, Y).coef_[1:]) for s in ("min", "one-se")}
    assert wrong["one-se"] < 0.7 * wrong["min"]


def test_constant_target_and_fixed_ratio(problem: Problem) -> None:
    X, Y = problem
    model = LassoCV([0.9], n_folds=3, device="cpu").fit(X, Y)
    np.testing.assert_allclose(model.held_out_[:, 3], 7, atol=1e-5)
    assert (np.delete(model.held_out_, 3, 1)[:30].std(axis=0) > 0).all()  # even at 0.9 a regressor enters
    assert set(model.ratio_) == {np.float32(0.9)}
    assert not model.coef_[:, 3].any()


def test_lasso_at_known_ratios(problem: Problem) -> None:
    X, Y = problem
    ratio = np.linspace(0.05, 0.8, 12)
    coef, intercept = lasso(X, Y, ratio, device="cpu")
    for target in np.delete(np.arange(12), 3):
        expected = reference(X, Y[:, target], ratio[target])
        np.testing.assert_allclose(coef[:, target], expected.coef_, atol=1e-3)
        assert intercept[target] == pytest.approx(expected.intercept_, abs=1e-2)


def test_batches_change_nothing(problem: Problem) -> None:
    X, Y = problem
    whole = LassoCV(n_folds=4, device="cpu").fit(X, Y).held_out_
    small = LassoCV(n_folds=4, device="cpu", mem_mb=0.01).fit(X, Y).held_out_
    np.testing.assert_allclose(small, whole, atol=5e-3)


@pytest.mark.parametrize("ratios", [[], [1.0], [0.0, 0.5]])
def test_ratios_out_of_range(problem: Problem, ratios: list[float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        LassoCV(ratios, device="cpu").fit(*problem)


def test_nan_targets_are_an_error(problem: Problem) -> None:
    X, Y = problem
    Y[4, 2] = np.nan
    with pytest.raises(ValueError, match=r"1 of 12 columns \(first: 2\)"):
        LassoCV(device="cpu").fit(X, Y)
