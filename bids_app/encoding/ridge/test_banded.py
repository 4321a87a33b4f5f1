"""Against himalaya's random search over the same weightings, and against planted responses."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from himalaya.backend import get_backend, set_backend
from himalaya.kernel_ridge import predict_weighted_kernel_ridge, solve_multiple_kernel_ridge_random_search

from bids_app.encoding.design.folds import contiguous_folds, inner_folds
from bids_app.encoding.ridge import DEFAULT_ALPHAS
from bids_app.encoding.ridge.banded import Space, design_banded, predict_banded
from bids_app.encoding.ridge.held_out import HeldOutDesign
from bids_app.stats.arrays import Fold
from bids_app.stats.correlation import r2

Doubles = npt.NDArray[np.float64]

N = 200
RNG = np.random.default_rng(0)
MODEL, BAND = (RNG.standard_normal((N, size)).astype(np.float32) for size in (30, 5))
WEIGHTS = np.array([[0.0, 1.0], [0.5, 0.5], [0.9, 0.1], [1.0, 0.0]])


def responses() -> npt.NDArray[np.float32]:
    """Four targets each: driven by the model, by the band, by both, by none."""
    signal = [MODEL @ RNG.standard_normal((30, 8)) / 5.5, BAND @ RNG.standard_normal((5, 8)) / 2.2]
    Y = RNG.standard_normal((N, 16))
    Y[:, :4] += 2 * signal[0][:, :4]
    Y[:, 4:8] += 2 * signal[1][:, :4]
    Y[:, 8:12] += signal[0][:, 4:] + signal[1][:, 4:]
    return Y.astype(np.float32)


Y = responses()


def designs(weights: npt.ArrayLike = WEIGHTS, purge: int = 0) -> tuple[HeldOutDesign, ...]:
    spaces: list[Space] = [lambda _: MODEL, lambda _: BAND]
    return design_banded(spaces, weights, contiguous_folds(N, 5, purge), device="cpu")


def by_himalaya(weights: Doubles, folds: Sequence[Fold], alphas: Sequence[float]) -> Doubles:
    kernels = np.stack([X.astype(float) @ X.T.astype(float) for X in (MODEL, BAND)]).astype(np.float32)
    predicted = np.zeros(Y.shape)
    before = get_backend()
    set_backend("numpy")
    try:
        for fold in folds:
            train, test = fold
            cv = [tuple(np.searchsorted(train, rows) for rows in pair) for pair in inner_folds(fold, folds)]
            with np.errstate(divide="ignore"):
                deltas, dual, _, intercept = solve_multiple_kernel_ridge_random_search(
                    kernels[:, train][:, :, train], Y[train], n_iter=weights.astype(np.float32),
                    alphas=np.array(alphas, dtype=np.float32),
                    cv=cv, fit_intercept=True, return_weights="dual", progress_bar=False,
                )  # fmt: skip
                predicted[test] = predict_weighted_kernel_ridge(
                    kernels[:, test][:, :, train], dual, deltas, intercept=intercept
                )
    finally:
        set_backend(before)
    return predicted


@pytest.mark.parametrize("purge", [0, 3])
def test_like_himalaya_s_random_search(purge: int) -> None:
    folds = contiguous_folds(N, 5, purge)
    (found,) = predict_banded(designs(purge=purge), [range(4)], Y, device="cpu")
    expected = by_himalaya(WEIGHTS, folds, DEFAULT_ALPHAS)
    np.testing.assert_allclose(r2(found.predictions, Y), r2(expected, Y), atol=1e-3)
    # himalaya ignores improvements below a fixed size, so that it keeps another of two equally good choices at times
    np.testing.assert_allclose(found.predictions, expected, atol=5e-2)


def test_models_choose_among_their_own_weightings() -> None:
    """The same as searches apart, but for rounding in products of other sizes."""
    joint, band = predict_banded(designs(), [[0, 1, 2, 3], [0]], Y, device="cpu")
    (alone,) = predict_banded(designs(WEIGHTS[:1]), [[0]], Y, device="cpu")
    np.testing.assert_allclose(band.predictions, alone.predictions, atol=1e-6)
    (again,) = predict_banded(designs(), [range(4)], Y, device="cpu")
    np.testing.assert_allclose(joint.predictions, again.predictions, atol=1e-6)
    gain = r2(joint.predictions, Y) - r2(band.predictions, Y)
    assert gain[:4].min() > 0.3  # the model drives these
    assert gain[8:12].min() > 0.1
    assert np.abs(gain[4:8]).max() < 0.1  # and the band alone these
    assert gain[12:].max() < 0.05


def test_models_that_choose_the_same_predict_the_same_to_the_bit() -> None:
    """Their scores differ by nothing, not by rounding errors, whose p-values would be arbitrary."""
    noise = np.random.default_rng(1).standard_normal((N, 8)).astype(np.float32)
    joint, band = predict_banded(designs(), [[0, 1, 2, 3], [0]], noise, [10.0, 1e3], device="cpu")
    difference = np.stack([np.abs((joint.predictions - band.predictions)[test]).max(axis=0) for _, test in joint.folds])
    assert 0.1 < (difference == 0).mean() < 0.9
    assert difference[difference > 0].min() > 1e-5


def test_one_penalty_still_chooses_the_weighting() -> None:
    joint, band = predict_banded(designs(), [[0, 3], [0]], Y, [10.0], device="cpu")
    assert (r2(joint.predictions, Y) - r2(band.predictions, Y))[:4].min() > 0.3


def test_batches_and_stored_designs_change_nothing() -> None:
    stored = [HeldOutDesign.from_arrays(design.to_arrays()) for design in designs()]
    (whole,) = predict_banded(designs(), [range(4)], Y, device="cpu")
    (small,) = predict_banded(stored, [range(4)], Y, device="cpu", mem_mb=0.02)
    np.testing.assert_allclose(small.predictions, whole.predictions, atol=1e-5)


@pytest.mark.parametrize("weights", [[[0.5, 0.5, 1.0]], [[0.0, 0.0]], [[1.0, -1.0]]])
def test_impossible_weights_are_refused(weights: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="one weight per space"):
        designs(weights)


@pytest.mark.parametrize("models", [[[]], [[4]]])
def test_impossible_models_are_refused(models: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="at least one index of the 4 designs"):
        predict_banded(designs(), models, Y, device="cpu")
