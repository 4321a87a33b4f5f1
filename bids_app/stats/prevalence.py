"""Bayesian prevalence: in which share of the population is an effect, given tests within each participant?"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.stats import beta

from bids_app.stats.arrays import Floats

LEVEL = 0.05  # of the test within a participant
MASS = 0.96  # of the interval


def prevalence(n_significant: npt.ArrayLike, n_participants: int) -> tuple[Floats, Floats, Floats]:
    """Most probable prevalence and the ends of its 96 % highest-density interval, each in the shape of the counts.

    A test within a participant at the level a is significant in the share θ = a + (1 - a) γ of a population in which
    the share γ has the effect, if it always finds the effect; γ is thus the lowest prevalence that explains the counts.
    With a uniform prior on γ, the posterior of θ is a beta distribution with k + 1 and n - k + 1, cut to θ ≥ a (Ince,
    Paton, Kay and Schyns 2021, eLife 10, e62461). It says something of few participants, where a test of their mean
    cannot be significant.

    Parameters
    ----------
    n_significant : k, number of participants with p < 0.05; NaN stays NaN
    n_participants : n
    """
    counts = np.asarray(n_significant, dtype=np.float64)
    found = np.full((3, *counts.shape), np.nan, dtype=np.float32)
    for count in np.unique(counts[np.isfinite(counts)]):
        if not 0 <= count <= n_participants or count != round(count):
            raise ValueError(f"n_significant={count:g}; it must be a whole number from 0 to {n_participants}.")
        found[:, counts == count] = np.array(_posterior(int(count), n_participants))[:, None]
    return found[0], found[1], found[2]


@lru_cache
def _posterior(k: int, n: int) -> tuple[float, float, float]:
    """Mode and interval of the prevalence."""
    posterior = beta(k + 1, n - k + 1)
    below = float(posterior.cdf(LEVEL))

    def quantile(mass: float) -> float:
        return float(posterior.ppf(below + (1 - below) * min(max(mass, 0.0), 1.0)))

    def width(start: float) -> float:
        return quantile(start + MASS) - quantile(start)

    inside = minimize_scalar(width, bounds=(0, 1 - MASS), method="bounded", options={"xatol": 1e-12}).x
    start = min((0.0, float(inside), 1 - MASS), key=width)  # the density may fall, or rise, all the way
    low, high = (np.clip((theta - LEVEL) / (1 - LEVEL), 0, 1) for theta in (quantile(start), quantile(start + MASS)))
    return float(np.clip((k / n - LEVEL) / (1 - LEVEL), 0, 1)), float(low), float(high)
