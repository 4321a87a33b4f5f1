"""What a sum of single effects says: which regressors have an effect, how probable it is, and how large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Doubles

_NEGLIGIBLE = 1e-6  # an effect with a smaller probability changes no result


@dataclass(frozen=True)
class SingleEffects:
    """A sum of L single effects for each of B regressions of m responses on K regressors.

    Attributes
    ----------
    alpha : array of shape (B, L, K), probability that the effect is that of the regressor; each row sums to 1
    mean : array of shape (B, L, K, m), the coefficients if the effect is that of the regressor
    variance : array of shape (B, L, K, G), the variance of each of them, by group of responses
    prior : array of shape (B, L, G), prior variance of the coefficients, by maximum likelihood; 0 where there is no
        effect
    noise : array of shape (B,), residual variance
    n_iter : array of shape (B,), iterations
    member : array of shape (B, G, m), 1 where a response is of a group; the coefficients of others are 0
    """

    alpha: Doubles
    mean: Doubles
    variance: Doubles
    prior: Doubles
    noise: Doubles
    n_iter: npt.NDArray[np.int64]
    member: Doubles

    @property
    def coefficients(self) -> Doubles:
        """Posterior mean of each regressor's coefficients, (B, K, m)."""
        return np.asarray(np.einsum("blk,blkm->bkm", self.alpha, self.mean))

    def inclusion(self, floor: npt.ArrayLike = 0.0) -> Doubles:
        """Posterior probability that a regressor has an effect longer than `floor` (B,), (B, K).

        1 − Π over effects of (1 − α P(|b| > floor)), b normal; |b| is the length of its m coefficients. With a floor
        of 0 the usual inclusion probability.
        """
        floors = np.broadcast_to(np.asarray(floor, dtype=np.float64), self.noise.shape)[:, None, None]
        longer = np.ones_like(self.alpha)
        present = np.asarray((self.prior > 0).any(axis=2))[:, :, None]
        if (floors > 0).any():
            wanted = np.broadcast_to(np.square(floors), longer.shape)
            unclear = (self.alpha * present > _NEGLIGIBLE) & (wanted > 0)
            counts = np.broadcast_to(self.member.sum(axis=2)[:, None, None], self.variance.shape)[unclear]
            length = np.einsum("blkm,bgm->blkg", np.square(self.mean), self.member)[unclear]
            longer[unclear] = _longer(wanted[unclear], length, np.maximum(self.variance[unclear], 1e-300), counts)
        counted = self.alpha * longer * present
        return np.asarray(1 - np.prod(1 - np.clip(counted, 0, 1), axis=1))


def _longer(wanted: Doubles, length: Doubles, variance: Doubles, counts: Doubles) -> Doubles:
    """P(|b|² > wanted (n,)) for normal coefficients in groups: squared lengths of means, variances, counts (n, G).

    |b|² is a sum of noncentral χ², one per group; of one group exactly, of several by a gamma distribution of the same
    mean and variance.
    """
    from scipy.stats import gamma, ncx2

    if length.shape[1] == 1:
        ratio = np.minimum(length[:, 0] / variance[:, 0], 1e8)
        return np.asarray(ncx2.sf(wanted / variance[:, 0], counts[:, 0], ratio))
    mean = (variance * counts + length).sum(axis=1)
    spread = 2 * (variance**2 * counts + 2 * variance * length).sum(axis=1)
    return np.asarray(gamma.sf(wanted, mean**2 / spread, scale=spread / mean))
