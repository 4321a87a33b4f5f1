import tracemalloc
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import ttest_1samp

from bids_app.stats import sign_flips
from bids_app.stats.arrays import Floats
from bids_app.stats.sign_flips import N_FLIPS
from bids_app.stats.sign_flips import family_wise as over_blocks

RNG = np.random.default_rng(0)


def family_wise(maps: Floats, where: npt.NDArray[np.bool_], **how: Any) -> Floats:
    """p (n_maps, n_targets) of maps (n_participants, n_maps, n_targets), each map in blocks of 9 targets."""
    p = np.full(maps.shape[1:], np.nan, dtype=np.float32)
    for row in range(len(p)):
        values = maps[:, row, where]
        p[row, where] = over_blocks((values[:, first : first + 9] for first in range(0, values.shape[1], 9)), **how)
    return p


def test_exact_p_is_that_of_all_flips_with_scipys_t() -> None:
    maps = RNG.standard_normal((7, 2, 15)).astype(np.float32)
    maps[:, :, :4] += 1.5
    maps[:, 1, 9] = 0  # nobody has anything here
    maps[:, :, 12] = np.nan
    where = np.asarray(np.isfinite(maps).all(axis=(0, 1)))
    p = family_wise(maps, where)
    for row in range(2):
        values = maps[:, row, where].astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            flipped = [values * np.array(signs)[:, None] for signs in product((1, -1), repeat=7)]
            largest = np.array([np.nanmax(np.abs(ttest_1samp(one, 0).statistic)) for one in flipped])
            observed = np.nan_to_num(np.abs(ttest_1samp(values, 0).statistic))
        np.testing.assert_allclose(p[row, where], (largest >= observed[:, None] - 1e-6).mean(axis=1), atol=1e-7)
    assert np.isnan(p[:, 12]).all()
    assert p.min(where=where, initial=1) < 0.05
    assert p[1, 9] == 1


def test_drawn_flips_agree_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = RNG.standard_normal((11, 1, 30)).astype(np.float32) + 0.5
    where = np.ones(30, dtype=bool)
    exact = family_wise(maps, where)
    monkeypatch.setattr("bids_app.stats.sign_flips._MOST_FLIPS_FOR_ALL", 0)
    drawn = family_wise(maps, where, seed=3)
    np.testing.assert_allclose(drawn, exact, atol=0.015)
    np.testing.assert_array_equal(drawn, family_wise(maps, where, seed=3))
    assert not np.array_equal(drawn, family_wise(maps, where, seed=4))


@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_correlated_noise_has_a_significant_target_in_one_of_twenty_experiments(shared: float) -> None:
    n_experiments, rng = 2000, np.random.default_rng(1)
    noise = rng.standard_normal((10, n_experiments, 40))
    noise = (np.sqrt(1 - shared) * noise + np.sqrt(shared) * rng.standard_normal((10, n_experiments, 1))).astype("f4")
    p = family_wise(noise, np.ones(40, dtype=bool))
    assert abs((p.min(axis=1) <= 0.05).mean() - 0.05) <= 0.01


def test_a_single_participant_or_two_cannot_be_significant() -> None:
    for n in (1, 2):
        assert (family_wise(np.ones((n, 1, 3), dtype=np.float32), np.ones(3, dtype=bool)) >= 2 / 2**n).all()


@pytest.mark.parametrize("at_once", [1, 100, 10**7])
def test_flips_are_those_of_a_single_draw(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(sign_flips, "_SIGNS_AT_ONCE", at_once)
    sign_flips._flips.cache_clear()
    values = RNG.standard_normal((17, 25)).astype(np.float32) + np.float32(0.3)
    signs = 1 - 2 * np.random.default_rng(5).integers(0, 2, (500, 17))
    scaled = values / np.linalg.norm(values, axis=0)
    largest = np.abs(signs @ scaled).max(axis=1)
    expected = (1 + (largest[:, None] >= np.abs(scaled.sum(axis=0)) - 1e-5).sum(axis=0)) / 501
    np.testing.assert_allclose(over_blocks([values[:, :9], values[:, 9:]], n_flips=500, seed=5), expected, rtol=1e-12)
    sign_flips._flips.cache_clear()


def test_more_participants_take_no_more_memory() -> None:
    def peak(n_participants: int) -> int:
        block = np.ones((n_participants, 2**21 // n_participants), dtype=np.float32)
        tracemalloc.start()
        over_blocks([block])
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(4800) < peak(1200) + 2 * 3600 * N_FLIPS / 8 + 2e6  # a bit for each flip, twice as they are joined
