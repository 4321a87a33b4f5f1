"""Lag between words and responses, at the targets that speech drives most."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import AnyArray, Doubles, Floats, Ints, require_finite, require_matrix
from bids_app.stats.device import column_batches
from bids_app.stats.standardise import CONSTANT, zscore

MOST_VOLUMES = 10  # largest lag, in either direction
EXPECTED_WITHIN = 2  # volumes in either direction
_SHARE = 0.01  # share of the targets
_N_BLOCKS = 10
_FEWEST_PER_BLOCK = 12
_SIGNIFICANT = 0.01
_COLUMNS = 4096  # targets whose float64 copies are in memory at a time


@dataclass(frozen=True)
class Lag:
    """Lag in volumes of the responses behind their prediction from the words.

    Attributes
    ----------
    volumes : the lag with the highest correlation
    r, p : that correlation, and how often shifted responses reach it, (b + 1) / (n + 1)
    correlations : (2 * MOST_VOLUMES + 1,), from the earliest lag to the latest
    """

    volumes: int
    r: float
    p: float
    correlations: Floats

    @property
    def is_clear(self) -> bool:
        """Whether the responses follow the words closely enough for a meaningful lag."""
        return self.p < _SIGNIFICANT

    @property
    def is_expected(self) -> bool:
        """Whether the timing of the run is plausible: no clear lag beyond 2 volumes."""
        return not self.is_clear or abs(self.volumes) <= EXPECTED_WITHIN


def response_lag(expected: npt.ArrayLike, Y: npt.ArrayLike) -> Lag:
    """The lag at which `expected` correlates most with the targets that it fits best.

    The 1 % of targets with the highest correlation over lags from -10 to +10 volumes are selected on the odd of ten
    blocks of volumes; the lag of their mean is estimated on the even ones, so that the selection does not bias it.

    Parameters
    ----------
    expected : array of shape (n_volumes,), such as the word rate convolved with a haemodynamic response
    Y : array of shape (n_volumes, n_targets), finite

    Raises ValueError for runs that are too short.
    """
    Y = require_matrix("Y", Y)
    require_finite("Y", Y)
    regressor = np.asarray(expected, dtype=np.float64)
    if regressor.shape != (len(Y),):
        raise ValueError(f"expected has shape {regressor.shape}; one value per volume ({len(Y)}) is needed.")
    if len(Y) < _N_BLOCKS * _FEWEST_PER_BLOCK:
        raise ValueError(f"{len(Y)} volumes are too few to read a lag: {_N_BLOCKS * _FEWEST_PER_BLOCK} are needed.")
    block = np.arange(len(Y)) * _N_BLOCKS // len(Y)
    odd, even = (np.flatnonzero(block % 2 == parity) for parity in (1, 0))
    highest = _curves(regressor, Y, odd).max(axis=0)
    chosen = np.argsort(highest)[-max(1, round(_SHARE * Y.shape[1])) :]
    driven = zscore(Y[:, chosen]).mean(axis=1, keepdims=True)
    curve = _curves(regressor, driven, even)[:, 0]
    best = int(np.argmax(curve))
    distances = np.arange(3 * MOST_VOLUMES, len(Y) - 3 * MOST_VOLUMES)
    moved = np.column_stack([np.roll(driven[:, 0], distance) for distance in distances])
    reached = int((_curves(regressor, moved, even).max(axis=0) >= curve[best]).sum())
    return Lag(best - MOST_VOLUMES, float(curve[best]), (reached + 1) / (len(distances) + 1), curve)


def _curves(regressor: npt.NDArray[np.float64], Y: AnyArray, rows: Ints) -> Floats:
    """Correlations at every lag over some rows, (n_lags, n_targets)."""
    earlier = rows[None] - np.arange(-MOST_VOLUMES, MOST_VOLUMES + 1)[:, None]
    inside = (earlier >= 0) & (earlier < len(regressor))
    x = np.zeros(earlier.shape)
    for row, is_inside in enumerate(inside):
        x[row, is_inside] = zscore(regressor[earlier[row, is_inside]])
    batches = column_batches(Y.shape[1], _COLUMNS)
    return np.concatenate([_correlations(x, inside.astype(np.float64), Y[rows, batch]) for batch in batches], axis=1)


def _correlations(x: Doubles, inside: Doubles, Y: AnyArray) -> Floats:
    """Correlations (n_lags, V) of Y (n, V) with z-scored regressors (n_lags, n), over the rows with `inside` 1."""
    n, typical = inside.sum(axis=1)[:, None], Y.mean(axis=0, dtype=np.float64)
    y = Y - typical
    variance = inside @ np.square(y) / n - np.square(inside @ y / n)
    is_constant = variance <= CONSTANT**2 * np.square(typical)
    return np.where(is_constant, 0, x @ y / n / np.sqrt(np.where(is_constant, 1, variance))).astype(np.float32)
