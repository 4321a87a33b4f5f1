"""Does any family at all have to do with a network's response? The first question, before which one it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.networks.conditional._design import Design
from bids_app.networks.conditional._pieces import NetworkSeries
from bids_app.stats.arrays import Doubles
from bids_app.stats.device import one_thread

_LEAST_LEFT = 0.1  # of a shifted response's variance, where the confounds take more than the rest


@dataclass(frozen=True)
class Gate:
    """Which networks respond to the story as some family does.

    Attributes
    ----------
    p : array of shape (n_networks,), family-wise over the networks
    """

    p: Doubles

    @property
    def is_open(self) -> npt.NDArray[np.bool_]:
        """Whether p < 0.05."""
        return np.asarray(self.p < 0.05)


@one_thread()
def open_gate(design: Design, series: NetworkSeries, noise: Doubles) -> Gate:
    """Test the best multiple correlation of a family with a network's pieces against circular shifts of the responses.

    Both are whitened and freed of the confounds first. R² of a family on all pieces together does not ask for a sign,
    and the covariance of the pieces is the same however they are shifted. A shifted response has parts along the
    confounds again, so its correlations are divided by √(1 − |Qᵀ y|²). The p-values are corrected over the networks by
    the step-down maximum of Westfall & Young (1993): all networks are shifted together, so that what they share is
    accounted for.

    Parameters
    ----------
    noise : array of shape (n_networks,), AR(1) coefficients
    """
    present = series.present
    observed, null = np.empty(len(present)), np.empty((len(design.shifts), len(present)))
    for column, network in enumerate(present):
        Y, X, basis = _white(design, series.series[:, series.of(network)], float(noise[network]))
        values, vectors = np.linalg.eigh(Y.T @ Y)
        kept = values > 1e-9 * values.max()
        Y = Y @ (vectors[:, kept] / np.sqrt(values[kept]))  # orthonormal
        # On a scale that the number of pieces does not change: degrees of freedom of an F test.
        scale = (len(Y) - basis.shape[1]) / kept.sum()
        observed[column] = np.square(Y.T @ X).sum(axis=0).max() * scale
        null[:, column] = _shifted_r2(design, Y, X, basis).max(axis=1) * scale
    p = np.ones(series.n_networks)
    p[present] = _step_down(observed, null)
    return Gate(p)


@one_thread()
def noise_inflation(design: Design, residuals: Doubles, noise: Doubles) -> Doubles:
    """Mean over families and shifts of z² for responses without what is explained, (m,): 1 where whitening suffices.

    Parameters
    ----------
    residuals : array of shape (n_volumes, m)
    noise : array of shape (m,), AR(1) coefficients; NaN where there is no response, as in the result
    """
    result = np.full(residuals.shape[1], np.nan)
    for column, rho in enumerate(noise):
        if not np.isfinite(rho):
            continue
        y, X, basis = _white(design, residuals[:, [column]], float(rho))
        length = np.linalg.norm(y)
        if length > 0:
            r2 = _shifted_r2(design, y / length, X, basis)
            result[column] = r2.mean(dtype=np.float64) * (len(y) - basis.shape[1])
    return result


def _white(design: Design, Y: Doubles, rho: float) -> tuple[Doubles, Doubles, Doubles]:
    """Responses and families (of length 1), whitened and without confounds, and the whitened confounds' basis."""
    X = design.white(design.families[:, design.families.any(axis=0)], rho)
    norm = np.linalg.norm(X, axis=0)
    return design.white(Y, rho), X / np.where(norm > 1e-12, norm, np.inf), design.white_confounds(rho)


def _shifted_r2(design: Design, Y: Doubles, X: Doubles, basis: Doubles) -> npt.NDArray[np.float32]:
    """Sum over orthonormal responses of the squared correlation with each family, (n_shifts, n_families)."""
    families, total = X.astype(np.float32), np.zeros((len(design.shifts), X.shape[1]), dtype=np.float32)
    for series in Y.T:
        moved = series[design.shifts]  # (n_shifts, n_volumes)
        left = np.maximum(1 - np.square(moved @ basis).sum(axis=1), _LEAST_LEFT)
        moved = (moved / np.sqrt(left)[:, None]).astype(np.float32)
        total += np.square(moved @ families)
    return total


def _step_down(observed: Doubles, null: Doubles) -> Doubles:
    """p corrected over columns: the maximum over those that are not yet rejected, from the largest down."""
    order = np.argsort(-observed)
    # maxima over the columns from each one on
    maxima = np.maximum.accumulate(null[:, order[::-1]], axis=1)[:, ::-1]
    reached = (maxima >= observed[order]).sum(axis=0)
    p = np.empty(len(observed))
    p[order] = np.maximum.accumulate((reached + 1) / (len(null) + 1))
    return p
