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

# Behind a gate that chance opened, some family is probable: of null brains with p < 0.05, every fifth had two links. At
# this bound, 50 null brains have 0.6 links; a smaller one costs recall where the signal is weak.
ALLOWS_LINKS = 0.02
_LEAST_LEFT = 0.01  # of a shifted family's variance: of what the confounds explain but for this, nothing is tested
_BATCH = 4096  # shifted families at once


@dataclass(frozen=True)
class Gate:
    """Which networks respond to the story as some family does.

    Attributes
    ----------
    p : array of shape (n_networks,), family-wise over the networks
    inflation : array of shape (n_networks,), mean z² over families and shifts of its response without what is
        explained: 1 where whitening suffices; NaN without targets
    n_shifts : number of shifts compared with
    """

    p: Doubles
    inflation: Doubles
    n_shifts: int

    @property
    def is_open(self) -> npt.NDArray[np.bool_]:
        """Whether p < 0.05."""
        return np.asarray(self.p < 0.05)

    @property
    def allows_links(self) -> npt.NDArray[np.bool_]:
        """Whether p is at most `ALLOWS_LINKS`, or below 0.05 and as small as the shifts allow."""
        smallest = 1 / (self.n_shifts + 1)
        return np.asarray(self.is_open & ((self.p <= ALLOWS_LINKS) | np.isclose(self.p, smallest)))


@one_thread()
def open_gate(design: Design, series: NetworkSeries, residuals: Doubles, noise: Doubles) -> Gate:
    """Test the best multiple correlation of a family with a network's pieces against circular shifts of the families.

    R² of a family on all pieces together does not ask for a sign. The families are shifted before the confounds are
    removed and both are whitened, see `_shifted_r2`. The p-values are corrected over the networks by the step-down
    maximum of Westfall & Young (1993): one shift is used for all networks, so that what they share is accounted for.

    Responses are whitened of their own autocorrelation, as if no family had to do with them. What the unshifted
    families leave still holds the shifted ones: whitened of it, 7 % of null brains passed instead of 5 %.

    Parameters
    ----------
    residuals : array of shape (n_volumes, n_networks), the mean response of each network without what is explained
    noise : array of shape (n_networks, order), partial autocorrelations that the residuals are whitened of
    """
    present = series.present
    responses = [series.series[:, series.of(network)] for network in present]
    own = [design.noise_without_atoms(response) for response in responses]
    whitened = [*zip(responses, own, strict=True), *((residuals[:, [network]], noise[network]) for network in present)]
    bases = [orthonormal_basis(design.white([response], partial)[0]) for response, partial in whitened]
    r2 = _shifted_r2(design, bases, np.array([partial for _, partial in whitened]))
    of_responses, of_residuals = r2[: len(present)], r2[len(present) :]
    # On a scale that the number of pieces does not change: degrees of freedom of an F test.
    best = of_responses.max(axis=2).T / np.maximum([basis.shape[1] for basis in bases[: len(present)]], 1)
    p, inflation = np.ones(series.n_networks), np.full(series.n_networks, np.nan)
    p[present] = _step_down(best[0], best[1:])
    inflation[present] = [
        _mean_z_squared(design, one) if basis.size else np.nan
        for one, basis in zip(of_residuals, bases[len(present) :], strict=True)
    ]
    return Gate(p, inflation, len(design.shifts))


def _mean_z_squared(design: Design, r2: npt.NDArray[np.float32]) -> float:
    """Over families and shifts, from R² of a single response, (1 + n_shifts, n_families)."""
    degrees = design.n_volumes - design.confounds.shape[1]
    return float(r2[1:].mean(dtype=np.float64) * degrees)


def _shifted_r2(design: Design, bases: Sequence[Doubles], noise: Doubles) -> npt.NDArray[np.float32]:
    """R² of families on responses, unshifted, then shifted: (n_bases, 1 + n_shifts, n_families).

    A basis of responses, (n_volumes, n), is orthonormal, whitened of the noise of the same row, and without the
    confounds. A family is shifted with what the confounds take of it; then it is whitened, the confounds are
    removed, and it is scaled to length 1. White noise without confounds correlates as well with one such course as
    with another. Shifted after the confounds are removed, families would lose part of their length to the confounds
    again, slow ones the most, and a test against them would be too liberal.

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
        squares = np.array([part.sum(axis=0) for part in np.split(np.square(weights @ moved), borders)])
        for number, (in_basis, in_confounds) in enumerate(squares.reshape(len(bases), 2, moved.shape[1])):
            length = moments.whitened(noise[number])
            left = length - in_confounds
            r2 = np.divide(in_basis, left, out=np.zeros_like(in_basis), where=left > _LEAST_LEFT * length)
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
