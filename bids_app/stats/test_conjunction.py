import numpy as np
import pytest
from scipy.stats import combine_pvalues

from bids_app.stats.conjunction import partial_conjunction

RNG = np.random.default_rng(0)


def test_it_combines_the_largest_p_as_scipy_does() -> None:
    p = RNG.random((4, 3))
    for at_least in (1, 2, 4):
        found = partial_conjunction(p, at_least)
        for target in range(3):
            largest = np.sort(p[:, target])[at_least - 1 :]
            assert found[target] == pytest.approx(combine_pvalues(largest, method="fisher").pvalue)


def test_one_of_three_with_a_huge_effect_is_not_two() -> None:
    p = RNG.random((3, 20_000))
    p[0] = 1e-12
    assert (partial_conjunction(p, 2) < 0.05).mean() == pytest.approx(0.05, abs=0.005)
    assert (partial_conjunction(p, 1) < 0.05).mean() > 0.99


def test_nobody_is_too_few_and_missing_values_stay_missing() -> None:
    assert np.isnan(partial_conjunction([[0.1, np.nan], [0.1, 0.1]], 1)).tolist() == [False, True]
    with pytest.raises(ValueError, match="between 1 and the 2 participants"):
        partial_conjunction([0.1, 0.1], 3)
