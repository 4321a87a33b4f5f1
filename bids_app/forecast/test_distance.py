import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.stats import kstest

from bids_app.forecast.distance import best_distance, group_distance, split_half

DISTANCES = range(-10, 31)
DISTANCE = np.array(DISTANCES)


def noise(random: np.random.Generator, *shape: int) -> npt.NDArray[np.float64]:
    """As smooth as windows of 7 words that share 6 with their neighbours; variance 1."""
    smooth = gaussian_filter1d(random.standard_normal((*shape, 2 * DISTANCE.size)), 2, axis=-1, mode="wrap")
    return np.asarray(smooth[..., : DISTANCE.size] / smooth.std())


def bump(peak: int, width: float = 5.0) -> npt.NDArray[np.float64]:
    return np.exp(-0.5 * np.square((DISTANCE - peak) / width))


def test_best_distance_by_definition() -> None:
    gains = np.random.default_rng(0).standard_normal((41, 30)).astype(np.float32)
    gains[:, 3] = np.nan
    gains[5:, 4] = np.nan
    gains[7, 5] = np.inf  # is no gain
    expected = [
        DISTANCE[np.nanargmax(np.where(np.isfinite(curve), curve, np.nan))] for curve in np.delete(gains, 3, 1).T
    ]
    distance = best_distance(gains, DISTANCES)
    assert distance.dtype == np.float32
    np.testing.assert_array_equal(np.delete(distance, 3), expected)
    assert np.isnan(distance[3])


def test_what_gains_nowhere_has_no_peak() -> None:
    assert np.isnan(best_distance(np.zeros((41, 1)), DISTANCES)).all()
    assert best_distance(np.zeros((1, 1)), [8]) == [8]
    assert best_distance([[np.nan], [0.0]], [0, 8]) == [8]


def test_distances_may_come_in_any_order() -> None:
    assert best_distance([[1.0], [3.0], [2.0]], [8, -4, 0]) == [-4]


def test_group_curve_and_mean_of_participants() -> None:
    random = np.random.default_rng(0)
    gains = random.standard_normal((5, 41, 6)).astype(np.float32)
    gains[0, :, 1] = np.nan
    gains[0, 7, 2] = np.nan  # a curve with a hole would pull the mean curve to or from that distance
    gains[:, :, 3] = np.nan
    group, mean = group_distance(gains, DISTANCES)
    for target, present in [(0, slice(0, 5)), (1, slice(1, 5)), (2, slice(1, 5)), (5, slice(0, 5))]:
        curves = gains[present, :, target].astype(float)
        assert group[target] == DISTANCE[curves.mean(axis=0).argmax()]
        assert mean[target] == pytest.approx(DISTANCE[curves.argmax(axis=1)].mean())
    assert np.isnan(group[3])
    assert np.isnan(mean[3])


def test_the_peak_of_the_mean_curve_is_found_where_the_mean_of_peaks_is_biased() -> None:
    random = np.random.default_rng(0)
    gains = noise(random, 24, 200).transpose(0, 2, 1) + bump(25)[:, None]
    group, mean = group_distance(gains, DISTANCES)
    assert abs(np.median(group) - 25) <= 1
    assert np.median(mean) < 21  # towards 10, the middle


def slow_split_half(curves: npt.NDArray[np.float64], halves: list[tuple[int, int]]) -> tuple[float, float]:
    """Mean difference of the halves' peaks and the cross-validated gain, one split after the other."""
    differences, gains = [], []
    for half in halves:
        rest = [index for index in range(len(curves)) if index not in half]
        a, b = curves[list(half)].mean(axis=0), curves[rest].mean(axis=0)
        differences.append(abs(DISTANCE[a.argmax()] - DISTANCE[b.argmax()]))
        gains += [b[a.argmax()] - b[10], a[b.argmax()] - a[10]]
    return np.mean(differences), np.mean(gains)


def test_split_half_by_definition() -> None:
    curves = noise(np.random.default_rng(0), 4) + bump(8)
    halves = [(0, 1), (0, 2), (0, 3)]  # and their complements: all there are
    result = split_half(curves, DISTANCES, n_splits=20000, n_draws=1)
    difference, gain = slow_split_half(curves, halves)
    assert result.difference == pytest.approx(difference, abs=0.3)
    assert result.cross_validated == pytest.approx(gain, abs=0.02)


@pytest.mark.parametrize("n_participants", [4, 9])
def test_without_a_common_peak_p_is_uniform(n_participants: int) -> None:
    random = np.random.default_rng(0)
    own_peaks = random.uniform(-10, 30, (300, n_participants, 1))
    curves = noise(random, 300, n_participants) + 1.5 * np.exp(-0.5 * np.square((DISTANCE - own_peaks) / 5))
    results = [split_half(sample, DISTANCES, n_splits=20, n_draws=99, seed=seed) for seed, sample in enumerate(curves)]
    p = np.array([result.p for result in results])
    assert p.min() >= 0.01
    assert 0.02 < (p <= 0.05).mean() < 0.09
    assert kstest(p, "uniform").pvalue > 0.001
    assert abs(np.mean([result.cross_validated for result in results])) < 0.1


def test_a_common_peak_is_found() -> None:
    random = np.random.default_rng(0)
    curves = noise(random, 20, 12) + 2 * bump(8)
    results = [split_half(sample, DISTANCES, n_splits=50, n_draws=99, seed=seed) for seed, sample in enumerate(curves)]
    assert np.mean([result.p <= 0.05 for result in results]) > 0.8
    assert np.median([result.difference for result in results]) < 4
    assert all(result.null_difference > 10 for result in results)
    # the true gain of 8 over 0, not that of a largest value
    expected = 2 * (1 - bump(8)[10])
    assert np.mean([result.cross_validated for result in results]) == pytest.approx(expected, abs=0.3)


def test_identical_curves_agree_entirely() -> None:
    result = split_half(np.tile(bump(8), (6, 1)), DISTANCES, n_draws=99)
    assert (result.difference, result.p, result.participants) == (0, 0.01, 6)
    assert result.cross_validated == pytest.approx(1 - bump(8)[10])


def test_the_seed_decides() -> None:
    curves = noise(np.random.default_rng(0), 8)
    assert split_half(curves, DISTANCES, n_draws=50, seed=3) == split_half(curves, DISTANCES, n_draws=50, seed=3)
    assert split_half(curves, DISTANCES, n_draws=50, seed=3) != split_half(curves, DISTANCES, n_draws=50, seed=4)


def test_too_few_participants_and_no_present() -> None:
    curves = noise(np.random.default_rng(0), 5)
    curves[:2, 4] = np.nan
    result = split_half(curves, DISTANCES)
    assert result.participants == 3
    assert np.isnan([result.difference, result.null_difference, result.p, result.cross_validated]).all()
    away = split_half(noise(np.random.default_rng(0), 5)[:, :10], range(-10, 0), n_draws=9)
    assert np.isnan(away.cross_validated)
    assert 0 < away.p <= 1


def test_shapes_must_match_the_distances() -> None:
    with pytest.raises(ValueError, match="gains has shape"):
        best_distance(np.ones((3, 4)), [0, 8])
    with pytest.raises(ValueError, match="gains has shape"):
        group_distance(np.ones((41, 4)), DISTANCES)
    with pytest.raises(ValueError, match="curves has shape"):
        split_half(np.ones((41, 12)), DISTANCES)
    with pytest.raises(ValueError, match="n_draws=0"):
        split_half(np.ones((12, 41)), DISTANCES, n_draws=0)
