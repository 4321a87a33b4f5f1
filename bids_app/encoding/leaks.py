"""Test for leaking folds: a model that knows only time must not predict held-out responses."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bids_app.encoding.design.folds import inner_folds
from bids_app.encoding.ridge import RidgeCV
from bids_app.stats.arrays import Doubles, Floats, Fold, Ints, require_matrix
from bids_app.stats.correlation import fold_mean_r

# Standard deviations (volumes) of the smoothing.
SIGMAS = (0.1, 0.6, 1.2, 2.4, 4.8)
# A mean r above this is a leak: without leaks, predictions are constant within a test block.
LEAK = 0.01
# This many consecutive volumes of one fold are a block; `purge` handles responses that cross its borders.
_BLOCK = 10
_ALPHAS = (1e-3, 1e-1, 1.0, 1e1, 1e2, 1e4)


def autocorrelation_scores(
    Y: npt.ArrayLike,
    run_lengths: Sequence[int],
    folds: Sequence[Fold],
    content: npt.ArrayLike | None = None,
    *,
    sigmas: Sequence[float] = SIGMAS,
    device: str = "auto",
) -> Doubles:
    """Held-out r, mean over targets, of a pure autocorrelation model, for each smoothing, (n_sigmas,).

    Every piece of content is a regressor, smoothed in time within each run (Feghhi et al. 2024, What are large language
    models mapping to in the brain?). If volumes are split at random, or a story heard twice lies in training and test,
    the model predicts well; if folds are blocks of the stimulus, it predicts nothing. Blocks are smoothed separately.

    Parameters
    ----------
    Y : array of shape (n_volumes, n_targets), finite, z-scored per run
    run_lengths : volumes of each run
    folds : at least three, as used for the scores
    content : (n_volumes,) integers, equal for volumes that heard the same; None if nothing was heard twice
    """
    Y = require_matrix("Y", Y, sum(run_lengths))
    heard = np.unique(np.arange(len(Y)) if content is None else np.asarray(content), return_inverse=True)[1]
    scores = []
    for sigma in sigmas:
        X = _regressors(heard, run_lengths, folds, sigma)
        predictions = np.zeros(Y.shape, dtype=np.float32)
        for fold in folds:
            train, test = fold
            inner = [tuple(np.searchsorted(train, rows) for rows in pair) for pair in inner_folds(fold, folds)]
            model = RidgeCV(_ALPHAS, [(a, b) for a, b in inner], device).fit(X[train], Y[train])
            predictions[test] = model.predict(X[test])
        scores.append(float(np.mean(fold_mean_r(predictions, Y, folds))))
    return np.array(scores)


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
