from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import lfilter

from bids_app.encoding.design.folds import content_folds, contiguous_folds
from bids_app.encoding.design.haemodynamics import convolve
from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.lasso import LassoCV
from bids_app.encoding.ridge.held_out import design_held_out, predict_held_out
from bids_app.stats.correlation import fold_mean_r
from bids_app.stats.permutation import PermutationNull, permutation_test
from bids_app.stats.standardise import zscore


def ridge(X: npt.NDArray[np.floating], Y: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    design = design_held_out(X, [len(Y)], FeaturePipeline(n_components=None, delays=(0,)), device="cpu")
    return predict_held_out(design, Y, device="cpu").predictions


def lasso(X: npt.NDArray[np.floating], Y: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    return LassoCV((0.9, 0.5, 0.25, 0.1), device="cpu").fit(X, Y).held_out_


@pytest.mark.parametrize("fit", [ridge, lasso])
def test_on_autocorrelated_noise_one_in_twenty_fires(
    fit: Callable[[npt.NDArray[np.floating], npt.NDArray[np.floating]], npt.NDArray[np.float32]],
) -> None:
    rng = np.random.default_rng(0)
    noise = [lfilter([1], [1, -ar], rng.standard_normal((400, 2500)), axis=0)[200:] for ar in (0.1, 0.85)]
    Y = zscore(np.concatenate(noise, axis=1))
    X = zscore(convolve(rng.standard_normal((200, 12)), 1.5))
    folds = contiguous_folds(200, 5)
    predictions = fit(X, Y)
    p = permutation_test(lambda y: fit(X, y), predictions, Y, folds, device="cpu")
    for half in (p[:2500], p[2500:]):
        assert 0.03 < (half < 0.05).mean() < 0.07


def test_means_of_neighbours_share_the_null_of_their_targets() -> None:
    """They are more autocorrelated: noise of single targets is averaged out."""
    rng = np.random.default_rng(0)
    shared, own = (
        zscore(lfilter([1], [1, -ar], rng.standard_normal((400, n)), axis=0)[200:])
        for ar, n in ((0.8, 800), (0.2, 8000))
    )
    Y = zscore(own + 0.6 * np.repeat(shared, 10, axis=1))
    means = zscore(Y.reshape(200, 800, 10).mean(axis=2))
    X, folds = zscore(convolve(rng.standard_normal((200, 12)), 1.5)), contiguous_folds(200, 5)
    p = PermutationNull.draw(lambda y: ridge(X, y), Y, folds, device="cpu").test(ridge(X, means), means)
    assert 0.03 < (p < 0.05).mean() < 0.07
    assert (p < 0.005).mean() < 0.01


def test_driven_targets_get_the_smallest_p() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 3))
    Y = X @ rng.standard_normal((3, 40)) + 0.5 * rng.standard_normal((150, 40))
    folds = contiguous_folds(150, 5)
    p = permutation_test(lambda y: ridge(X, y), ridge(X, Y), Y, folds, n_scores=400, device="cpu")
    np.testing.assert_allclose(p, 1 / 401)


def test_errors() -> None:
    folds = contiguous_folds(40, 2)
    with pytest.raises(ValueError, match="n_scores=0"):
        permutation_test(lambda y: y, np.ones((40, 1)), np.ones((40, 1)), folds, n_scores=0)


def test_few_targets_are_moved_more_often_but_each_only_once_by_a_distance() -> None:
    rng = np.random.default_rng(0)
    X, noise = rng.standard_normal((200, 2)), rng.standard_normal((200, 3))
    Y = X @ rng.standard_normal((2, 3)) + 0.1 * noise
    for n_scores, n in ((300, 300), (4000, 3 * 121)):  # distances 40 to 160
        p = permutation_test(lambda y: ridge(X, y), ridge(X, Y), Y, contiguous_folds(200, 5), n_scores=n_scores)
        np.testing.assert_allclose(p, 1 / (n + 1))


def test_p_does_not_depend_on_batches() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((100, 2)), rng.standard_normal((100, 30))
    folds = contiguous_folds(100, 5)
    whole, parts = (
        permutation_test(lambda y: ridge(X, y), ridge(X, Y), Y, folds, n_scores=200, device="cpu", mem_mb=mem_mb)
        for mem_mb in (None, 4 * 8 * 20 * 7 / 1e6)  # seven targets at a time
    )
    np.testing.assert_allclose(parts, whole, atol=1e-12)


def test_a_gain_over_a_baseline_is_tested_by_itself() -> None:
    rng = np.random.default_rng(5)
    X = zscore(convolve(rng.standard_normal((200, 12)), 1.5))
    Y = lfilter([1], [1, -0.6], rng.standard_normal((400, 3000)), axis=0)[200:]
    Y[:, :1000] += X[:, :6] @ rng.standard_normal((6, 1000))  # by the baseline's regressors
    Y[:, :500] += X[:, 6:] @ rng.standard_normal((6, 500))  # and by those that it lacks
    responses = zscore(Y)
    folds = contiguous_folds(200, 5)

    def both(y: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        return ridge(X, y), ridge(X[:, :6], y)

    p = permutation_test(both, both(responses), responses, folds, device="cpu")
    assert (p[:500] < 0.05).mean() > 0.8
    assert (p[500:1000] < 0.05).mean() < 0.07  # driven, but by nothing that the baseline lacks
    assert 0.03 < (p[1000:] < 0.05).mean() < 0.07


def heard_again(
    pieces: tuple[slice, slice], snr: int, n: int = 130, n_targets: int = 1000, seed: int = 1
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Regressors and responses to pieces of a story: autocorrelated noise, and a response that comes with the story."""
    rng = np.random.default_rng(seed)

    def noise() -> npt.NDArray[np.float32]:
        return zscore(lfilter([1], [1, -0.7], rng.standard_normal((n + 100, n_targets)), axis=0)[100:])

    locked, words = noise(), zscore(convolve(rng.standard_normal((n, 12)), 1.5))
    Y = np.concatenate([zscore(snr * locked[piece] + noise()[piece]) for piece in pieces])
    return words[content := np.concatenate([np.arange(n)[piece] for piece in pieces])], Y, content


@pytest.mark.parametrize("snr", [0, 1, 5])
@pytest.mark.parametrize(
    "pieces",
    [(slice(None), slice(None)), (slice(None), slice(40, None)), (slice(0, 60), slice(None))],
    ids=["twice", "started later", "stopped early"],
)
def test_unrelated_responses_to_a_story_heard_again_fire_in_one_of_twenty(
    pieces: tuple[slice, slice], snr: int
) -> None:
    X, Y, content = heard_again(pieces, snr)
    folds = content_folds(content, 5)
    design = design_held_out(
        X, [len(Y)], FeaturePipeline(n_components=None, delays=(0,), content=tuple(content.tolist())), device="cpu"
    )

    def fit(y: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return predict_held_out(design, y, device="cpu").predictions

    predictions = fit(Y)
    assert abs(fold_mean_r(predictions, Y, folds).mean()) < 0.03
    p = permutation_test(fit, predictions, Y, folds, content=content, n_scores=1000, device="cpu")
    assert 0.025 < (p < 0.05).mean() < 0.08


def test_the_lasso_of_a_story_heard_twice() -> None:
    X, Y, content = heard_again((slice(None), slice(None)), 2, n_targets=600)
    folds = content_folds(content, 5)

    def fit(y: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return LassoCV((0.9, 0.5, 0.25, 0.1), folds=folds, device="cpu").fit(X, y).held_out_

    predictions = fit(Y)
    assert abs(fold_mean_r(predictions, Y, folds).mean()) < 0.03
    p = permutation_test(fit, predictions, Y, folds, content=content, n_scores=600, device="cpu")
    assert 0.02 < (p < 0.05).mean() < 0.08
