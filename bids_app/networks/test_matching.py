import itertools

import numpy as np
import pytest
from scipy.signal import lfilter

from bids_app.networks.matching import match_courses


def autocorrelated(rng: np.random.Generator, n_volumes: int, n: int, memory: float = 0.7) -> np.ndarray:
    noise = rng.standard_normal((n_volumes + 100, n))
    return np.asarray(lfilter([1], [1, -memory], noise, axis=0)[100:])


def shared(rng: np.random.Generator, n_shared: int, sizes: tuple[int, int], n_volumes: int) -> tuple[np.ndarray, ...]:
    """Courses of two models that share the first ones, with noise and signs of their own, and the families' order."""
    common = autocorrelated(rng, n_volumes, n_shared)
    courses, orders = [], []
    for size in sizes:
        signs = rng.choice([-1, 1], n_shared)
        own = signs * common + 0.5 * autocorrelated(rng, n_volumes, n_shared)
        whole = np.column_stack([own, autocorrelated(rng, n_volumes, size - n_shared)])
        order = rng.permutation(size)
        courses.append(whole[:, order])
        orders.append(np.argsort(order)[:n_shared])  # where the shared ones are now
    return (*courses, *orders)


@pytest.mark.parametrize("lengths", [(400,), (150, 250)])
@pytest.mark.parametrize("n_shared", [1, 6])
def test_exactly_the_shared_families_are_matched(lengths: tuple[int, ...], n_shared: int) -> None:
    rng = np.random.default_rng(n_shared)
    for _ in range(3):
        first, second, where_first, where_second = shared(rng, n_shared, (12, 9), sum(lengths))
        found = match_courses(first, second, lengths)
        assert len(found.first) == len(set(found.first)) == len(set(found.second)) == 9
        pairs = set(zip(found.first[found.is_shared], found.second[found.is_shared], strict=True))
        assert pairs == set(zip(where_first, where_second, strict=True))
        np.testing.assert_array_equal(found.is_shared, np.abs(found.r) > found.threshold)
        stories = np.cumsum(lengths)[:-1]
        for one, other, r in zip(found.first, found.second, found.r, strict=True):
            within = [
                np.corrcoef(*both)[0, 1]
                for both in zip(*(np.split(c, stories) for c in (first[:, one], second[:, other])), strict=True)
            ]
            assert np.isclose(r, np.average(within, weights=lengths), atol=1e-5)


@pytest.mark.parametrize("lengths", [(240,), (110, 130)])
def test_one_in_twenty_matchings_of_unrelated_families_has_a_match(lengths: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    hits = []
    for seed in range(200):
        first, second = (autocorrelated(rng, sum(lengths), n, 0.8) for n in (6, 5))
        hits.append(match_courses(first, second, lengths, n_shifts=199, seed=seed).is_shared.any())
    assert 2 <= sum(hits) <= 18  # 10 are expected


def test_no_other_matching_has_a_larger_sum() -> None:
    rng = np.random.default_rng(1)
    first, second = autocorrelated(rng, 100, 4), autocorrelated(rng, 100, 5)
    strength = np.abs(np.corrcoef(first.T, second.T)[:4, 4:])
    best = max(strength[range(4), chosen].sum() for chosen in itertools.permutations(range(5), 4))
    assert np.isclose(np.abs(match_courses(first, second, [100]).r).sum(), best, atol=1e-5)


def test_the_order_of_families_and_of_models_changes_nothing_else() -> None:
    rng = np.random.default_rng(2)
    first, second, *_ = shared(rng, 3, (7, 8), 300)
    found = match_courses(first, second, [300])
    orders = rng.permutation(7), rng.permutation(8)
    again = match_courses(first[:, orders[0]], second[:, orders[1]], [300])
    np.testing.assert_array_equal(orders[0][again.first], found.first)
    np.testing.assert_array_equal(orders[1][again.second], found.second)
    np.testing.assert_allclose(again.r, found.r)
    np.testing.assert_array_equal(again.p, found.p)
    swapped = match_courses(second, first, [300])
    np.testing.assert_array_equal(swapped.first, found.second)
    np.testing.assert_array_equal(swapped.p, found.p)


def test_p_counts_the_shifts_within_each_story() -> None:
    rng = np.random.default_rng(3)
    first, second = autocorrelated(rng, 130, 3), autocorrelated(rng, 130, 3)
    found = match_courses(first, second, [130])
    null = []
    for shift in range(30, 101):
        strength = np.abs(np.corrcoef(first.T, np.roll(second, shift, axis=0).T)[:3, 3:])
        best = max(itertools.permutations(range(3)), key=lambda chosen: strength[range(3), chosen].sum())
        null.append(strength[range(3), best].max())
    expected = [(1 + sum(value >= abs(r) for value in null)) / (1 + len(null)) for r in found.r]
    np.testing.assert_allclose(found.p, expected)
    assert found.n_shifts == 71
    assert np.isclose(found.threshold, sorted(null)[-3], atol=1e-6)  # 3 / 72 < 0.05 < 4 / 72


def test_impossible_input_is_refused() -> None:
    courses = np.random.default_rng(4).standard_normal((30, 2))
    with pytest.raises(ValueError, match="only 17 circular shifts; at least 20"):
        match_courses(courses, courses, [30])
    with pytest.raises(ValueError, match="the stories have 29 volumes, and the time courses 30"):
        match_courses(courses, courses, [29])
    with pytest.raises(ValueError, match="30"):
        match_courses(courses, courses[:20], [30])
