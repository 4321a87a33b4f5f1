"""Noise ceilings: prediction of a participant from the others, and from other presentations of the same passage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.design.folds import inner_folds
from bids_app.encoding.ridge import DEFAULT_ALPHAS, penalties
from bids_app.encoding.ridge._loop import Batch, TrainingSet, fit_targets
from bids_app.stats.arrays import AnyArray, Floats, Fold, require_finite, require_matrix
from bids_app.stats.copies import NONE, Copies
from bids_app.stats.correlation import fold_mean_r
from bids_app.stats.device import column_batches, one_thread, to_device
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


@dataclass(frozen=True)
class Repeatability:
    """How much of the responses of one participant comes back when a passage does.

    Attributes
    ----------
    share : (n_targets,) signal power over total power of a single presentation; negative by chance where there is no
        signal, NaN for constant targets
    n_volumes : number of different volumes that were heard at least twice
    n_presentations : how often most of these were heard
    """

    share: Floats
    n_volumes: int
    n_presentations: int

    def ceiling(self, *, of_means: bool) -> Floats:
        """Highest Pearson r of any prediction with single presentations, or with means of them; 0 without signal."""
        share, n = self.share.clip(0), self.n_presentations if of_means else 1
        return np.asarray(np.sqrt(n * share / (1 + (n - 1) * share)), dtype=np.float32)


@one_thread()
def repeatability(Y: npt.ArrayLike, content: npt.ArrayLike) -> Repeatability:
    """Signal power of the responses of one participant who heard passages more than once.

    Signal power is the variance over time that presentations of a passage share. Its unbiased estimate from N is
    (N var(mean) − mean(var)) / (N − 1), which for two is their covariance (Sahani and Linden 2003, NIPS 15; Schoppe et
    al. 2016, Frontiers in Computational Neuroscience 10, 10). Noise must be independent between presentations.

    Parameters
    ----------
    Y : array of shape (n_volumes, n_targets)
    content : (n_volumes,) integers, equal for volumes that heard the same

    Raises ValueError where fewer than two volumes were heard more than once.
    """
    Y, rows = require_matrix("Y", Y), Copies(content).rows
    heard = (rows != NONE).sum(axis=0)
    pieces = {n: rows[:n, heard == n] for n in range(2, len(rows) + 1) if (heard == n).sum() > 1}
    if not pieces:
        raise ValueError("no passage was heard more than once.")
    signal, total = np.zeros((2, Y.shape[1]))
    for n, volumes in pieces.items():
        power = np.zeros(Y.shape[1])
        mean = np.zeros((volumes.shape[1], Y.shape[1]))
        for presentation in volumes:
            power += Y[presentation].var(axis=0, ddof=1, dtype=np.float64) / n
            mean += Y[presentation] / n
        signal += volumes.shape[1] * (n * mean.var(axis=0, ddof=1) - power) / (n - 1)
        total += volumes.shape[1] * power
    share = np.divide(signal, total, out=np.full(len(total), np.nan), where=total > 0)
    sizes = {n: volumes.shape[1] for n, volumes in pieces.items()}
    return Repeatability(share.astype(np.float32), sum(sizes.values()), max(sizes, key=lambda n: sizes[n]))
