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


def diagonal_t(drops: npt.ArrayLike) -> Doubles:
    """`diagonal_index` over its standard error, in matrices (…, n, n) whose rows and columns may differ in mean.

    The error is that of the entries around row, column and diagonal means, with (n − 1)² − 1 degrees of freedom, so
    that matrices of strong and of weak lesions compare: without it, strong lesions have large indices of either sign,
    also where networks are drawn at random. The index itself for n = 2, which leaves no error; 0 for a constant matrix.
    """
    matrices = np.asarray(drops, dtype=np.float64)
    n = matrices.shape[-1]
    index = diagonal_index(matrices)
    if n < 3:
        return index
    diagonal = _double_centred(np.eye(n))
    size = float((diagonal**2).sum())
    centred = _double_centred(matrices)
    residual = centred - index[..., None, None] * diagonal
    error = np.sqrt((residual**2).sum(axis=(-2, -1)) / ((n - 1) ** 2 - 1) / size)
    floor = 1e-12 * np.abs(matrices).max(axis=(-2, -1), initial=0)
    return np.asarray(np.divide(index, error, out=np.zeros_like(index), where=error > floor))


def _double_centred(matrices: Doubles) -> Doubles:
    """Without row and column means."""
    rows, columns = matrices.mean(axis=-1, keepdims=True), matrices.mean(axis=-2, keepdims=True)
    return np.asarray(matrices - rows - columns + matrices.mean(axis=(-2, -1), keepdims=True))


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
