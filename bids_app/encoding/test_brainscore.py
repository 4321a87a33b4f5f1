import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.linear_model import RidgeCV as SklearnRidgeCV

from bids_app.encoding.brainscore import noise_ceiling, ridge_held_out
from bids_app.encoding.delays import delay
from bids_app.encoding.folds import contiguous_folds, inner_folds
from bids_app.encoding.scores import fold_mean_r

ALPHAS = np.logspace(-1, 5, 7)
RUNS = [50, 70]


@pytest.fixture
def story():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 15)) @ rng.standard_normal((15, 15))
    drive = delay(X, [1, 2], RUNS) @ rng.standard_normal((30, 8)) / 20
    return X, drive * np.linspace(0, 1, 8) + rng.standard_normal((120, 8)) + 10


def standardised(X, train):
    return (X - X[train].mean(axis=0)) / X[train].std(axis=0)


def chosen_by_folds(X, y, folds):
    error = [
        sum(np.mean((y[b] - Ridge(alpha).fit(X[a], y[a]).predict(X[b])) ** 2) for a, b in folds) for alpha in ALPHAS
    ]
    return ALPHAS[np.argmin(error)]


@pytest.mark.parametrize(("inner", "purge"), [("contiguous", 0), ("contiguous", 2), ("loo", 0)])
def test_by_definition_with_scikit_learn(story, inner, purge):
    X, Y = story
    folds = contiguous_folds(120, 4, purge)
    predictions, log_alpha = np.empty_like(Y), np.zeros(8)
    for fold in folds:
        train, test = fold
        first = standardised(X, train)
        pca = PCA(6, svd_solver="full").fit(first[train])
        design = standardised(delay(pca.transform(first), [0, 1, 2], RUNS), train)
        for target, y in enumerate(Y.T):
            if inner == "loo":
                alpha = SklearnRidgeCV(ALPHAS).fit(design[train], y[train]).alpha_
            else:
                alpha = chosen_by_folds(design, y, inner_folds(fold, folds))
            predictions[test, target] = Ridge(alpha).fit(design[train], y[train]).predict(design[test])
            log_alpha[target] += np.log(alpha) / 4
    actual = ridge_held_out(X, Y, RUNS, n_components=6, delays=[0, 1, 2], alphas=ALPHAS, n_folds=4, purge=purge,
                            inner=inner, device="cpu")  # fmt: skip
    np.testing.assert_allclose(actual.predictions, predictions, atol=1e-3)
    np.testing.assert_allclose(actual.alpha, np.exp(log_alpha), rtol=1e-4)
    assert (np.diff(fold_mean_r(actual.predictions, Y, actual.folds)[[0, 3, 7]]) > 0).all()


def test_nothing_of_a_test_fold_reaches_its_prediction(story):
    X, Y = story
    test = contiguous_folds(120, 5)[2][1]
    before = ridge_held_out(X, Y, RUNS, device="cpu", n_components=5).predictions[test]
    Y[test] = 100
    np.testing.assert_allclose(
        ridge_held_out(X, Y, RUNS, device="cpu", n_components=5).predictions[test], before, atol=1e-4
    )


@pytest.mark.parametrize("purge", [0, 3])
def test_noise_ceiling_by_definition(story, purge):
    _, Y = story
    others = Y * 0.5 + np.random.default_rng(1).standard_normal(Y.shape)
    folds = contiguous_folds(120, 5, purge)
    predictions = np.empty_like(Y)
    for fold in folds:
        train, test = fold
        for target, y in enumerate(Y.T):
            inner = inner_folds(fold, folds)
            error = np.zeros(len(ALPHAS))
            for a, b in inner:
                x = standardised(others[:, [target]], a)
                error += [np.mean((y[b] - Ridge(alpha).fit(x[a], y[a]).predict(x[b])) ** 2) for alpha in ALPHAS]
            x = standardised(others[:, [target]], train)
            predictions[test, target] = Ridge(ALPHAS[error.argmin()]).fit(x[train], y[train]).predict(x[test])
    expected = fold_mean_r(predictions, Y, folds)
    np.testing.assert_allclose(noise_ceiling(others, Y, alphas=ALPHAS, purge=purge), expected, atol=1e-4)


def test_errors(story):
    X, Y = story
    with pytest.raises(ValueError, match="inner='random'"):
        ridge_held_out(X, Y, RUNS, inner="random", device="cpu")
    with pytest.raises(ValueError, match="the same"):
        noise_ceiling(Y[:, :3], Y)
