"""Brain score and forecast score against a computation written with scikit-learn alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.ridge.held_out import HeldOutDesign, Inner, design_held_out, predict_held_out, score_held_out
from bids_app.stats.arrays import Fold
from bids_app.stats.correlation import fold_mean_r
from bids_app.stats.standardise import zscore

RUNS = [90, 110]
N = sum(RUNS)
ALPHAS = np.logspace(-1, 8, 10)
PIPELINE = FeaturePipeline(n_components=4, delays=(0, 1, 2))


def _stimulus(seed: int, n_features: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((N, 6)).cumsum(axis=0) * 0.2 + rng.standard_normal((N, 6))
    return (latent @ rng.standard_normal((6, n_features)) + 0.5 * rng.standard_normal((N, n_features))).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Present features, window features, responses that follow one, the other, both or none."""
    present, window = _stimulus(0, 30), _stimulus(1, 250)  # the window has more features than volumes
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((N, 12))
    drive = np.zeros((N, 12))
    drive[1:, :6] += present[:-1] @ rng.standard_normal((30, 6)) * 0.2
    drive[2:, 4:9] += window[:-2] @ rng.standard_normal((250, 5)) * 0.05
    return present, window, (drive + noise).astype(np.float32)


def _scikit_features(spaces: list[np.ndarray], train: np.ndarray) -> np.ndarray:
    """Standardise, PCA and delays of each space, standardise: with scikit-learn, delays per run with zeros."""
    reduced = [
        PCA(4, svd_solver="full").fit(scaled[train]).transform(scaled)
        for scaled in (StandardScaler().fit(space[train]).transform(space.astype(float)) for space in spaces)
    ]
    columns = []
    for scores in reduced:
        for delay in range(3):
            segments = [np.zeros((RUNS[0], 4)), np.zeros((RUNS[1], 4))]
            segments[0][delay:] = scores[: RUNS[0] - delay]
            segments[1][delay:] = scores[RUNS[0] : N - delay]
            columns.append(np.concatenate(segments))
    X = np.concatenate(columns, axis=1)
    return np.asarray(StandardScaler().fit(X[train]).transform(X))


def _scikit_ridge(spaces: list[np.ndarray], Y: np.ndarray, inner: str, purge: int) -> tuple[np.ndarray, np.ndarray]:
    """Held-out predictions and penalties per fold; one RidgeCV, or one grid search over Ridge, for each target."""
    predictions, alphas = np.zeros(Y.shape), np.zeros((5, Y.shape[1]))
    borders = [test for _, test in KFold(5).split(Y)]
    for number, test in enumerate(borders):
        rows = np.arange(N)
        train = rows[(rows < test[0] - purge) | (rows > test[-1] + purge)]
        X = _scikit_features(spaces, train)
        pairs = [_inner_pair(train, other, purge) for index, other in enumerate(borders) if index != number]
        for target, y in enumerate(Y.T):
            if inner == "loo":
                alpha = RidgeCV(ALPHAS, scoring="neg_mean_squared_error").fit(X[train], y[train]).alpha_
            else:
                alpha = ALPHAS[int(np.argmin([_mean_error(X, y, pairs, candidate) for candidate in ALPHAS]))]
            predictions[test, target] = Ridge(alpha).fit(X[train], y[train]).predict(X[test])
            alphas[number, target] = alpha
    return predictions, alphas


def _inner_pair(train: np.ndarray, test: np.ndarray, purge: int) -> tuple[np.ndarray, np.ndarray]:
    return train[(train < test[0] - purge) | (train > test[-1] + purge)], np.intersect1d(train, test)


def _mean_error(X: np.ndarray, y: np.ndarray, pairs: list[Fold], alpha: float) -> float:
    return float(np.mean([np.square(y[b] - Ridge(alpha).fit(X[a], y[a]).predict(X[b])).mean() for a, b in pairs]))


@pytest.mark.parametrize(("inner", "purge"), [("contiguous", 0), ("contiguous", 2), ("loo", 0)])
def test_predictions_and_scores_agree_with_scikit_learn(data: tuple[np.ndarray, ...], inner: Inner, purge: int) -> None:
    present, window, Y = data
    Y = zscore(Y)
    gained = []
    for spaces in ([present], [present, window]):
        design = design_held_out(spaces, RUNS, replace(PIPELINE, purge=purge), inner=inner, device="cpu")
        ours = predict_held_out(design, Y, ALPHAS, device="cpu")
        predictions, alphas = _scikit_ridge(spaces, Y, inner, purge)
        np.testing.assert_allclose(ours.predictions, predictions, atol=1e-3)
        # targets of noise alone are predicted by the mean with any large penalty: rounding chooses
        np.testing.assert_allclose(ours.alpha[:9], np.exp(np.log(alphas).mean(axis=0))[:9], rtol=1e-4)
        tests = [test for _, test in KFold(5).split(Y)]
        expected = [np.mean([pearsonr(predictions[t, v], Y[t, v])[0] for t in tests]) for v in range(Y.shape[1])]
        gained.append(score_held_out(design, Y, ALPHAS, device="cpu")[0])
        np.testing.assert_allclose(gained[-1], expected, atol=1e-3)
    assert (gained[1] - gained[0])[6:9].min() > 0.2  # so that the comparison is one of gains


def test_an_unknown_way_to_choose_the_penalty_is_refused(data: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(ValueError, match="inner='random'"):
        design_held_out(data[0], RUNS, inner=cast("Inner", "random"))


def test_scores_are_those_of_the_predictions(data: tuple[np.ndarray, ...]) -> None:
    present, window, Y = data
    Y = zscore(Y)  # beside a large mean, predictions are rounded
    design = design_held_out([present, window], RUNS, replace(PIPELINE, purge=2), device="cpu")
    held_out = predict_held_out(design, Y, ALPHAS, device="cpu")
    r, alpha = score_held_out(design, Y, ALPHAS, device="cpu", mem_mb=0.02)
    np.testing.assert_allclose(r, fold_mean_r(held_out.predictions, Y, held_out.folds), atol=1e-4)
    np.testing.assert_allclose(alpha, held_out.alpha, rtol=1e-5)


@pytest.mark.parametrize("n_components", [4, None])  # without components, the window's 250 features exceed the volumes
@pytest.mark.parametrize("inner", ["contiguous", "loo"])
def test_a_stored_design_gives_the_same_bits(
    data: tuple[np.ndarray, ...], tmp_path: Path, inner: Inner, n_components: int | None
) -> None:
    present, window, Y = data
    design = design_held_out(
        [present, window], RUNS, replace(PIPELINE, n_components=n_components), inner=inner, device="cpu"
    )
    arrays: dict[str, Any] = dict(design.to_arrays())
    np.savez(tmp_path / "design.npz", **arrays)
    with np.load(tmp_path / "design.npz") as content:
        stored = HeldOutDesign.from_arrays(content)
    before, after = (predict_held_out(either, Y, ALPHAS, device="cpu").predictions for either in (design, stored))
    assert np.array_equal(before, after)
    assert [len(either.inner) for either in stored.folds] == [4 if inner == "contiguous" else 0] * 5


def test_nothing_of_a_test_part_reaches_its_predictions(data: tuple[np.ndarray, ...]) -> None:
    present, _, Y = data
    design = design_held_out(present, RUNS, PIPELINE, device="cpu")
    test = design.pairs[2][1]
    changed = Y.copy()
    changed[test] = 100 * np.random.default_rng(0).standard_normal((len(test), Y.shape[1]))
    before, after = (
        predict_held_out(design, responses, ALPHAS, device="cpu").predictions[test] for responses in (Y, changed)
    )
    np.testing.assert_allclose(before, after, atol=1e-4)


def test_delays_wrap_where_the_recipe_says_so(data: tuple[np.ndarray, ...]) -> None:
    word = data[0][:, :1]
    for wrap in (True, False):
        pipeline = FeaturePipeline(n_components=None, delays=(0, 1), wrap=wrap)
        features = design_held_out(word, [N], pipeline, device="cpu").folds[0].features
        assert (np.corrcoef(features[:, 1], np.roll(word[:, 0], 1))[0, 1] > 1 - 1e-6) == wrap


def test_what_is_not_finite_is_refused(data: tuple[np.ndarray, ...]) -> None:
    present, window, Y = (array.copy() for array in data)
    design = design_held_out(present, RUNS, PIPELINE, device="cpu")
    Y[3, 5] = window[3, 5] = np.nan
    with pytest.raises(ValueError, match="Y"):
        predict_held_out(design, Y, ALPHAS, device="cpu")
    with pytest.raises(ValueError, match="Y"):
        score_held_out(design, Y, ALPHAS, device="cpu")
    with pytest.raises(ValueError, match="X"):
        design_held_out([present, window], RUNS, PIPELINE, device="cpu")


def test_responses_of_another_length_are_refused(data: tuple[np.ndarray, ...]) -> None:
    present, _, Y = data
    with pytest.raises(ValueError, match="200"):
        score_held_out(design_held_out(present, RUNS, PIPELINE, device="cpu"), Y[:-1], ALPHAS, device="cpu")


def test_what_was_heard_needs_a_number_per_volume(data: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(ValueError, match="3 volumes of 200"):
        design_held_out(data[0], RUNS, replace(PIPELINE, content=(0, 1, 2)), device="cpu")
