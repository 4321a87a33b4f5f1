import numpy as np
import pytest
from scipy.stats import wilcoxon

from bids_app.stats.signed_rank import shortfall, signed_rank

RNG = np.random.default_rng(0)
MAPS = RNG.standard_normal((9, 2, 30)).astype(np.float32) + 0.4
MAPS[:, :, 3] = np.nan
MAPS[:, 1, 5] = 0  # nobody has the atom here
WHERE = np.isfinite(MAPS).all(axis=(0, 1))


def test_signed_rank_is_the_signed_share_of_the_ranks() -> None:
    w, p = signed_rank(MAPS, WHERE)
    for target in (0, 10, 29):
        ranks = np.argsort(np.argsort(np.abs(MAPS[:, 1, target]))) + 1
        signed = (ranks * np.sign(MAPS[:, 1, target])).sum() / ranks.sum()
        assert np.isclose(w[1, target], signed, atol=1e-6)
    assert np.isnan(p[:, 3]).all()
    assert (w[1, 5], p[1, 5]) == (0, 1)


@pytest.mark.parametrize("n", [2, 6, 13, 14, 50, 51, 120])
def test_p_against_scipy_target_by_target_with_zeros_and_ties(n: int) -> None:
    maps = RNG.standard_normal((n, 1, 12)) + 0.3
    maps[:, 0, 4] = maps[:, 0, 4].round(1)  # ties
    maps[: n // 2, 0, 7] = 0
    maps[0, 0, 9] = -maps[1, 0, 9]
    p = signed_rank(maps, np.ones(12, dtype=bool))[1]
    # one at a time: what scipy does with all of them changes with a single zero in any
    expected = [wilcoxon(maps[:, 0, target], zero_method="zsplit").pvalue for target in range(12)]
    np.testing.assert_allclose(p[0], expected, rtol=1e-5)


def test_all_of_one_sign_give_the_smallest_p_there_is() -> None:
    for n in (1, 4, 8):
        p = signed_rank(np.arange(1, n + 1, dtype=float)[:, None, None], np.ones(1, dtype=bool))[1]
        assert p[0, 0] == 2 / 2**n
    assert shortfall(8, 0.01) is None
    assert shortfall(7, 0.01) == (
        "The smallest two-sided p of the signed-rank test with 7 participant(s) is 0.0156, above the level of 0.01: "
        "nothing can be significant."
    )
