"""Tuned constants of the sum of single effects."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SingleEffectsTuning:
    """How the prior variances are searched, and when the iterations stop.

    Attributes
    ----------
    smallest_prior, largest_prior, n_priors : the prior variances tried for each effect, on a logarithmic grid, as
        shares of the response's variance over the mean variance of a regressor; refined by a parabola
    least_noise : lower bound of the residual variance, as a share of the response's variance
    fewest_iterations : minimum number of iterations
    n_sweeps : times that the prior variances of several groups are set in turn
    cpu_batch : problems per batch on the CPU, so that their data stay in the cache of a core
    """

    smallest_prior: float = 1e-4
    largest_prior: float = 4.0
    n_priors: int = 16
    least_noise: float = 1e-6
    fewest_iterations: int = 4
    n_sweeps: int = 2
    cpu_batch: int = 32


TUNING = SingleEffectsTuning()
