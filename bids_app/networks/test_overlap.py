from typing import Any

import numpy as np
import pytest
from scipy.stats import zscore

from bids_app.networks.overlap import dice, parts, spatial_z


def test_spatial_z_is_that_of_scipy_with_nan_left_out() -> None:
    maps = np.random.default_rng(0).standard_normal((4, 50)) * 3 + 7
    maps[:, 10:14] = np.nan
    np.testing.assert_allclose(spatial_z(maps), zscore(maps, axis=1, nan_policy="omit"), rtol=1e-5)


def test_constant_map_has_no_parts() -> None:
    z = spatial_z(np.array([[0.1] * 9 + [np.nan]]))
    assert (z[0, :9] == 0).all()
    assert np.isnan(z[0, 9])
    assert not np.any(parts(z))


def test_threshold_splits_by_sign_and_leaves_nan_out() -> None:
    active, deactive = parts(np.array([[3.0, 2.3, -3.0, np.nan, 0.0]]))
    assert active.tolist() == [[True, False, False, False, False]]
    assert deactive.tolist() == [[False, False, True, False, False]]


def test_weakly_positive_target_is_not_deactive() -> None:
    betas = np.full((1, 100), 10.0)
    betas[0, 0] = 1.0
    z = spatial_z(betas)
    assert parts(z)[1].sum() == 1
    assert parts(z, signs=betas)[1].sum() == 0
    assert parts(-z)[0].sum() == 1
    assert parts(-z, signs=-betas)[0].sum() == 0


def test_top_percent_counts_finite_targets_and_keeps_the_sign() -> None:
    maps = np.arange(-10.0, 90)[None]  # ten negative, one zero, 89 positive
    maps = np.concatenate([maps, np.full((1, 100), np.nan)], axis=1)
    active, deactive = parts(maps, top_percent=20)
    np.testing.assert_array_equal(np.flatnonzero(active), np.arange(80, 100))
    np.testing.assert_array_equal(np.flatnonzero(deactive), np.arange(10))  # of the lowest 20, ten are negative


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"top_percent": 0.0}, {"top_percent": 60.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        parts(np.zeros((1, 3)), **wrong)


def test_dice_is_that_of_sets() -> None:
    rng = np.random.default_rng(1)
    some, labels = rng.random((5, 300)) < 0.2, rng.integers(0, 4, 300)
    result = dice(some, labels, 4)  # network 4 has no target
    for row, members in zip(result, some, strict=True):
        for network, value in enumerate(row, start=1):
            a, b = set(np.flatnonzero(members)), set(np.flatnonzero(labels == network))
            assert value == pytest.approx(2 * len(a & b) / (len(a) + len(b)))


def test_dice_of_nothing_with_nothing_is_zero() -> None:
    assert dice(np.zeros((1, 3), dtype=bool), np.zeros(3, dtype=int), 1) == 0
