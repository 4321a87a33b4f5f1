from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from himalaya.backend import get_backend, set_backend
from himalaya.kernel_ridge import predict_weighted_kernel_ridge, solve_multiple_kernel_ridge_random_search
from sklearn.linear_model import Ridge

from bids_app.encoding.design.delays import delay
from bids_app.encoding.design.features import DelayedComponents
from bids_app.encoding.design.folds import contiguous_folds, inner_folds
from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.ridge import DEFAULT_ALPHAS
from bids_app.encoding.ridge.held_out import design_held_out, predict_held_out
from bids_app.forecast.variance import Variance, candidate_mixtures, restricted, unique_variance
from bids_app.stats.correlation import r2

Planted = tuple[dict[str, npt.NDArray[np.float64]], npt.NDArray[np.float32]]

RUNS = [140, 160]
N = sum(RUNS)
PIPELINE = FeaturePipeline(n_components=6, delays=(0, 1, 2, 3))
SETTINGS: dict[str, Any] = {"pipeline": PIPELINE, "device": "cpu", "n_candidates": 10}


def drive(random: np.random.Generator, latent: npt.NDArray[np.float64], n_targets: int) -> npt.NDArray[np.float64]:
    """Responses to the latent features one to three volumes later, variance 1."""
    delayed = delay(latent, [1, 2, 3], RUNS)
    response = delayed @ random.standard_normal((delayed.shape[1], n_targets))
    return np.asarray(response / response.std(axis=0))


@pytest.fixture(scope="module")
def planted() -> Planted:
    """Spaces that share two of six directions; ten targets each: future, present, both, shared part, none."""
    random = np.random.default_rng(0)
    shared = random.standard_normal((N, 2))
    features = {name: random.standard_normal((N, 4)) for name in ("present", "future", "past")}
    spaces = {
        name: np.concatenate([latent, shared], axis=1) @ random.standard_normal((6, 40))
        for name, latent in features.items()
    }
    present, future = (drive(random, features[name], 30) for name in ("present", "future"))
    driven = [future[:, :10], present[:, :10], future[:, 10:20] + present[:, 10:20], drive(random, shared, 10)]
    signal = np.concatenate([2 * np.concatenate(driven, axis=1), np.zeros((N, 10))], axis=1)
    return spaces, (signal + random.standard_normal(signal.shape)).astype(np.float32)


def means(result: Variance) -> dict[str, npt.NDArray[np.float32]]:
    """Mean over the ten targets of each kind: total, then each space."""
    return {
        name: values.reshape(5, 10).mean(axis=1) for name, values in {"total": result.total, **result.unique}.items()
    }


def test_the_planted_space_has_the_unique_variance(planted: Planted) -> None:
    result = means(unique_variance(*planted, RUNS, **SETTINGS))
    # signal of variance 4 beside noise of variance 1, twice 4 where two spaces drive
    np.testing.assert_allclose(result["total"], [0.8, 0.8, 8 / 9, 0.8, 0], atol=0.12)
    np.testing.assert_allclose(result["future"], [0.8, 0, 4 / 9, 0, 0], atol=0.12)
    np.testing.assert_allclose(result["present"], [0, 0.8, 4 / 9, 0, 0], atol=0.12)
    np.testing.assert_allclose(result["past"], np.zeros(5), atol=0.02)
    assert np.abs([result["present"][[0, 3, 4]], result["future"][[1, 3, 4]]]).max() < 0.03


def test_a_copy_leaves_nothing_unique(planted: Planted) -> None:
    spaces, Y = planted
    copied = {"future": spaces["future"], "present": spaces["present"], "again": spaces["future"] * 3 + 1}
    result = means(unique_variance(copied, Y, RUNS, **SETTINGS))
    assert result["total"][[0, 2]].min() > 0.7
    assert np.abs([result["future"], result["again"]]).max() < 0.02
    assert result["present"][1] > 0.6


def test_one_space_is_the_brain_score(planted: Planted) -> None:
    spaces, Y = planted
    pipeline = replace(PIPELINE, purge=2)
    result = unique_variance({"future": spaces["future"]}, Y, RUNS, pipeline, device="cpu")
    design = design_held_out(spaces["future"], RUNS, pipeline, device="cpu")
    expected = r2(predict_held_out(design, Y, device="cpu").predictions, Y)
    np.testing.assert_allclose(result.total, expected, atol=1e-3)
    # without it, the mean of the training rows is left, which explains nothing
    assert np.abs(result.total - result.unique["future"]).max() < 0.1


def scikit_errors(
    features: list[npt.NDArray[np.float64]],
    y: npt.NDArray[np.float64],
    fold: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    inner: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]],
    alphas: tuple[float, float, float],
    mixtures: npt.NDArray[np.float64],
) -> float:
    """|y − prediction|² on the test rows: scaled features, scikit-learn's Ridge, every choice one by one."""
    lowest, best = np.inf, (features[0], alphas[0])
    for weights in mixtures:
        X = np.concatenate(
            [np.sqrt(weight) * X_space for weight, X_space in zip(weights, features, strict=True)], axis=1
        )
        for alpha in alphas:
            loss = np.mean([np.square(y[b] - Ridge(alpha).fit(X[a], y[a]).predict(X[b])).mean() for a, b in inner])
            if loss < lowest:
                lowest, best = loss, (X, alpha)
    X, alpha = best
    return float(np.square(y[fold[1]] - Ridge(alpha).fit(X[fold[0]], y[fold[0]]).predict(X[fold[1]])).sum())


@pytest.mark.parametrize("purge", [0, 3])
def test_by_definition_with_scikit_learn(planted: Planted, purge: int) -> None:
    spaces, Y = planted[0], planted[1][:, 5:45:16].astype(np.float64)
    alphas, n_candidates = (1.0, 30.0, 1000.0), 9
    mixtures = candidate_mixtures(3, n_candidates, 5)
    models = [[0, 1, 2], [1, 2], [0, 2], [0, 1]]
    errors = np.zeros((4, Y.shape[1]))
    folds = contiguous_folds(N, 4, purge)
    for fold in folds:
        features = [
            DelayedComponents(6, [0, 1]).fit(X, RUNS, fold[0]).transform(X, RUNS).astype(float) for X in spaces.values()
        ]
        for row, kept in enumerate(models):
            for target, y in enumerate(Y.T):
                chosen = [features[space] for space in kept]
                weights = restricted(mixtures, kept)
                errors[row, target] += scikit_errors(chosen, y, fold, inner_folds(fold, folds), alphas, weights)
    expected = 1 - errors / np.square(Y - Y.mean(axis=0)).sum(axis=0)
    result = unique_variance(
        spaces, Y, RUNS, FeaturePipeline(6, (0, 1), n_folds=4, purge=purge),
        alphas=alphas, n_candidates=n_candidates, seed=5, device="cpu",
    )  # fmt: skip
    np.testing.assert_allclose(result.total, expected[0], atol=1e-3)
    for name, space_variance in zip(spaces, expected[1:], strict=True):
        np.testing.assert_allclose(result.unique[name], expected[0] - space_variance, atol=1e-3)


def test_batches_and_units_change_nothing(planted: Planted) -> None:
    spaces, Y = planted[0], planted[1][:, ::5]
    settings = {**SETTINGS, "n_candidates": 4}
    whole = unique_variance(spaces, Y, RUNS, **settings, seed=1)
    again = unique_variance(spaces, Y, RUNS, **settings, seed=1)
    np.testing.assert_array_equal(again.total, whole.total)
    np.testing.assert_array_equal(again.unique["past"], whole.unique["past"])
    small = unique_variance(spaces, Y, RUNS, **settings, seed=1, mem_mb=0.1)
    np.testing.assert_allclose(small.total, whole.total, atol=1e-5)
    scaled = unique_variance(spaces, 1e-6 * Y + 1e-5, RUNS, **settings, seed=1)
    np.testing.assert_allclose(scaled.unique["future"], whole.unique["future"], atol=1e-3)


def test_a_constant_target_has_none(planted: Planted) -> None:
    spaces, Y = planted
    result = unique_variance(spaces, np.c_[Y[:, :1], np.full(N, 7)], RUNS, **{**SETTINGS, "n_candidates": 2})
    assert result.total[1] == 0
    assert all(values[1] == 0 for values in result.unique.values())


def test_like_himalaya_s_random_search(planted: Planted) -> None:
    """R² of all spaces together, with the same mixtures and penalties."""
    spaces, Y = planted[0], planted[1][:, ::5]
    folds = PIPELINE.folds(N)
    predicted = np.zeros(Y.shape)
    before = get_backend()
    set_backend("numpy")
    try:
        for train, test in folds:
            features = [PIPELINE.features(X, RUNS, train).astype(float) for X in spaces.values()]
            kernels = np.stack([X @ X.T for X in features]).astype(np.float32)
            cv = [tuple(np.searchsorted(train, rows) for rows in pair) for pair in inner_folds((train, test), folds)]
            with np.errstate(divide="ignore"):
                deltas, dual, _, intercept = solve_multiple_kernel_ridge_random_search(
                    kernels[:, train][:, :, train],
                    Y[train],
                    n_iter=candidate_mixtures(3, 10, 0).astype(np.float32),
                    alphas=np.array(DEFAULT_ALPHAS, dtype=np.float32),
                    cv=cv,
                    fit_intercept=True,
                    return_weights="dual",
                    progress_bar=False,
                )
                predicted[test] = predict_weighted_kernel_ridge(
                    kernels[:, test][:, :, train], dual, deltas, intercept=intercept
                )
    finally:
        set_backend(before)
    found = unique_variance(spaces, Y, RUNS, **SETTINGS)
    np.testing.assert_allclose(found.total, r2(predicted, Y), atol=1e-3)


def test_candidates() -> None:
    mixtures = candidate_mixtures(3, 20, seed=0)
    np.testing.assert_allclose(mixtures.sum(axis=1), 1)
    np.testing.assert_allclose(mixtures[0], 1 / 3)
    np.testing.assert_array_equal(mixtures[4:7], np.eye(3))
    pair = restricted(mixtures, [0, 2])
    np.testing.assert_allclose(pair.sum(axis=1), 1)
    np.testing.assert_array_equal(pair[:3], [[0.5, 0.5], [1, 0], [0, 1]])
    assert len(pair) == 16
    np.testing.assert_array_equal(candidate_mixtures(3, 4, seed=0), mixtures[:4])
    np.testing.assert_array_equal(candidate_mixtures(3, 20, seed=0), mixtures)
    assert (candidate_mixtures(3, 20, seed=1)[7:] != mixtures[7:]).all()
    np.testing.assert_array_equal(restricted(mixtures, [1]), [[1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spaces": {}}, "spaces is empty"),
        ({"spaces": {"future": np.ones((7, 3))}}, "'future' has 7 rows where 300"),
        ({"Y": np.full((N, 2), np.nan)}, "NaN"),
        ({"n_candidates": 0}, "n_candidates=0"),
        ({"alphas": [0.0]}, "alphas"),
    ],
)
def test_errors(
    planted: Planted,
    change: dict[str, Any],
    message: str,
) -> None:
    spaces, Y = planted
    with pytest.raises(ValueError, match=message):
        unique_variance(**{"spaces": spaces, "Y": Y, "run_lengths": RUNS, **SETTINGS, **change})
