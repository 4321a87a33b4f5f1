from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm

from bids_app.stats.fdr import fdr
from bids_app.stats.hierarchical import hierarchical_fdr


def passing(p: npt.NDArray[np.float64], level: float) -> npt.NDArray[np.bool_]:
    """Benjamini and Hochberg's step-up procedure as it was published: which of the p pass."""
    ordered = np.sort(p)
    ranks = np.flatnonzero(ordered <= level * np.arange(1, len(p) + 1) / len(p))
    return p <= (ordered[ranks[-1]] if len(ranks) else -1)


def in_two_steps(
    p: npt.NDArray[np.float64], parcel: npt.NDArray[np.int64], p_parcel: npt.NDArray[np.float64], level: float
) -> npt.NDArray[np.bool_]:
    """Benjamini and Bogomolov's procedure, literally."""
    selected = passing(p_parcel, level)
    found = np.zeros(len(p), dtype=bool)
    for number in np.flatnonzero(selected):
        members = parcel == number
        found[members] = passing(p[members], level * selected.mean())
    return found


@pytest.mark.parametrize("seed", range(8))
def test_q_tells_what_two_steps_find_at_every_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parcel = np.repeat(np.arange(20), rng.integers(1, 12, 20))
    rng.shuffle(parcel)
    active = rng.random(20) < 0.4
    p = rng.random(len(parcel)) ** np.where(active[parcel], 5, 1)
    p_parcel = np.round(rng.random(20) ** np.where(active, 5, 1), 2)  # with ties, and zeros
    q = hierarchical_fdr(p, parcel, p_parcel)
    for level in (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 0.9):
        np.testing.assert_array_equal(q <= level, in_two_steps(p, parcel, p_parcel, level))


def test_one_parcel_is_plain_and_so_are_parcels_of_one_target() -> None:
    p = np.random.default_rng(0).random(60) ** 3
    np.testing.assert_array_equal(hierarchical_fdr(p, np.zeros(60, dtype=int), [0.7]), fdr(p))
    np.testing.assert_allclose(hierarchical_fdr(p, np.arange(60), p), fdr(p))


def test_missing_values_do_not_count() -> None:
    p, parcel, p_parcel = np.array([0.01, np.nan, 0.02, 0.5]), np.array([0, 0, 1, 1]), [0.001, 0.2]
    q = hierarchical_fdr(p, parcel, p_parcel)
    assert np.isnan(q[1])
    np.testing.assert_allclose(q[[0, 2, 3]], hierarchical_fdr(p[[0, 2, 3]], [0, 1, 1], p_parcel))


def brains(
    n_brains: int, effect: float, seed: int = 0, n_parcels: int = 60, size: int = 30
) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]]:
    """p of targets and of parcels' means, with noise that neighbours share; two thirds of every fifth parcel driven."""
    rng = np.random.default_rng(seed)
    parcel = np.repeat(np.arange(n_parcels), size)
    driven = (parcel % 5 == 0) & (np.tile(np.arange(size), n_parcels) < 2 * size // 3)
    for _ in range(n_brains):
        shared = 0.4 * rng.standard_normal(n_parcels)
        z = np.sqrt(1 - 0.4**2) * rng.standard_normal(len(parcel)) + shared[parcel] + effect * driven
        mean = np.bincount(parcel, z) / size / np.sqrt(0.4**2 + (1 - 0.4**2) / size)
        yield norm.sf(z), parcel, norm.sf(mean), driven


def test_the_mean_share_of_false_targets_in_selected_parcels_is_below_the_level() -> None:
    shares, of_parcels, of_targets = [], [], []
    for p, parcel, p_parcel, driven in brains(300, 1.5):
        found, selected = hierarchical_fdr(p, parcel, p_parcel) <= 0.1, np.flatnonzero(fdr(p_parcel) <= 0.1)
        false = [(found & ~driven)[parcel == one].sum() / max(found[parcel == one].sum(), 1) for one in selected]
        shares.append(np.mean(false) if false else 0)
        of_parcels.append((selected % 5 == 0).sum() / 12)
        of_targets.append((fdr(p) <= 0.1)[driven].mean())
    assert np.mean(shares) <= 0.1
    assert np.mean(of_parcels) > 2 * np.mean(of_targets)  # why parcels are tested at all


def test_null_brains_show_something_no_more_often_than_the_level() -> None:
    found = [(hierarchical_fdr(*brain[:3]) <= 0.05).any() for brain in brains(600, 0.0)]
    assert np.mean(found) <= 0.07  # 0.05 and 2 standard errors
