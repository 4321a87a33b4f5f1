from itertools import pairwise

import numpy as np
import pytest

from bids_app.encoding.design.delays import delay


def test_delay_by_definition() -> None:
    rng = np.random.default_rng(0)
    runs, delays = [7, 3, 9], [0, 2, 5, -1]
    X = rng.standard_normal((19, 4))
    expected, starts = np.zeros((19, 16)), np.r_[0, np.cumsum(runs)]
    for first, end in pairwise(starts):
        for row in range(first, end):
            for column, shift in enumerate(delays):
                if first <= row - shift < end:
                    expected[row, column * 4 : column * 4 + 4] = X[row - shift]
    np.testing.assert_array_equal(delay(X, delays, runs), expected)


def test_delays_may_wrap_within_a_run_but_never_between_runs() -> None:
    rng = np.random.default_rng(0)
    runs, delays = [7, 3, 9], [0, 2, 5, -1]
    X = rng.standard_normal((19, 4))
    expected, starts = np.zeros((19, 16)), np.r_[0, np.cumsum(runs)]
    for first, end in pairwise(starts):
        for row in range(first, end):
            for column, shift in enumerate(delays):
                expected[row, column * 4 : column * 4 + 4] = X[first + (row - first - shift) % (end - first)]
    np.testing.assert_array_equal(delay(X, delays, runs, wrap=True), expected)


@pytest.mark.parametrize(("delays", "runs"), [([], [4]), ([0], [3]), ([0], [4, 0])])
def test_errors(delays: list[int], runs: list[int]) -> None:
    with pytest.raises(ValueError, match=r"delays|run_lengths"):
        delay(np.ones((4, 1)), delays, runs)
