"""Noise ceiling: prediction of a participant from the responses of the others."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.design.folds import inner_folds
from bids_app.encoding.ridge import DEFAULT_ALPHAS, penalties
from bids_app.encoding.ridge._loop import Batch, TrainingSet, fit_targets
from bids_app.stats.arrays import AnyArray, Floats, Fold, require_finite, require_matrix
from bids_app.stats.correlation import fold_mean_r
from bids_app.stats.device import column_batches, to_device
from bids_app.stats.standardise import moments

_TARGETS_AT_ONCE = 2048


def noise_ceiling(
    others: npt.ArrayLike,
    Y: npt.ArrayLike,
    folds: Sequence[Fold],
    *,
    alphas: npt.ArrayLike = DEFAULT_ALPHAS,
) -> Floats:
    """Pearson r of each target with its prediction from the mean of the others, averaged over folds, (n_targets,).

    The penalty is chosen as in `held_out`, with one regressor per target, standardised on the training rows, and no
    delays. `others` and Y are (n_volumes, n_targets); `folds` holds their (train, test) rows, every row tested once.
    """
    others, Y = require_matrix("others", others), require_matrix("Y", Y, np.shape(others)[0])
    if others.shape != Y.shape:
        raise ValueError(f"others has shape {others.shape} and Y {Y.shape}; they must be the same.")
    require_finite("others", others)
    require_finite("Y", Y)
    grid = penalties(alphas, torch.device("cpu"), torch.float64)
    predictions = np.zeros(Y.shape, dtype=np.float32)
    sets = [_training_set(others, fold, inner_folds(fold, folds), grid, predictions) for fold in folds]
    fit_targets(sets, Y, grid, column_batches(Y.shape[1], _TARGETS_AT_ONCE), torch.float64)
    return fold_mean_r(predictions, Y, folds)


def _training_set(
    others: AnyArray, fold: Fold, inner: Sequence[Fold], grid: torch.Tensor, predictions: Floats
) -> TrainingSet:
    """Ridge of each target on its own regressor; predictions of the test rows are stored in place."""

    def regressors(batch: Batch) -> torch.Tensor:
        return to_device(others[:, batch.columns], grid.device, torch.float64)

    def errors(batch: Batch) -> torch.Tensor:
        x = regressors(batch)
        return torch.stack([_errors(x, batch.Y, pair, grid) for pair in inner]).sum(dim=0)

    def fit(batch: Batch, alpha: torch.Tensor) -> None:
        x, mean, slope = _single_ridge(regressors(batch), batch.Y, fold, alpha)
        predictions[fold[1], batch.columns] = (slope * x + mean).numpy() + batch.mean

    return TrainingSet(errors, fit)


def _single_ridge(
    x: torch.Tensor, y: torch.Tensor, fold: Fold, alpha: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Standardised test rows (n_test, V) of the regressor, mean of the training responses, and slopes."""
    train, test = fold
    of_x, scale = (torch.as_tensor(moment) for moment in moments(x[train].numpy()))
    mean = y[train].mean(dim=0)
    slope = (((x[train] - of_x) * scale) * y[train]).sum(dim=0) / (len(train) + alpha)
    return (x[test] - of_x) * scale, mean, slope


def _errors(x: torch.Tensor, y: torch.Tensor, fold: Fold, alphas: torch.Tensor) -> torch.Tensor:
    """Mean squared test error of each penalty, (n_alphas, V), from three sums over the test rows."""
    x_test, mean, slope = _single_ridge(x, y, fold, alphas[:, None])
    y_test = y[fold[1]] - mean
    yy, xy, xx = ((a * b).mean(dim=0) for a, b in ((y_test, y_test), (x_test, y_test), (x_test, x_test)))
    return yy - 2 * slope * xy + slope.square() * xx
