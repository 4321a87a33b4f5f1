import numpy as np
import pytest
from scipy.stats import false_discovery_control

from bids_app.encoding.circular import circular_correlations
from bids_app.encoding.folds import contiguous_folds
from bids_app.encoding.permutation import _draw_shifts, fdr, shift_test
from bids_app.encoding.scores import fold_mean_r


def test_against_shifting_one_at_a_time():
    import torch

    rng = np.random.default_rng(0)
    folds = contiguous_folds(47, 3)
    predictions, Y = rng.standard_normal((2, 47, 8))
    observed, b = fold_mean_r(predictions, Y, folds), 0
    for shifts in _draw_shifts(folds, 50, 1, 3):
        moved = predictions.copy()
        for (_, test), shift in zip(folds, shifts, strict=True):
            moved[test] = np.roll(predictions[test], shift, axis=0)
        b = b + (fold_mean_r(moved, Y, folds) >= observed)
    for mem_mb in (None, 0.01):
        p = shift_test(predictions, Y, folds, 50, seed=3, null_scale=1, device="cpu", mem_mb=mem_mb)
        np.testing.assert_allclose(p, (b + 1) / 51)
    rolled = circular_correlations(torch.as_tensor(predictions), torch.as_tensor(Y))[5, 0]
    assert float(rolled) == pytest.approx(np.corrcoef(np.roll(predictions[:, 0], 5), Y[:, 0])[0, 1])


def test_driven_constant_and_missing_targets():
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((100, 3))
    predictions = Y + 0.1 * rng.standard_normal((100, 3))
    predictions[:, 1] = 0.1
    Y[7, 2] = np.nan
    p = shift_test(predictions, Y, contiguous_folds(100, 5), 200, device="cpu")
    np.testing.assert_array_equal(p, [1 / 201, 1, np.nan])


def test_no_fold_stays_in_place():
    folds = contiguous_folds(31, 3)
    shifts = _draw_shifts(folds, 2000, 2, 0)
    assert shifts.min() == 2
    assert shifts.max(axis=0).tolist() == [len(test) - 2 for _, test in folds]


def test_fdr():
    p = np.random.default_rng(0).uniform(size=(5, 40)) ** 3
    p[2, 3] = np.nan
    q = fdr(p)
    np.testing.assert_allclose(q[np.isfinite(p)], false_discovery_control(p[np.isfinite(p)]))
    assert np.isnan(q[2, 3])
    np.testing.assert_allclose(fdr(p, axis=1)[0], false_discovery_control(p[0]))
    assert np.isnan(fdr([np.nan])).all()


@pytest.mark.parametrize("options", [{"min_shift": 0}, {"min_shift": 10}, {"n_permutations": 0}, {"null_scale": 0}])
def test_errors(options):
    with pytest.raises(ValueError, match=r"min_shift|null_scale"):
        shift_test(np.ones((40, 1)), np.ones((40, 1)), contiguous_folds(40, 4), device="cpu", **options)
