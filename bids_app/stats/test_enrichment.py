import numpy as np
import pytest
from scipy.signal import lfilter

from bids_app.stats.enrichment import enrichment


def autocorrelated(seed: int, n: int = 600, n_courses: int = 20) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((n, n_courses))
    course = lfilter([1], [1, -0.8], noise, axis=0)
    return np.asarray((course - course.mean(axis=0)) / course.std(axis=0))


def test_by_definition() -> None:
    courses, items = autocorrelated(0, 80, 2), np.random.default_rng(1).random((3, 80)) < 0.1
    means, p = enrichment(courses, items)
    for item in range(3):
        for course in range(2):
            observed = courses[items[item], course].mean()
            shifted = [np.roll(courses[:, course], s)[items[item]].mean() for s in range(10, 71)]
            assert means[item, course] == pytest.approx(observed)
            reached = sum(abs(value) >= abs(observed) for value in shifted)
            assert p[item, course] == pytest.approx((reached + 1) / (len(shifted) + 1))


def test_a_planted_item_is_found_and_noise_is_not() -> None:
    random = np.random.default_rng(2)
    items = random.random((10, 600)) < 0.03
    courses = autocorrelated(3)
    courses[items[0], 0] += 2
    courses[:, 0] -= courses[:, 0].mean()
    means, p = enrichment(courses, items)
    assert means[0, 0] > 1.5
    assert p[0, 0] == pytest.approx(1 / 582)
    assert 0.01 < np.mean(p[1:, 1:] < 0.05) < 0.11


@pytest.mark.parametrize("items", [np.zeros((1, 600)), np.ones((1, 5))])
def test_items_without_positions_are_refused(items: np.ndarray) -> None:
    with pytest.raises(ValueError, match="each item needs at least one position"):
        enrichment(autocorrelated(0), items)
