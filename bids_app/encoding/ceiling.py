"""How well a participant can be predicted at all: from the responses of the others."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bids_app.encoding.design.folds import inner_folds
from bids_app.encoding.ridge import DEFAULT_ALPHAS
from bids_app.stats.arrays import AnyArray, Doubles, Floats, Fold, require_finite, require_matrix
from bids_app.stats.correlation import fold_mean_r
from bids_app.stats.device import column_batches
from bids_app.stats.standardise import moments

_TARGETS_AT_ONCE = 2048


def noise_ceiling(
    others: npt.ArrayLike,
    Y: npt.ArrayLike,
    folds: Sequence[Fold],
    *,
    alphas: Sequence[float] = DEFAULT_ALPHAS,
) -> Floats:
    """How well the mean of the other participants predicts each target: Pearson r averaged over folds, (n_targets,).

    The same choice of penalty as in `held_out`, with one regressor per target, standardised on the training rows, and
    no delays. `others` and Y are (n_volumes, n_targets); `folds` holds their (train, test) rows, every row tested once.
    """
    others, Y = require_matrix("others", others), require_matrix("Y", Y, np.shape(others)[0])
    if others.shape != Y.shape:
        raise ValueError(f"others has shape {others.shape} and Y {Y.shape}; they must be the same.")
    require_finite("others", others)
    require_finite("Y", Y)
    grid = np.asarray(alphas, dtype=np.float64)
    predictions = np.zeros(Y.shape, dtype=np.float32)
    for batch in column_batches(Y.shape[1], _TARGETS_AT_ONCE):
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
