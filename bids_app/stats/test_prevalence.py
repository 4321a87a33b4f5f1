import numpy as np
import pytest
from scipy.stats import binom

from bids_app.stats.prevalence import LEVEL, MASS, prevalence


@pytest.mark.parametrize(("k", "n"), [(0, 3), (1, 8), (2, 3), (5, 9), (8, 10), (3, 3), (10, 10)])
def test_mode_and_interval_are_those_of_the_posterior_on_a_grid(k: int, n: int) -> None:
    grid = np.linspace(0, 1, 200_001)
    density = np.asarray(binom.pmf(k, n, LEVEL + (1 - LEVEL) * grid))
    density /= density.sum()
    order = np.argsort(-density, kind="stable")
    inside = grid[order[: np.searchsorted(np.cumsum(density[order]), MASS) + 1]]  # the densest points up to the mass
    mode, low, high = prevalence(k, n)
    assert mode == pytest.approx(grid[density.argmax()], abs=1e-5)
    assert low == pytest.approx(inside.min(), abs=1e-4)
    assert high == pytest.approx(inside.max(), abs=1e-4)


def test_many_counts_at_once_and_targets_without_data() -> None:
    mode, low, high = prevalence(np.array([[0, 2], [np.nan, 3]]), 3)
    assert mode[0, 0] == 0
    assert np.isnan([mode[1, 0], low[1, 0], high[1, 0]]).all()
    assert ((low <= mode) & (mode <= high))[np.isfinite(mode)].all()
    assert mode[1, 1] == 1


def test_a_count_beyond_the_participants_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"n_significant=4; it must be a whole number from 0 to 3"):
        prevalence(4, 3)
