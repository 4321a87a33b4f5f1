"""Agreement of predictions and responses, per target."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from bids_app.stats.arrays import AnyArray, Floats, Fold, require_matrix
from bids_app.stats.device import column_batches, run_batches
from bids_app.stats.standardise import CONSTANT, moments

_CPU = torch.device("cpu")
_BATCH = 1024  # columns whose float64 copies fit into the cache


def pearson_r(A: npt.ArrayLike, B: npt.ArrayLike) -> Floats:
    """Pearson correlation of the columns of two (n, V) arrays, (V,); 0 if either is constant, NaN stays NaN."""
    A, B = _pair(A, B)
    result = np.empty(A.shape[1], dtype=np.float32)

    def correlate(batch: slice) -> None:
        result[batch] = column_correlations(*(torch.from_numpy(np.array(array[:, batch])) for array in (A, B)))

    run_batches(correlate, column_batches(A.shape[1], _BATCH), _CPU)
    return result


def fold_mean_r(predictions: npt.ArrayLike, Y: npt.ArrayLike, folds: Sequence[Fold]) -> Floats:
    """Pearson correlation within each test block, averaged over folds, (V,); a constant block counts as 0."""
    return over_folds(fold_r(predictions, Y, folds))


def over_folds(r: Floats) -> Floats:
    """Mean of the correlations of each fold, (n_folds, V), over folds, (V,)."""
    return np.asarray(r.mean(axis=0, dtype=np.float64), dtype=np.float32)


def fold_r(predictions: npt.ArrayLike, Y: npt.ArrayLike, folds: Sequence[Fold]) -> Floats:
    """Pearson correlation within each test block, (n_folds, V)."""
    predictions, Y = _pair(predictions, Y)
    return np.stack([pearson_r(predictions[test], Y[test]) for _, test in folds])


def column_correlations(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """`pearson_r` of two (n, V) blocks on a device, (V,) float64."""
    (a, a_squares, a_constant), (b, b_squares, b_constant) = map(_centred, (a, b))
    r = (a * b).sum(dim=0) / (a_squares * b_squares).sqrt()
    return torch.where(a_constant | b_constant, 0.0, r)


def _centred(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Centred columns (n, V), their sums of squares and whether they are constant (V,), in float64."""
    mean = x.mean(dim=0, dtype=torch.float64)
    centred = x - mean
    squares = centred.square().sum(dim=0)
    return centred, squares, squares <= CONSTANT**2 * len(x) * mean.square()


def r2(predictions: npt.ArrayLike, Y: npt.ArrayLike) -> Floats:
    """Coefficient of determination 1 - |y - prediction|² / |y - mean(y)|² per target, (V,); 0 if y is constant."""
    predictions, Y = _pair(predictions, Y)
    result = np.zeros(Y.shape[1], dtype=np.float32)
    for batch in column_batches(Y.shape[1], _BATCH):
        y = Y[:, batch].astype(np.float64)
        residual = np.square(y - predictions[:, batch]).sum(axis=0)
        _, inverse = moments(y)
        with np.errstate(invalid="ignore"):
            result[batch] = np.where(inverse == 0, 0.0, 1 - residual * inverse**2 / len(y))
    return result


def _pair(A: npt.ArrayLike, B: npt.ArrayLike) -> tuple[AnyArray, AnyArray]:
    A, B = require_matrix("predictions", A), require_matrix("Y", B)
    if A.shape != B.shape:
        raise ValueError(f"Predictions have shape {A.shape} and responses {B.shape}; they must be the same.")
    return A, B
