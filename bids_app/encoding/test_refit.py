import numpy as np
import pytest
from scipy.signal import lfilter

from bids_app.encoding.brainscore import ridge_held_out
from bids_app.encoding.folds import contiguous_folds
from bids_app.encoding.haemodynamics import convolve, zscore
from bids_app.encoding.lasso import lasso_held_out
from bids_app.encoding.permutation import shift_test
from bids_app.encoding.refit import refit_test


def ridge(X, Y):
    return ridge_held_out(X, Y, [len(Y)], n_components=None, delays=[0], device="cpu").predictions


def lasso(X, Y):
    return lasso_held_out(X, Y, 5, penalty_ratios=(0.9, 0.5, 0.25, 0.1), device="cpu")


@pytest.mark.parametrize("fit", [ridge, lasso])
def test_on_autocorrelated_noise_one_in_twenty_fires(fit):
    rng = np.random.default_rng(0)
    noise = [lfilter([1], [1, -ar], rng.standard_normal((400, 2500)), axis=0)[200:] for ar in (0.1, 0.85)]
    Y = zscore(np.concatenate(noise, axis=1))
    X = zscore(convolve(rng.standard_normal((200, 12)), 1.5))
    folds = contiguous_folds(200, 5)
    predictions = fit(X, Y)
    assert 0.03 < (shift_test(predictions, Y, folds, 300, device="cpu") < 0.05).mean() < 0.07
    p = refit_test(lambda y: fit(X, y), predictions, Y, folds, n_refits=8, device="cpu")
    for half in (p[:2500], p[2500:]):
        assert 0.03 < (half < 0.05).mean() < 0.07
    # without the correction for folds that learn from each other, the shifts alone are far too liberal
    assert (shift_test(predictions, Y, folds, 300, null_scale=1, device="cpu") < 0.05).mean() > 0.09


def test_driven_targets_get_the_smallest_p():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 3))
    Y = X @ rng.standard_normal((3, 40)) + 0.5 * rng.standard_normal((150, 40))
    folds = contiguous_folds(150, 5)
    p = refit_test(lambda y: ridge(X, y), ridge(X, Y), Y, folds, n_scores=400, n_refits=10, device="cpu")
    np.testing.assert_allclose(p, 1 / 401)


def test_errors():
    folds = contiguous_folds(40, 2)
    with pytest.raises(ValueError, match="n_refits=0"):
        refit_test(lambda y: y, np.ones((40, 1)), np.ones((40, 1)), folds, n_refits=0)
