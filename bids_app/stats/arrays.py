"""Array types and input checks shared by all public functions of this package."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

_COLUMNS, _THREADS = 8192, 8  # checked at a time, and threads that check

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Fold = tuple[Ints, Ints]  # indices of training and test rows

AnyArray = npt.NDArray[Any]


def require_matrix(name: str, array: npt.ArrayLike, n_rows: int | None = None) -> AnyArray:
    """The array unchanged (including memory maps) if it is two-dimensional with `n_rows` rows, else ValueError."""
    matrix = array if isinstance(array, np.ndarray) else np.asarray(array)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"{name} has shape {matrix.shape}; it must be a matrix with at least one row and one column.")
    if n_rows is not None and matrix.shape[0] != n_rows:
        raise ValueError(f"{name} has {matrix.shape[0]} rows where {n_rows} are needed: one per kept volume.")
    return matrix


def _has_finite_sums(array: AnyArray) -> bool:
    """Whether sums over rows in the array's own type are finite: quick, but large numbers overflow too."""

    def is_finite(start: int) -> bool:
        with np.errstate(over="ignore", invalid="ignore"):
            return bool(np.isfinite(array[:, start : start + _COLUMNS].sum(axis=0)).all())

    starts = range(0, array.shape[1], _COLUMNS)
    if len(starts) == 1:
        return is_finite(0)
    with ThreadPoolExecutor(_THREADS) as threads:
        return all(threads.map(is_finite, starts))


def require_finite(name: str, array: AnyArray) -> None:
    """Raise ValueError, which names the first column with NaN or infinity (found by sums, without a copy)."""
    if _has_finite_sums(array):
        return
    with np.errstate(invalid="ignore"):  # infinities of both signs
        columns = np.flatnonzero(~np.isfinite(array.sum(axis=0, dtype=np.float64)))
    if columns.size:
        raise ValueError(
            f"{name} has NaN or infinite values in {columns.size} of {array.shape[1]} columns (first: {columns[0]}); "
            "leave such columns out (medial wall, outside the mask) before the fit."
        )
