"""Columns with mean 0 and variance 1."""

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import AnyArray, Doubles, Floats
from bids_app.stats.device import column_batches

# A column whose deviation float32 cannot resolve from its mean counts as constant.
CONSTANT = 1e-6
_ZSCORE_COLUMNS = 4096


def zscore(X: npt.ArrayLike, axis: int = 0) -> Floats:
    """Mean 0 and variance 1 along `axis`, float32, moments in float64; constant columns become 0.

    >>> zscore([[1.0, 2.0], [3.0, 2.0]]).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    X = np.asarray(X)
    if X.ndim == 1:
        return zscore(X[:, None]).ravel()
    if axis in (1, -1):
        return zscore(X.T).T
    result = np.empty(X.shape, dtype=np.float32)
    for batch in column_batches(X.shape[1], _ZSCORE_COLUMNS):
        mean, scale = moments(X[:, batch])
        result[:, batch] = (X[:, batch] - mean) * scale
    return result


def moments(X: AnyArray) -> tuple[Doubles, Doubles]:
    """Mean and inverse standard deviation of each column, (n_columns,) each; the latter is 0 for constant columns."""
    X = np.asarray(X, dtype=np.float64)
    mean = X.mean(axis=0)
    deviation = X.std(axis=0, mean=mean[None])
    varies = deviation > CONSTANT * np.abs(mean)
    return mean, np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)
