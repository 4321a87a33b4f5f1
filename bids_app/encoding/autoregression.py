"""Noise in which each volume resembles the one before: its coefficient, and series freed of it, run by run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Doubles
from bids_app.stats.device import column_batches

_BATCH = 256  # targets at once
_GRID = np.arange(-0.3, 0.955, 0.025)  # coefficients outside are taken for errors of a short series


def whiten(Z: npt.ArrayLike, coefficient: float, run_lengths: Sequence[int]) -> Doubles:
    """Series without AR(1) noise, (n_volumes, n): z(t) − ρ z(t − 1), and √(1 − ρ²) z(0) at the start of each run.

    Prais & Winsten (1954): as many rows as before, and nothing passes from one run into the next.

    >>> whiten([[1.0], [1.0], [1.0]], 0.6, [3]).ravel().round(2).tolist()
    [0.8, 0.4, 0.4]
    """
    series = np.asarray(Z, dtype=np.float64)
    result = series - coefficient * _before(series, run_lengths)
    starts = _starts(run_lengths)
    result[starts] = np.sqrt(1 - coefficient**2) * series[starts]
    return np.asarray(result)


def ar1_coefficients(Y: npt.ArrayLike, regressors: Doubles, run_lengths: Sequence[int]) -> Doubles:
    """AR(1) coefficient of the noise of each column of Y, (n_targets,), by restricted maximum likelihood.

    The residuals of many regressors are less autocorrelated than the noise; the restricted likelihood accounts for it
    (Harville 1977, J. Am. Stat. Assoc. 72, 320–338), also where the correction of first order by Worsley et al. (2002)
    falls short: by 0.2 with 50 slow regressors in 150 volumes.

    Parameters
    ----------
    Y : array of shape (n_volumes, n_targets)
    regressors : array of shape (n_volumes, n_regressors), of full column rank, the runs' means among them
    run_lengths : volumes of each run; nothing passes from one into the next
    """
    series = np.asarray(Y, dtype=np.float64)
    factor = np.linalg.cholesky(LagMoments.of(regressors, regressors, run_lengths).whitened(_GRID))
    log_determinant = 2 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    constant = len(run_lengths) * np.log(1 - _GRID**2) - log_determinant
    degrees = len(series) - regressors.shape[1]
    found = np.empty(series.shape[1])
    for batch in column_batches(series.shape[1], _BATCH):
        cross = LagMoments.of(regressors, series[:, batch], run_lengths).whitened(_GRID)
        square = LagMoments.squares(series[:, batch], run_lengths).whitened(_GRID)[:, 0]  # (n_grid, n_targets)
        explained = np.square(np.linalg.solve(factor, cross)).sum(axis=1)
        left = np.maximum(square - explained, 1e-12 * square + 1e-300)
        found[batch] = _peaks(_GRID, constant[:, None] - degrees * np.log(left))
    return found


def _peaks(grid: Doubles, heights: Doubles) -> Doubles:
    """Where each column of heights (n_grid, n) is largest, between the points of the grid by a parabola."""
    best = heights.argmax(axis=0)
    middle = best.clip(1, len(grid) - 2)
    columns = np.arange(heights.shape[1])
    low, top, high = (heights[middle + step, columns] for step in (-1, 0, 1))
    curvature = low - 2 * top + high
    inside = (best == middle) & (curvature < 0)
    offset = np.divide(0.5 * (low - high), curvature, out=np.zeros_like(low), where=inside)
    return np.asarray(grid[best] + offset * (grid[1] - grid[0]))


@dataclass(frozen=True)
class LagMoments:
    """AᵀB of series A and B, and what whitening both with any coefficient makes of it.

    Whitened moments are quadratic in the coefficient, so that many responses, each with its own, need no series of
    their own.
    """

    now: Doubles
    crossed: Doubles
    before: Doubles

    @classmethod
    def of(cls, A: Doubles, B: Doubles, run_lengths: Sequence[int]) -> Self:
        """The moments of A (n_volumes, a) and B (n_volumes, b); (a, b) each."""
        a, b, starts = _before(A, run_lengths), _before(B, run_lengths), _starts(run_lengths)
        return cls(A.T @ B, A.T @ b + a.T @ B, a.T @ b - A[starts].T @ B[starts])

    @classmethod
    def squares(cls, A: Doubles, run_lengths: Sequence[int]) -> Self:
        """The squared length of each column of A (n_volumes, a); (1, a) each."""
        a, starts = _before(A, run_lengths), _starts(run_lengths)
        sums = (np.square(A), 2 * A * a, np.square(a))
        now, crossed, before = (values.sum(axis=0)[None] for values in sums)
        return cls(now, crossed, before - np.square(A[starts]).sum(axis=0)[None])

    def whitened(self, coefficient: Doubles) -> Doubles:
        """Moments for each coefficient (m,), (m, a, b)."""
        rho = np.asarray(coefficient, dtype=np.float64)[:, None, None]
        return np.asarray(self.now - rho * self.crossed + rho**2 * self.before)


def _starts(run_lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.cumsum([0, *run_lengths])[:-1]


def _before(series: Doubles, run_lengths: Sequence[int]) -> Doubles:
    """Each row's predecessor within its run; zeros at the start of a run."""
    shifted = np.zeros_like(series)
    shifted[1:] = series[:-1]
    shifted[_starts(run_lengths)] = 0
    return shifted
