"""How well a linear map of a model's features predicts the brain, on volumes that it was not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bids_app.encoding.arrays import AnyArray, Doubles, Floats, require_finite, require_matrix
from bids_app.encoding.device import column_batches, resolve_device
from bids_app.encoding.features import DelayedComponents
from bids_app.encoding.folds import Fold, contiguous_folds, inner_folds
from bids_app.encoding.haemodynamics import moments
from bids_app.encoding.ridge import DEFAULT_ALPHAS, best_alpha, centred_responses, checked, penalties
from bids_app.encoding.ridge_solver import Design, Factors, filtered_projections, ridge_batches
from bids_app.encoding.scores import fold_mean_r

Inner = Literal["contiguous", "loo"]
_CEILING_BATCH = 2048


@dataclass(frozen=True)
class HeldOut:
    """Predictions of every volume by a fit that did not see its fold.

    predictions is (n_volumes, n_targets) float32; alpha (n_targets,), the geometric mean over folds of the penalty;
    folds the (train, test) pairs.
    """

    predictions: Floats
    alpha: Floats
    folds: list[Fold]


def ridge_held_out(
    X: npt.ArrayLike,
    Y: npt.ArrayLike,
    run_lengths: Sequence[int],
    *,
    n_components: int | None = 20,
    delays: Sequence[int] = tuple(range(6)),
    alphas: Sequence[float] = DEFAULT_ALPHAS,
    n_folds: int = 5,
    purge: int = 0,
    inner: Inner = "contiguous",
    device: str = "auto",
    mem_mb: float | None = None,
) -> HeldOut:
    """Held-out predictions of Caucheteux et al. (2023): standardise, PCA, delays, standardise, ridge.

    Parameters
    ----------
    X : array of shape (n_volumes, n_features), word vectors summed per volume, the runs one after the other
    Y : array of shape (n_volumes, n_targets), finite; z-scored per run (beside a large mean, the float32 of strongly
        shrunk predictions would be coarse)
    run_lengths : volumes of each run
    n_components, delays : see `DelayedComponents`, which is fitted on each fold's training rows
    alphas : penalties; each target's is chosen inside the training rows of each fold
    n_folds, purge : contiguous folds over all volumes
    inner : "contiguous", the other folds serve as inner test parts, or "loo", leave-one-out as published
    """
    X, Y = checked(X, Y)
    if inner not in ("contiguous", "loo"):
        raise ValueError(f"Unknown inner={inner!r}; the penalty is chosen by 'contiguous' folds or by 'loo'.")
    where = resolve_device(device)
    grid = penalties(alphas, where)
    folds = contiguous_folds(X.shape[0], n_folds, purge)
    predictions = np.empty(Y.shape, dtype=np.float32)
    log_alpha = np.zeros(Y.shape[1])
    for fold in folds:
        train, test = fold
        features = DelayedComponents(n_components, delays).fit(X, run_lengths, train).transform(X, run_lengths)
        design = Design(features, where)
        whole = design.factorise(train, test)
        # leave-one-out needs predictions of the training rows; these come without the rows of other folds
        selection: Factors | list[Factors] = (
            design.factorise(train, train)
            if inner == "loo"
            else [design.factorise(*pair) for pair in inner_folds(fold, folds)]
        )
        for batch in ridge_batches(len(Y), len(whole.eigenvalues), Y.shape[1], where, mem_mb):
            centred, mean = centred_responses(Y[:, batch], where)
            alpha = best_alpha(selection, grid, centred)
            predicted = whole.basis @ filtered_projections(whole, alpha, centred)
            predictions[test, batch] = predicted.cpu().numpy() + mean
            log_alpha[batch] += np.log(alpha.cpu().numpy()) / n_folds
    return HeldOut(predictions, np.exp(log_alpha).astype(np.float32), folds)


def noise_ceiling(
    others: npt.ArrayLike,
    Y: npt.ArrayLike,
    *,
    alphas: Sequence[float] = DEFAULT_ALPHAS,
    n_folds: int = 5,
    purge: int = 0,
) -> Floats:
    """How well the mean of the other participants predicts each target: Pearson r averaged over folds, (n_targets,).

    The same folds and choice of penalty as `ridge_held_out`, with one regressor per target, standardised on the
    training rows, and no delays. `others` and Y are (n_volumes, n_targets).
    """
    others, Y = require_matrix("others", others), require_matrix("Y", Y, np.shape(others)[0])
    if others.shape != Y.shape:
        raise ValueError(f"others has shape {others.shape} and Y {Y.shape}; they must be the same.")
    require_finite("others", others)
    require_finite("Y", Y)
    grid = np.asarray(alphas, dtype=np.float64)
    folds = contiguous_folds(Y.shape[0], n_folds, purge)
    predictions = np.empty(Y.shape, dtype=np.float32)
    for batch in column_batches(Y.shape[1], _CEILING_BATCH):
        x, y = others[:, batch].astype(np.float64), Y[:, batch].astype(np.float64)
        for fold in folds:
            train, test = fold
            errors = sum(_single_errors(x, y, pair, grid) for pair in inner_folds(fold, folds))
            alpha = grid[np.argmin(errors, axis=0)]
            x_test, _, slope = _single_ridge(x, y, fold, alpha)
            predictions[test, batch] = slope * x_test + y[train].mean(axis=0)
    return fold_mean_r(predictions, Y, folds)


def _single_ridge(x: AnyArray, y: AnyArray, fold: Fold, alpha: AnyArray) -> tuple[Doubles, Doubles, Doubles]:
    """Test rows (n_test, V) of regressor and response, standardised and centred on training rows, and the slopes."""
    train, test = fold
    mean, scale = moments(x[train])
    standardised = (x[train] - mean) * scale
    slope = np.einsum("nv,nv->v", standardised, y[train]) / (len(train) + alpha)
    return (x[test] - mean) * scale, y[test] - y[train].mean(axis=0), slope


def _single_errors(x: AnyArray, y: AnyArray, fold: Fold, alphas: AnyArray) -> Doubles:
    """Mean squared test error of each penalty, (n_alphas, V), from three sums over the test rows."""
    x_test, y_test, slope = _single_ridge(x, y, fold, alphas[:, None])
    yy, xy, xx = (np.einsum("nv,nv->v", a, b) for a, b in ((y_test, y_test), (x_test, y_test), (x_test, x_test)))
    return np.asarray((yy - 2 * slope * xy + slope**2 * xx) / len(x_test))
