"""How specific lesions are: whether each costs its own network more than the others."""

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def diagonal_index(drops: npt.ArrayLike) -> Doubles:
    """Mean of the diagonal minus mean of the other entries of matrices (…, n, n), without NaN; NaN without either.

    >>> float(diagonal_index([[0.3, 0.1], [0.0, 0.2]]))
    0.2
    """
    matrices = np.asarray(drops, dtype=np.float64)
    n = matrices.shape[-1]
    is_own = np.eye(n, dtype=bool)
    return np.asarray(_mean(matrices[..., is_own]) - _mean(matrices[..., ~is_own]))


def _mean(values: Doubles) -> Doubles:
    """Mean over the last axis of the values that are no NaN."""
    known = np.isfinite(values)
    counts = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.asarray(np.divide(total, counts, out=np.full(np.shape(total), np.nan), where=counts > 0))


def chance_of(observed: npt.ArrayLike, draws: npt.ArrayLike) -> Doubles:
    """p = (b + 1)/(n + 1), b of n draws at least as large: observed (…), draws (n, …); NaN where a value is missing.

    >>> float(chance_of(2.0, [0.0, 1.0, 2.0]))
    0.5
    """
    values, null = np.asarray(observed, dtype=np.float64), np.asarray(draws, dtype=np.float64)
    known = np.isfinite(null)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        larger = (known & (null >= values)).sum(axis=0)
    return np.where(np.isfinite(values) & (count > 0), (larger + 1) / (count + 1), np.nan)
