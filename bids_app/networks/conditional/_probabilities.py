"""How probable it is that a family carries a response, given all others that might."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bids_app.encoding.autoregression import LagMoments
from bids_app.encoding.susie import single_effects
from bids_app.networks.conditional._design import Design
from bids_app.stats.arrays import Doubles

MEANINGFUL = 0.2  # δ: an effect counts from this share of what all atoms together explain
PARTS = ("active", "deactive")


@dataclass(frozen=True)
class Probabilities:
    """Which families carry which responses.

    Attributes
    ----------
    of_link : array of shape (2, n_families, m), active and deactive: probability that the response rises, or falls,
        with the family
    fitted : array of shape (n_volumes, m), what the effects explain, mean over restarts
    """

    of_link: Doubles
    fitted: Doubles


def link_probabilities(
    design: Design, Y: Doubles, noise: Doubles, meaningful: float = MEANINGFUL, *, device: str = "auto"
) -> Probabilities:
    """Probability that each family has a positive, or negative, effect on each response.

    In each restart, a sum of single effects of its atoms (see `encoding.susie`), whitened and freed of the confounds;
    the probability of an effect of more than `meaningful` times the standard deviation that all atoms explain; joined
    over the atoms of a family, sign by sign; averaged over restarts.

    Parameters
    ----------
    Y : array of shape (n_volumes, m), z-scored responses, freed of the confounds
    noise : array of shape (m,), AR(1) coefficients
    """
    n_restarts, n_atoms, n_families = design.members.shape
    moments = [_moments(design, restart, Y, noise) for restart in range(n_restarts)]
    gram, cross, square, degrees = (np.concatenate(values) for values in zip(*moments, strict=True))
    fits = single_effects(gram, cross[:, :, None], square, degrees, device=device)
    b = fits.coefficients.reshape(n_restarts, -1, n_atoms)
    explained = np.einsum("rtk,rmk->rtm", design.restarts, b)  # (n_restarts, n_volumes, m)
    signal = np.maximum(explained.std(axis=1), 1e-6)
    inclusion = fits.inclusion(meaningful * signal.ravel()).reshape(b.shape)
    total = np.zeros((2, n_families, Y.shape[1]))
    senses = np.sign(b)
    for side, sense in enumerate((1, -1)):
        for restart, members in enumerate(design.members):
            missed = np.zeros((Y.shape[1], n_families))  # log of the chance that no member has an effect
            for sign in (1, -1):
                counted = inclusion[restart] * (senses[restart] * sign == sense)
                missed += np.log1p(-np.minimum(counted, 1 - 1e-15)) @ (members == sign)
            total[side] += 1 - np.exp(missed).T
    return Probabilities(total / n_restarts, explained.mean(axis=0))


def _moments(design: Design, restart: int, Y: Doubles, noise: Doubles) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Whitened moments of one restart's atoms with each response, without what the confounds explain.

    (m, n_atoms, n_atoms), (m, n_atoms), (m,), and the degrees of freedom (m,).
    """
    n = design.confounds.shape[1]
    regressors = np.column_stack([design.confounds, design.restarts[restart]])
    lengths, each = design.run_lengths, np.arange(Y.shape[1])
    gram = LagMoments.of(regressors, regressors, lengths).whitened(noise)  # (m, n + n_atoms, n + n_atoms)
    cross = LagMoments.of(regressors, Y, lengths).whitened(noise)[each, :, each]  # (m, n + n_atoms)
    square = LagMoments.squares(Y, lengths).whitened(noise)[each, 0, each]
    across, right = gram[:, :n, n:], np.concatenate([gram[:, :n, n:], cross[:, :n, None]], axis=2)
    solved = np.linalg.solve(gram[:, :n, :n], right)
    freed_gram = gram[:, n:, n:] - across.transpose(0, 2, 1) @ solved[:, :, :-1]
    freed_cross = cross[:, n:] - np.einsum("mnx,mn->mx", across, solved[:, :, -1])
    freed_square = square - (cross[:, :n] * solved[:, :, -1]).sum(axis=1)
    return freed_gram, freed_cross, freed_square, np.full(Y.shape[1], float(len(Y) - n))
