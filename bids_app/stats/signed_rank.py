"""Wilcoxon's signed-rank test of many maps over participants, and its limit for few participants."""

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from bids_app.stats.arrays import Doubles, Floats

# Values per batch. With ties, p is computed from all signs up to the first number of participants; above the second
# number, p comes from the normal distribution, as in scipy.
_BATCH = 2**22
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
        values = maps[:, :, batch].astype(np.float64)
        ranks = rankdata(np.abs(values), axis=0)
        positive = (ranks * ((values > 0) + 0.5 * (values == 0))).sum(axis=0)
        w[:, batch] = 2 * positive / total - 1
        p[:, batch] = _two_sided(positive, ranks, values == 0)
    return w, p


def _two_sided(positive: Doubles, ranks: Doubles, zeros: npt.NDArray[np.bool_]) -> Doubles:
    """p of sums of positive ranks (n_maps, n_targets), given ranks and zeros (n_participants, n_maps, n_targets)."""
    n = len(ranks)
    squares = (ranks**2).sum(axis=0)
    tied = zeros.any(axis=0) | (squares < n * (n + 1) * (2 * n + 1) / 6 - 1e-6)
    away = np.abs(positive - n * (n + 1) / 4)
    p = 2 * norm.sf(2 * away / np.sqrt(squares))  # the variance is a quarter of the squares, with or without ties
    if n <= _MOST_FOR_EXACT:
        p[~tied] = _exact(positive[~tied], n)
    if n <= _MOST_FOR_ALL_SIGNS and tied.any():
        p[tied] = _over_all_signs(positive[tied], ranks[:, tied], zeros[:, tied])
    return np.asarray(np.minimum(p, 1))


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
