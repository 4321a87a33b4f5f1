"""Wilcoxon's signed-rank test of many maps over participants, and its limit for few participants."""

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from bids_app.stats.arrays import Doubles, Floats

# Values per batch. With ties, p is computed from all signs up to the first number of participants; above the second
# number, p comes from the normal distribution, as in scipy.
_BATCH = 2**19
_MOST_FOR_ALL_SIGNS = 13
_MOST_FOR_EXACT = 50


def shortfall(n_participants: int, significance: float) -> str | None:
    """Message if too few participants make significance at this level impossible, else None."""
    smallest = 2.0 ** (1 - n_participants)
    if smallest <= significance:
        return None
    return (
        f"The smallest two-sided p of the signed-rank test with {n_participants} participant(s) is {smallest:.3g}, "
        f"above the level of {significance:g}: nothing can be significant."
    )


def signed_rank(maps: npt.NDArray[np.floating], where: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Wilcoxon's signed-rank statistic as the rank-biserial correlation, and its two-sided p, of each map and target.

    Tests `maps` (n_participants, n_maps, n_targets) at targets `where` (n_targets,); results are (n_maps, n_targets).
    Zeros count half for each sign. p is exact for up to 50 participants (13 for targets with zeros or ties) and from
    the normal distribution beyond. It equals scipy's p of single targets; scipy's p of many targets changes with a zero
    in any of them.
    """
    w, p = (np.full(maps.shape[1:], np.nan, dtype=np.float32) for _ in range(2))
    targets = np.flatnonzero(where)
    total = len(maps) * (len(maps) + 1) / 2
    step = max(1, _BATCH // max(1, maps[:, :, 0].size))
    for start in range(0, len(targets), step):
        batch = targets[start : start + step]
        values = np.moveaxis(maps[:, :, batch], 0, -1)  # (n_maps, n_batch, n_participants)
        positive, p[:, batch] = _tested(np.ascontiguousarray(values))
        w[:, batch] = 2 * positive / total - 1
    return w, p


def _tested(values: npt.NDArray[np.floating]) -> tuple[Doubles, Doubles]:
    """Sums of positive ranks, and their p, of values (n_maps, n_targets, n_participants)."""
    n = values.shape[-1]
    positive, tied = _sorted_ranks(values)
    squares = n * (n + 1) * (2 * n + 1) / 6
    p = _exact(positive, n) if n <= _MOST_FOR_EXACT else _normal(positive, n, squares)
    if tied.any():
        own = values[tied].T.astype(np.float64)  # (n_participants, n_tied)
        ranks, zeros = rankdata(np.abs(own), axis=0), own == 0
        positive[tied] = (ranks * ((own > 0) + 0.5 * zeros)).sum(axis=0)
        of_all = n <= _MOST_FOR_ALL_SIGNS
        p[tied] = (
            _over_all_signs(positive[tied], ranks, zeros)
            if of_all
            else _normal(positive[tied], n, (ranks**2).sum(axis=0))
        )
    return positive, np.asarray(np.minimum(p, 1))


def _sorted_ranks(values: npt.NDArray[np.floating]) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Sums of positive ranks (n_maps, n_targets), and where ties or zeros make them wrong.

    The bits of a positive float, read as a whole number, have the order of the floats; with the sign as the last bit,
    one sort of whole numbers ranks |values| and keeps their signs. It is many times faster than ranks of each.
    """
    is_double = values.dtype == np.float64
    bits = np.asarray(values, dtype=np.float64 if is_double else np.float32).view(np.uint64 if is_double else np.uint32)
    keys = np.left_shift(bits, 1) | (values > 0)
    keys.sort(axis=-1)
    ranks = np.arange(1, values.shape[-1] + 1, dtype=np.float64)
    magnitudes = np.right_shift(keys, 1)
    tied = (magnitudes[..., 0] == 0) | (magnitudes[..., 1:] == magnitudes[..., :-1]).any(axis=-1)
    return np.asarray(np.bitwise_and(keys, 1) @ ranks), tied


def _normal(positive: Doubles, n: int, squares: float | Doubles) -> Doubles:
    """p from the normal distribution; the variance is a quarter of the squared ranks, with or without ties."""
    return np.asarray(2 * norm.sf(2 * np.abs(positive - n * (n + 1) / 4) / np.sqrt(squares)))


def _exact(positive: Doubles, n: int) -> Doubles:
    """Twice the smaller tail of whole sums of the ranks 1 … n under random signs."""
    chances = np.ones(1)
    for rank in range(1, n + 1):
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    lower = np.cumsum(chances)
    whole = np.rint(positive).astype(np.int64)
    return 2 * np.minimum(lower[whole], lower[len(lower) - 1 - whole])


def _over_all_signs(positive: Doubles, ranks: Doubles, zeros: npt.NDArray[np.bool_]) -> Doubles:
    """Twice the smaller tail under all 2ⁿ signs of ranks with ties: (n_targets,), (n, n_targets), (n, n_targets)."""
    n = len(ranks)
    signs = (np.arange(2**n)[:, None] >> np.arange(n)) & 1  # (2ⁿ, n)
    p = np.empty(len(positive))
    step = _BATCH >> n
    for start in range(0, len(positive), step):
        batch = slice(start, start + step)
        sums = signs @ np.where(zeros, 0, ranks)[:, batch] + np.where(zeros, ranks, 0)[:, batch].sum(axis=0) / 2
        above = (sums >= positive[batch] - 1e-6).mean(axis=0)
        below = (sums <= positive[batch] + 1e-6).mean(axis=0)
        p[batch] = 2 * np.minimum(above, below)
    return p
