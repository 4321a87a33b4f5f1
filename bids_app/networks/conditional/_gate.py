"""Does any family at all have to do with a network's response? The first question, before which one it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.encoding.autoregression import LagMoments
from bids_app.networks.conditional._design import Design
from bids_app.networks.conditional._pieces import NetworkSeries
from bids_app.stats.arrays import Doubles
from bids_app.stats.device import column_batches, one_thread
from bids_app.stats.projection import orthonormal_basis

_LEAST_LEFT = 0.01  # of a shifted family's variance: of what the confounds explain but for this, nothing is tested
_BATCH = 4096  # shifted families at once


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
    """Test the best multiple correlation of a family with a network's pieces against circular shifts of the families.

    R² of a family on all pieces together does not ask for a sign. The families are shifted before the confounds are
    removed and both are whitened, see `_shifted_r2`. The p-values are corrected over the networks by the step-down
    maximum of Westfall & Young (1993): one shift is used for all networks, so that what they share is accounted for.

    Parameters
    ----------
    noise : array of shape (n_networks, order), partial autocorrelations
    """
    present = series.present
    bases = [
        orthonormal_basis(design.white(series.series[:, series.of(network)], noise[network])) for network in present
    ]
    squares = _shifted_r2(design, bases, noise[present])
    # On a scale that the number of pieces does not change: degrees of freedom of an F test.
    best = squares.max(axis=2).T / np.maximum([basis.shape[1] for basis in bases], 1)
    p = np.ones(series.n_networks)
    p[present] = _step_down(best[0], best[1:])
    return Gate(p)


@one_thread()
def noise_inflation(design: Design, residuals: Doubles, noise: Doubles) -> Doubles:
    """Mean over families and shifts of z² for responses without what is explained, (m,): 1 where whitening suffices.

    Parameters
    ----------
    residuals : array of shape (n_volumes, m)
    noise : array of shape (m, order), partial autocorrelations; NaN where there is no response, as in the result
    """
    result = np.full(residuals.shape[1], np.nan)
    columns = np.flatnonzero(np.isfinite(noise).all(axis=1))
    bases = [orthonormal_basis(design.white(residuals[:, [column]], noise[column])) for column in columns]
    r2 = _shifted_r2(design, bases, noise[columns])[:, 1:].mean(axis=(1, 2), dtype=np.float64)
    degrees = design.n_volumes - design.confounds.shape[1]
    result[columns] = np.where([basis.size > 0 for basis in bases], r2 * degrees, np.nan)
    return result


def _shifted_r2(design: Design, bases: Sequence[Doubles], noise: Doubles) -> npt.NDArray[np.float32]:
    """R² of each family on each basis of responses, (n_bases, 1 + n_shifts, n_families): unshifted, then shifted.

    A basis (n_volumes, n) is orthonormal, whitened of its noise, and without the confounds. A
    family is shifted with what the confounds take of it; then it is whitened, the confounds are removed, and it is
    scaled to length 1. White noise without confounds correlates as well with one such course as with another. Shifted
    after the confounds are removed, families would lose part of their length to the confounds again, slow ones the
    most, and a test against them would be too liberal.

    Nothing but the families is moved: whitening and confounds are weights of volumes, the same for all shifts.
    """
    families = design.uncleaned[:, design.uncleaned.any(axis=0)].astype(np.float32)
    rows = np.concatenate([np.arange(design.n_volumes)[None], design.shifts])
    result = np.zeros((len(bases), len(rows), families.shape[1]), dtype=np.float32)
    parts = [
        design.whitened_weights(part.T, own).astype(np.float32)
        for basis, own in zip(bases, noise, strict=True)
        for part in (basis, design.white_confounds(own))
    ]
    weights, borders = np.concatenate(parts), np.cumsum([len(part) for part in parts])[:-1]
    for batch in column_batches(len(rows), max(1, _BATCH // families.shape[1])):
        moved = design.cleaned(families[rows[batch]].transpose(1, 0, 2).reshape(design.n_volumes, -1))
        # No part of a family is longer than the family: single precision suffices.
        moments = LagMoments.squares(moved, design.run_lengths)
        squares = [part.sum(axis=0) for part in np.split(np.square(weights @ moved), borders)]
        for number, (in_basis, in_confounds) in enumerate(zip(squares[::2], squares[1::2], strict=True)):
            length = moments.whitened(noise[number])
            left = length - in_confounds
            enough = left > _LEAST_LEFT * length
            r2 = np.divide(in_basis, left, out=np.zeros_like(in_basis), where=enough)
            result[number, batch] = r2.reshape(-1, families.shape[1])
    return result


def _step_down(observed: Doubles, null: Doubles) -> Doubles:
    """p corrected over columns: the maximum over those that are not yet rejected, from the largest down."""
    order = np.argsort(-observed)
    # maxima over the columns from each one on
    maxima = np.maximum.accumulate(null[:, order[::-1]], axis=1)[:, ::-1]
    reached = (maxima >= observed[order]).sum(axis=0)
    p = np.empty(len(observed))
    p[order] = np.maximum.accumulate((reached + 1) / (len(null) + 1))
    return p
