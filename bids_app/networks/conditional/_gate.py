"""Does any atom at all have to do with a network's response? The first question, before which atom it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.encoding.autoregression import whiten
from bids_app.networks.conditional._design import Design
from bids_app.stats.arrays import Doubles

_LEAST_LEFT = 0.1  # of a shifted response's variance, where the confounds take more than the rest


@dataclass(frozen=True)
class Gate:
    """Which networks respond to the story as some atom does.

    Attributes
    ----------
    p : array of shape (n_networks,), family-wise over the networks
    inflation : array of shape (n_networks,), mean over atoms and shifts of z²; 1 where whitening leaves white noise
    """

    p: Doubles
    inflation: Doubles

    @property
    def is_open(self) -> npt.NDArray[np.bool_]:
        """Whether p < 0.05."""
        return np.asarray(self.p < 0.05)


def open_gate(design: Design, Y: Doubles, noise: Doubles) -> Gate:
    """Test the largest |correlation| of each response with an atom against circular shifts of the responses.

    Both are whitened and freed of the confounds first. A shifted response has parts along the confounds again, so its
    correlations are divided by √(1 − |Qᵀ y|²). The p-values are corrected over the networks by the step-down maximum
    of Westfall & Young (1993): all networks are shifted together, so that what they share is accounted for.

    Parameters
    ----------
    Y : array of shape (n_volumes, n_networks)
    noise : array of shape (n_networks,), AR(1) coefficients
    """
    observed, null, inflation = (np.empty(Y.shape[1]), np.empty((len(design.shifts), Y.shape[1])), np.empty(Y.shape[1]))
    for network, rho in enumerate(noise):
        observed[network], null[:, network], inflation[network] = _maxima(design, Y[:, network], float(rho))
    return Gate(_step_down(observed, null), inflation)


def _maxima(design: Design, y: Doubles, rho: float) -> tuple[float, Doubles, float]:
    """Largest |z| over atoms at the right time, and at each shift; and the mean z² over all shifts."""
    basis = np.linalg.qr(whiten(design.confounds, rho, design.run_lengths))[0]
    atoms = np.concatenate(list(design.restarts), axis=1)  # (n_volumes, n_restarts · n_atoms)
    X = _unit(_rest(whiten(atoms, rho, design.run_lengths), basis))
    response = _unit(_rest(whiten(y[:, None], rho, design.run_lengths), basis))[:, 0]
    moved = response[design.shifts]  # (n_shifts, n_volumes)
    left = np.maximum(1 - np.square(moved @ basis).sum(axis=1), _LEAST_LEFT)
    degrees = len(y) - basis.shape[1]
    z = np.abs(moved.astype(np.float32) @ X.astype(np.float32)) * np.sqrt(degrees / left)[:, None]
    varies = X.any(axis=0)
    inflation = float(np.square(z[:, varies], dtype=np.float64).mean()) if varies.any() else 1.0
    return float(np.abs(response @ X).max() * np.sqrt(degrees)), np.asarray(z.max(axis=1), dtype=np.float64), inflation


def _step_down(observed: Doubles, null: Doubles) -> Doubles:
    """p corrected over columns: the maximum over those that are not yet rejected, from the largest down."""
    order = np.argsort(-observed)
    # maxima over the columns from each one on
    maxima = np.maximum.accumulate(null[:, order[::-1]], axis=1)[:, ::-1]
    reached = (maxima >= observed[order]).sum(axis=0)
    p = np.empty(len(observed))
    p[order] = np.maximum.accumulate((reached + 1) / (len(null) + 1))
    return p


def _rest(series: Doubles, basis: Doubles) -> Doubles:
    return np.asarray(series - basis @ (basis.T @ series))


def _unit(series: Doubles) -> Doubles:
    norm = np.linalg.norm(series, axis=0)
    return np.asarray(np.divide(series, norm, out=np.zeros_like(series), where=norm > 1e-12))
