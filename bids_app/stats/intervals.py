"""Bootstrap intervals over participants."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

N_DRAWS = 10_000
LEVEL = 0.95
_COUNTS_AT_ONCE = 1 << 20  # 8 MB, whatever the number of participants


def resampled_means(values: NDArray[np.floating], n: int = N_DRAWS, seed: int = 0) -> NDArray[np.float64]:
    """Means of n draws of participants with replacement: values (n_participants, n_columns) → (n, n_columns).

    All columns share the same draws, so statistics of several columns (the peak of a mean curve) can be computed for
    each draw.
    """
    drawn, values = _times_drawn(len(values), n, seed), np.asarray(values, dtype=np.float64)
    products = [drawn[draws].astype(np.float64) @ values for draws in _batches(n, len(values))]
    return np.asarray(np.concatenate(products) / len(values))


@lru_cache(maxsize=1)
def _times_drawn(n_participants: int, n: int, seed: int) -> NDArray[np.unsignedinteger]:
    """Count of each participant in each draw, (n, n_participants), in the smallest type of whole numbers that fits."""
    rng, counts = np.random.default_rng(seed), np.empty((n, n_participants), dtype=np.min_scalar_type(n_participants))
    for draws in _batches(n, n_participants):  # the same numbers as in a single draw
        n_here = draws.stop - draws.start
        cells = rng.integers(n_participants, size=(n_here, n_participants))
        cells += n_participants * np.arange(n_here)[:, None]
        counts[draws] = np.bincount(cells.ravel(), minlength=cells.size).reshape(cells.shape)
    return counts


def _batches(n: int, n_participants: int) -> list[slice]:
    """Draws in batches of similar size, with about `_COUNTS_AT_ONCE` counts each.

    Their sizes are multiples of 64: products of matrices are then rounded as that of all draws.
    """
    size = 64 * -(-n // (64 * -(-n * n_participants // _COUNTS_AT_ONCE)))
    return [slice(start, min(n, start + size)) for start in range(0, n, size)]


def percentile_interval(draws: NDArray[np.floating], level: float = LEVEL) -> NDArray[np.float64]:
    """Low and high end of the percentile interval of each column: draws (n, n_columns) → (2, n_columns)."""
    tail = 50 * (1 - level)
    return np.asarray(np.percentile(draws, [tail, 100 - tail], axis=0))


def bootstrap_interval(
    values: Sequence[float] | NDArray[np.floating], n: int = N_DRAWS, seed: int = 0, level: float = LEVEL
) -> tuple[float, float]:
    """Percentile interval of the mean over participants, drawn with replacement n times.

    Parameters
    ----------
    values : array of shape (n_participants,); NaN (a participant without the measure) is left out

    Returns
    -------
    low, high; NaN for fewer than two participants
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if known.size < 2:
        return float("nan"), float("nan")
    low, high = percentile_interval(resampled_means(known[:, None], n, seed), level)[:, 0]
    return float(low), float(high)
