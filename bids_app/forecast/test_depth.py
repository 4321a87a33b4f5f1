import numpy as np
import pytest

from bids_app.forecast.depth import best_layer, fraction_of_depth, group_layer


def test_the_planted_layer_comes_back() -> None:
    random = np.random.default_rng(0)
    planted = random.integers(1, 13, 50)
    shape = np.exp(-0.5 * np.square((np.arange(1, 13)[:, None] - planted) / 2))
    gains = shape + 0.3 * random.standard_normal((30, 12, 50))
    np.testing.assert_array_equal(best_layer(shape), planted)
    group, mean = group_layer(gains)
    assert np.abs(group - planted).max() <= 1
    np.testing.assert_allclose(mean, np.mean([best_layer(participant) for participant in gains], axis=0), atol=1e-5)


def test_targets_without_data_have_no_layer() -> None:
    gains = np.full((4, 3, 2), np.nan)
    gains[:, :, 0] = [1, 3, 2]
    np.testing.assert_array_equal(best_layer(gains[0]), [2, np.nan])
    for layers in group_layer(gains):
        np.testing.assert_array_equal(layers, [2, np.nan])


def test_fractions_of_depth_compare_models() -> None:
    assert fraction_of_depth([4, 12], 12)[0] == fraction_of_depth(8, 24)
    np.testing.assert_array_equal(fraction_of_depth([np.nan, 3], 3), [np.nan, 1])
    with pytest.raises(ValueError, match="n_layers=0"):
        fraction_of_depth([1], 0)


def test_gains_need_an_axis_of_layers() -> None:
    with pytest.raises(ValueError, match="shape"):
        best_layer(np.ones(4))
    with pytest.raises(ValueError, match="shape"):
        group_layer(np.ones((4, 3)))
