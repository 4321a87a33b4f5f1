"""Autoregressive noise: its partial autocorrelations, and series without it, run by run."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, sparse

from bids_app.stats.arrays import Doubles

# Of the second order: with one coefficient, the mean z² of real regional time courses (Brennan et al. 2016) is 1.14
# instead of 1, with two 1.02, and not better with three or more.
ORDER = 2
# Partial autocorrelations outside are taken for errors of a short series.
_FIRST, _LATER = (-0.3, 0.95), (-0.6, 0.6)
_PRECISION = 1e-3


def whiten(Z: npt.NDArray[np.floating], partial: npt.ArrayLike, run_lengths: Sequence[int]) -> Doubles:
    """Series without autoregressive noise, (n_volumes, n): the errors of predicting each volume from those before.

    The first volumes of a run are predicted from the fewer ones before them, and scaled to the same variance, so that
    as many rows remain, and nothing passes from one run into the next (for the first order, Prais & Winsten 1954).

    Parameters
    ----------
    partial : array of shape (order,), partial autocorrelations

    >>> whiten(np.array([[1.0], [1.0], [1.0]]), [0.6], [3]).ravel().round(2).tolist()
    [0.8, 0.4, 0.4]
    """
    return np.asarray(whitening(partial, run_lengths) @ np.asarray(Z, dtype=np.float64))


def whitening(partial: npt.ArrayLike, run_lengths: Sequence[int]) -> sparse.csr_array:
    """The matrix that whitens series, (n_volumes, n_volumes), see `whiten`."""
    return _whitening(tuple(np.asarray(partial, dtype=np.float64).tolist()), tuple(run_lengths))


@functools.lru_cache(maxsize=64)
def _whitening(partial: tuple[float, ...], run_lengths: tuple[int, ...]) -> sparse.csr_array:
    filters = _error_filters(np.array(partial))
    order = len(partial)
    blocks = []
    for length in run_lengths:
        lags = range(min(order + 1, length))
        diagonals = [filters[np.minimum(np.arange(lag, length), order), lag] for lag in lags]
        blocks.append(sparse.diags_array(diagonals, offsets=[-lag for lag in lags], shape=(length, length)))
    return sparse.csr_array(sparse.block_diag(blocks, format="csr"))


def partial_autocorrelations(
    Y: npt.NDArray[np.floating], regressors: Doubles, run_lengths: Sequence[int], order: int = ORDER
) -> Doubles:
    """Partial autocorrelations of the noise that all columns of Y share, (order,), by restricted maximum likelihood.

    The residuals of many regressors are less autocorrelated than the noise; the restricted likelihood accounts for it
    (Harville 1977, J. Am. Stat. Assoc. 72, 320–338), also where the correction of first order by Worsley et al. (2002)
    falls short: by 0.2 with 50 slow regressors in 150 volumes.

    Parameters
    ----------
    Y : array of shape (n_volumes, n_targets)
    regressors : array of shape (n_volumes, n_regressors), of full column rank, the means of the runs among them
    run_lengths : volumes of each run, more than `order`
    """
    series = np.asarray(Y, dtype=np.float64)
    n_regressors, n_targets = regressors.shape[1], series.shape[1]
    products = LagMoments.of(regressors, np.column_stack([regressors, series]), run_lengths, order)
    squares = LagMoments.squares(series, run_lengths, order)
    degrees = len(series) - n_regressors

    def loss(partial: Doubles) -> float:
        """Minus the restricted log-likelihood, without what does not depend on the partial autocorrelations."""
        moments, square = products.whitened(partial), squares.whitened(partial)
        factor = np.linalg.cholesky(moments[:, :n_regressors])
        explained = linalg.solve_triangular(factor, moments[:, n_regressors:], lower=True, check_finite=False)
        left = np.maximum(square - np.square(explained).sum(axis=0), 1e-12 * square + 1e-300)
        log_whitening = len(run_lengths) * np.log(_error_filters(partial)[:order, 0]).sum()
        log_regressors = np.log(np.diagonal(factor)).sum()
        return float(n_targets * (log_regressors - log_whitening) + degrees / 2 * np.log(left).sum())

    start = np.zeros((order + 1, order))
    start[1:] = 0.3 * np.eye(order)
    best = optimize.minimize(
        loss,
        start[0],
        method="Nelder-Mead",
        bounds=[_FIRST, *[_LATER] * (order - 1)],
        options={"initial_simplex": start, "xatol": _PRECISION, "fatol": 1e-3},
    )
    return np.asarray(best.x)


def _error_filters(partial: Doubles) -> Doubles:
    """Weights of z(t), z(t − 1), … in the prediction error of volume t of a run, (order + 1, order + 1).

    Row t is that of volume t, the last row that of all later ones (Durbin 1960, Rev. Int. Stat. Inst. 28, 233–244);
    all are scaled to the variance of the last.

    >>> _error_filters(np.array([0.5, -0.2]))[2].round(3).tolist()  # φ = 0.5 · 1.2, −0.2
    [1.0, -0.6, 0.2]
    """
    order = len(partial)
    filters = np.zeros((order + 1, order + 1))
    filters[0, 0] = 1
    for t, coefficient in enumerate(partial):
        before = filters[t, : t + 1]
        filters[t + 1, : t + 1] = before
        filters[t + 1, 1 : t + 2] -= coefficient * before[::-1]
    variance = np.cumprod([1, *(1 - np.square(partial))])
    return np.asarray(filters * np.sqrt(variance[-1] / variance)[:, None])


@dataclass(frozen=True)
class LagMoments:
    """AᵀB of series A and B at all pairs of lags, and from them AᵀB after whitening with any partial autocorrelations.

    Whitened moments are quadratic in the weights of the prediction errors, so that many responses, each with noise of
    its own, need no whitened series.

    Attributes
    ----------
    inner : array of shape (order + 1, order + 1, …), sums over the volumes of a run after the first `order`
    start : array of shape (order, order, …), sums over the runs, of each pair of the first `order` volumes
    """

    inner: npt.NDArray[np.floating]
    start: npt.NDArray[np.floating]

    @classmethod
    def of(cls, A: Doubles, B: Doubles, run_lengths: Sequence[int], order: int = ORDER) -> Self:
        """The moments of A (n_volumes, a) and B (n_volumes, b); (a, b) each."""
        pairs = list(zip(_runs(A, run_lengths), _runs(B, run_lengths), strict=True))
        lags, first = range(order + 1), range(order)

        def inner(i: int, j: int) -> Doubles:
            products = [a[order - i : len(a) - i].T @ b[order - j : len(b) - j] for a, b in pairs]
            return np.asarray(np.sum(products, axis=0))

        start = [[np.sum([np.outer(a[i], b[j]) for a, b in pairs], axis=0) for j in first] for i in first]
        return cls(np.array([[inner(i, j) for j in lags] for i in lags]), np.array(start))

    @classmethod
    def squares(cls, A: npt.NDArray[np.floating], run_lengths: Sequence[int], order: int = ORDER) -> Self:
        """The squared length of each column of A (n_volumes, a); (a,) each."""
        inner = np.zeros((order + 1, order + 1, A.shape[1]), dtype=A.dtype)
        start = np.zeros((order, order, A.shape[1]), dtype=A.dtype)
        for run in _runs(A, run_lengths):
            # Of views: copies of so many volumes would take most of the time.
            shifted = [run[order - lag : len(run) - lag] for lag in range(order + 1)]
            for i in range(order + 1):
                for j in range(i):
                    product = np.einsum("ta,ta->a", shifted[i], shifted[j])
                    inner[i, j] += product
                    inner[j, i] += product
                inner[i, i] += np.einsum("ta,ta->a", shifted[i], shifted[i])
            start += run[:order, None] * run[None, :order]
        return cls(inner, start)

    def whitened(self, partial: npt.ArrayLike) -> npt.NDArray[np.floating]:
        """The moments of the whitened series, (a, b) or (a,)."""
        filters = _error_filters(np.asarray(partial, dtype=np.float64))
        last, order = filters[-1], len(filters) - 1
        errors = np.array([[filters[t, t - s] if s <= t else 0.0 for s in range(order)] for t in range(order)])
        inner = np.tensordot(np.outer(last, last), self.inner)
        return np.asarray(inner + np.tensordot(errors.T @ errors, self.start))


def _runs(series: npt.NDArray[Any], run_lengths: Sequence[int]) -> list[npt.NDArray[Any]]:
    """The rows of each run, as views."""
    return np.split(series, np.cumsum(run_lengths)[:-1])
