"""Test for leaking folds: a model that knows only time must not predict held-out responses."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.linalg import solve

from bids_app.stats.arrays import Doubles, Floats, Fold, Ints, require_matrix
from bids_app.stats.correlation import pearson_r
from bids_app.stats.device import one_thread

# Standard deviations (volumes) of the smoothing.
SIGMAS = (0.1, 0.6, 1.2, 2.4, 4.8)
# A mean r above this is a leak: without leaks, predictions are constant within a test block.
LEAK = 0.01
# This many consecutive volumes of one fold are a block; `purge` handles responses that cross its borders.
_BLOCK = 10
# Of regressors whose rows have sum 1: neighbours count, and noise is still averaged.
_PENALTY = 0.1
_CONFIDENCE = 0.99


@one_thread()
def autocorrelation_scores(
    Y: npt.ArrayLike,
    run_lengths: Sequence[int],
    folds: Sequence[Fold],
    content: npt.ArrayLike | None = None,
    *,
    sigmas: Sequence[float] = SIGMAS,
) -> Doubles:
    """Held-out r, mean over targets, of a pure autocorrelation model, for each smoothing and fold, (n_sigmas, n_folds).

    Every piece of content is a regressor, smoothed in time within each run (Feghhi et al. 2024, What are large language
    models mapping to in the brain?). If volumes are split at random, or a story heard twice lies in training and test,
    the model predicts well; if folds are blocks of the stimulus, it predicts nothing. Blocks are smoothed separately.

    Parameters
    ----------
    Y : array of shape (n_volumes, n_targets), finite, z-scored per run
    run_lengths : volumes of each run
    folds : as used for the scores
    content : (n_volumes,) integers, equal for volumes that heard the same; None if nothing was heard twice
    """
    Y = require_matrix("Y", Y, sum(run_lengths))
    heard = np.unique(np.arange(len(Y)) if content is None else np.asarray(content), return_inverse=True)[1]
    scores = np.empty((len(sigmas), len(folds)))
    for row, sigma in enumerate(sigmas):
        X = _regressors(heard, run_lengths, folds, sigma)
        for number, (train, test) in enumerate(folds):
            scores[row, number] = pearson_r(_predicted(X, Y, train, test), Y[test]).mean()
    return scores


def leaks(scores: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether scores (n_sigmas, n_folds) are those of leaking folds, (n_sigmas,).

    Their mean over folds is above 0.01, and above 0 with a confidence of 99 % (one-sided t test over folds): where
    passages come back in other folds, predictions vary a little without a leak.
    """
    scores = np.asarray(scores, dtype=np.float64)
    mean, n_folds = scores.mean(axis=1), scores.shape[1]
    error = scores.std(axis=1, ddof=1) / np.sqrt(n_folds)
    return np.asarray((mean > LEAK) & (mean > stats.t.ppf(_CONFIDENCE, n_folds - 1) * error))


def _predicted(X: Floats, Y: Floats, train: Ints, test: Ints) -> Floats:
    """Ridge regression with a fixed penalty: predictions of the test rows, (n_test, n_targets)."""
    mean_X, mean_Y = X[train].mean(axis=0, dtype=np.float64), Y[train].mean(axis=0, dtype=np.float64)
    known, new = X[train] - mean_X, X[test] - mean_X
    product = known @ known.T + _PENALTY * np.eye(len(train))
    weights = solve(product, Y[train] - mean_Y, assume_a="pos")
    return np.asarray((new @ known.T) @ weights + mean_Y, dtype=np.float32)  # fewer operations than new @ (known.T @ …)


def _regressors(heard: Ints, run_lengths: Sequence[int], folds: Sequence[Fold], sigma: float) -> Floats:
    """Proximity in time of each volume to each piece of content in its run, (n_volumes, n_different)."""
    fold_of = np.full(len(heard), -1)
    for number, (_, test) in enumerate(folds):
        fold_of[test] = number
    result = np.zeros((len(heard), int(heard.max()) + 1), dtype=np.float32)
    start = 0
    for length in run_lengths:
        rows = np.arange(start, start + length)
        apart = rows[:, None] - rows[None]
        near = np.exp(-0.5 * (apart / sigma) ** 2)
        near[_separate(fold_of[rows])] = 0
        near /= near.sum(axis=1, keepdims=True)
        np.add.at(result[start : start + length].T, heard[rows], near.T)
        start += length
    return result


def _separate(fold_of: Ints) -> npt.NDArray[np.bool_]:
    """Pairs of volumes of a run that are separated by a block border, (n, n)."""
    block = np.cumsum(np.diff(fold_of, prepend=fold_of[:1]) != 0)
    is_block = (np.bincount(block) >= _BLOCK)[block]
    different = block[:, None] != block[None]
    return np.asarray(different & (is_block[:, None] | is_block[None]))
