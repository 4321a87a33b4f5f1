"""How probable it is that a family carries a response, given all others that might."""

from __future__ import annotations

import numpy as np

from bids_app.encoding.autoregression import LagMoments
from bids_app.encoding.susie import single_effects
from bids_app.networks.conditional._design import Design
from bids_app.stats.arrays import Doubles

MEANINGFUL = 0.2  # δ: an effect counts from this share of what all atoms together explain


def link_probabilities(
    design: Design, Y: Doubles, noise: Doubles, meaningful: float = MEANINGFUL, *, device: str = "auto"
) -> Doubles:
    """Probability that each family has a positive, or negative, effect on each response, (2, n_families, m).

    In each restart, a sum of single effects of its atoms (see `encoding.susie`), whitened and freed of the confounds;
    the probability of an effect of more than `meaningful` times the standard deviation that all atoms explain; joined
    over the atoms of a family, sign by sign; averaged over restarts.

    Parameters
    ----------
    Y : array of shape (n_volumes, m), z-scored responses, freed of the confounds
    noise : array of shape (m,), AR(1) coefficients
    """
    n_restarts, n_atoms = design.membership.shape
    moments = [_moments(design, restart, Y, noise) for restart in range(n_restarts)]
    gram, cross, square, degrees = (np.concatenate(values) for values in zip(*moments, strict=True))
    fits = single_effects(gram, cross, square, degrees, device=device)
    b = fits.coefficients.reshape(n_restarts, -1, n_atoms)
    grams = np.einsum("rtk,rtj->rkj", design.restarts, design.restarts) / design.n_volumes
    signal = np.sqrt(np.maximum(np.einsum("rmk,rkj,rmj->rm", b, grams, b), 1e-12))
    inclusion = fits.inclusion(meaningful * signal.ravel()).reshape(b.shape)
    total = np.zeros((2, design.n_families, Y.shape[1]))
    for restart in range(n_restarts):
        members = design.membership[restart][:, None] == np.arange(design.n_families)  # (n_atoms, n_families)
        senses = np.sign(b[restart]) * design.signs[restart]  # (m, n_atoms)
        for side, sense in enumerate((1, -1)):
            missed = np.log1p(-np.minimum(inclusion[restart] * (senses == sense), 1 - 1e-15))
            total[side] += 1 - np.exp(missed @ members).T
    return np.asarray(total / n_restarts)


def _moments(design: Design, restart: int, Y: Doubles, noise: Doubles) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Whitened moments of one restart's atoms with each response, without what the confounds explain.

    (m, n_atoms, n_atoms), (m, n_atoms), (m,), and the degrees of freedom (m,).
    """
    n_confounds = design.confounds.shape[1]
    regressors = np.column_stack([design.confounds, design.restarts[restart]])
    lengths = design.run_lengths
    gram = LagMoments.of(regressors, regressors, lengths).whitened(noise)  # (m, n, n)
    with_y = LagMoments.of(regressors, Y, lengths)
    each = np.arange(Y.shape[1])
    cross = with_y.whitened(noise)[each, :, each]  # (m, n)
    square = LagMoments.squares(Y, lengths).whitened(noise)[each, 0, each]
    nn, nx, xx = (
        gram[:, :n_confounds, :n_confounds],
        gram[:, :n_confounds, n_confounds:],
        gram[:, n_confounds:, n_confounds:],
    )
    solved = np.linalg.solve(nn, np.concatenate([nx, cross[:, :n_confounds, None]], axis=2))
    by_x, by_y = solved[:, :, :-1], solved[:, :, -1]
    freed_gram = xx - nx.transpose(0, 2, 1) @ by_x
    freed_cross = cross[:, n_confounds:] - np.einsum("mnx,mn->mx", nx, by_y)
    freed_square = square - (cross[:, :n_confounds] * by_y).sum(axis=1)
    return freed_gram, freed_cross, freed_square, np.full(Y.shape[1], float(len(Y) - n_confounds))
