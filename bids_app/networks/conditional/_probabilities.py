"""How probable it is that a family carries the response of a network, given all others that might."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bids_app.encoding.susie import SingleEffects, single_effects
from bids_app.networks.conditional._design import Design
from bids_app.networks.conditional._pieces import NetworkSeries
from bids_app.stats.arrays import Doubles, Ints
from bids_app.stats.device import one_thread

MEANINGFUL = 0.2  # δ: an effect counts from this share of what all atoms together explain
_CLEAR = 0.25  # share of the squared coefficients over the pieces from which a sign is one of the link's
_BEYOND_NOISE = 1.1  # times the edge of noise: exceeded by less than 5 % of patterns of null brains
_RIDGE = 0.02  # of the mean variance, added to the noise covariance of the pieces
_REPEATED = 1e-3  # of the mean variance: a pattern over the pieces with less noise is a copy of others
# Power of the likelihood by which restarts are weighted. The pieces' noise is known but roughly, and so are differences
# of likelihoods; on planted truth, 0.02 to 0.1 serve as well.
_TEMPER = 0.05


@dataclass(frozen=True)
class Probabilities:
    """Which families carry which networks.

    Attributes
    ----------
    of_link : array of shape (n_families, n_networks)
    coefficients : array of shape (n_families, n_pieces), of each piece's response, mean over the restarts that hold
        the family
    fitted : array of shape (n_volumes, n_pieces), what the effects explain, mean over restarts
    """

    of_link: Doubles
    coefficients: Doubles
    fitted: Doubles

    def of_parts(self, series: NetworkSeries) -> Doubles:
        """Probabilities of the active and of the deactive part, (2, n_families, n_networks).

        A link has the signs that make up at least a quarter of the squared coefficients over the network's pieces.
        """
        result = np.zeros((2, *self.of_link.shape))
        for network in series.present:
            b = self.coefficients[:, series.of(network)]
            total = np.maximum(np.square(b).sum(axis=1), 1e-300)
            for side, sign in enumerate((1, -1)):
                share = np.square(np.maximum(sign * b, 0)).sum(axis=1) / total
                result[side, :, network] = self.of_link[:, network] * (share >= _CLEAR)
        return result


def link_probabilities(
    design: Design, series: NetworkSeries, noise: Doubles, meaningful: float = MEANINGFUL, *, device: str = "auto"
) -> Probabilities:
    """Probability that each family has an effect on each network.

    In each restart, a sum of single effects of its atoms (see `encoding.susie`) on all pieces of the network at once,
    whose coefficients may differ in sign; whitened in time and over the pieces, without the confounds. An effect
    counts when it is longer than `meaningful` times what all atoms explain. The probabilities are joined over the atoms
    of a family and averaged over the restarts that hold it: one without such an atom says nothing of it. It does say
    something where its other atoms explain the network better; so the probability is at most the average over all
    restarts, weighted by their likelihood.

    Parameters
    ----------
    noise : array of shape (n_networks, order), partial autocorrelations
    """
    problems = [
        problem
        for network in series.present
        for problem in _moments(design, series.series[:, series.of(network)], noise[network])
    ]
    most = max(problem.cross.shape[1] for problem in problems)
    fits = single_effects(
        np.stack([problem.gram for problem in problems]),
        np.stack([_padded(problem.cross, most) for problem in problems]),
        [problem.square for problem in problems],
        [problem.degrees for problem in problems],
        groups=np.stack([np.pad(one.groups, (0, most - len(one.groups)), constant_values=-1) for one in problems]),
        device=device,
    )
    return _joined(design, series, fits, problems, meaningful)


@one_thread()
def _joined(
    design: Design, series: NetworkSeries, fits: SingleEffects, problems: Sequence[_Moments], meaningful: float
) -> Probabilities:
    """What the fits of all restarts say of the families."""
    n_restarts, _, n_families = design.members.shape
    b = fits.coefficients  # (n_problems, n_atoms, most)
    restart_of = np.tile(np.arange(n_restarts), len(series.present))
    lengths = np.array(
        [np.square(design.restarts[r] @ one).sum() / design.n_volumes for r, one in zip(restart_of, b, strict=True)]
    )
    inclusion = fits.inclusion(meaningful * np.sqrt(np.maximum(lengths, 1e-12)))
    of_link = np.zeros((n_families, series.n_networks))
    coefficients = np.zeros((n_families, series.series.shape[1]))
    fitted = np.zeros_like(series.series)
    n_held = np.maximum(design.members.any(axis=1).sum(axis=0), 1)  # (n_families,)
    for first, network in enumerate(series.present):
        columns, numbers = series.of(network), range(first * n_restarts, (first + 1) * n_restarts)
        of_restarts = np.zeros((n_restarts, n_families))
        original = [b[n, :, : len(problems[n].to_original)] @ problems[n].to_original for n in numbers]
        for restart, number in enumerate(numbers):
            members = design.members[restart]  # (n_atoms, n_families)
            missed = np.log1p(-np.minimum(inclusion[number], 1 - 1e-15)) @ np.abs(members)
            of_restarts[restart] = 1 - np.exp(missed)
            coefficients[:, columns] += members.T @ original[restart] / n_held[:, None]
            fitted[:, columns] += design.restarts[restart] @ original[restart] / n_restarts
        weights = _weights([problems[n] for n in numbers], original)
        of_link[:, network] = np.minimum(of_restarts.sum(axis=0) / n_held, weights @ of_restarts)
    return Probabilities(of_link, coefficients, fitted)


def _weights(problems: Sequence[_Moments], coefficients: Sequence[Doubles]) -> Doubles:
    """Weights of the restarts by how well their effects explain one network, (n_restarts,), of sum 1.

    Their likelihoods to the power of `_TEMPER`; the noise of the pieces has the mean covariance of what all leave.
    `coefficients`: of each restart, (n_atoms, n_pieces).
    """
    left = np.stack([problem.left(one) for problem, one in zip(problems, coefficients, strict=True)])
    degrees = problems[0].degrees
    noise = left.mean(axis=0) / degrees
    noise += max(_RIDGE * float(noise.trace()) / len(noise), 1e-300) * np.eye(len(noise))
    log_likelihood = -0.5 * np.einsum("rij,ji->r", left, np.linalg.inv(noise))
    weights = np.exp(_TEMPER * (log_likelihood - log_likelihood.max()))
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True)
class _Moments:
    """One restart's atoms with the pieces of one network: XᵀX, XᵀY, sum of squares, degrees, and back from whitened.

    Y is whitened over the pieces and turned, see `_patterns`; groups: that of each column of Y. `of_pieces`: XᵀY
    (n_atoms, n_pieces) and YᵀY (n_pieces, n_pieces) of the pieces themselves.
    """

    gram: Doubles
    cross: Doubles
    square: float
    degrees: int
    to_original: Doubles
    groups: Ints
    of_pieces: tuple[Doubles, Doubles]

    def left(self, coefficients: Doubles) -> Doubles:
        """Sums of squares and products of what coefficients (n_atoms, n_pieces) leave, (n_pieces, n_pieces)."""
        cross, square = self.of_pieces
        explained = coefficients.T @ cross
        return np.asarray(square - explained - explained.T + coefficients.T @ self.gram @ coefficients)


@one_thread()
def _moments(design: Design, Y: Doubles, noise: Doubles) -> list[_Moments]:
    """Of each restart, with the pieces Y (n_volumes, n_pieces) of one network."""
    degrees = design.n_volumes - design.confounds.shape[1]
    Z, *restarts = design.white([Y, *design.restarts], noise)
    return [_moments_of(X, Z, degrees) for X in restarts]


def _moments_of(X: Doubles, Z: Doubles, degrees: int) -> _Moments:
    fit = np.linalg.lstsq(X, Z, rcond=None)[0]
    left = Z - X @ fit
    rank = max(int(np.linalg.matrix_rank(X)), 1)
    covariance = left.T @ left / (degrees - rank)
    values, vectors = np.linalg.eigh(covariance)
    # What pieces only repeat of each other is no further response: it would lower the noise of all.
    own = values > _REPEATED * values.mean()
    vectors, roots = vectors[:, own], np.sqrt(values[own] + _RIDGE * values.mean())
    whitening = vectors / roots
    white, back = Z @ whitening, (vectors * roots).T
    turn, groups = _patterns(X @ fit @ whitening, whitening.sum(axis=0), rank, degrees - rank)
    square = float(np.square(white).sum())
    return _Moments(X.T @ X, X.T @ white @ turn, square, degrees, turn.T @ back, groups, (X.T @ Z, Z.T @ Z))


def _patterns(explained: Doubles, common: Doubles, rank: int, degrees: int) -> tuple[Doubles, Ints]:
    """Orthonormal patterns over the n whitened responses, (n, n), and the group of each.

    The first (group 0) is a response of the same size in all pieces, `common` once whitened. The second (group 1) is
    that of most of the rest that all atoms together explain (n_volumes, n), as in a network that responds with both
    signs, if this is more than noise would leave: chosen where it is not, it would make effects out of noise. All
    others are one group. `rank` of the atoms, and `degrees` of freedom of the residuals that the responses are whitened
    by.
    """
    n_patterns = len(common)
    first = common / max(float(np.linalg.norm(common)), 1e-300)
    rest = explained - np.outer(explained @ first, first)
    values, vectors = np.linalg.eigh(rest.T @ rest)
    turn = np.linalg.qr(np.column_stack([first, vectors[:, -1], np.eye(n_patterns)]))[0]
    groups = np.minimum(np.arange(n_patterns), 2)
    if values[-1] < _BEYOND_NOISE * rank * _noise_edge(n_patterns - 1, rank, degrees):
        groups[1:] = 2
    return np.asarray(turn), groups


def _noise_edge(n_responses: int, rank: int, degrees: int) -> float:
    """Largest variance of a pattern of noise that regressors explain, over that of the residuals (`degrees`).

    The edge of the spectrum of an F matrix (Bai & Silverstein 2010, section 4.4); inf where residuals are too few.
    """
    if degrees <= n_responses:
        return np.inf
    a, b = n_responses / rank, n_responses / degrees
    return float(((1 + np.sqrt(a + b - a * b)) / (1 - b)) ** 2)


def _padded(cross: Doubles, width: int) -> Doubles:
    return np.pad(cross, ((0, 0), (0, width - cross.shape[1])))
