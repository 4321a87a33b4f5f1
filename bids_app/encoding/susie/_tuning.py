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
    most_moves, least_gain : the search for the first set ends after so many moves, or where no move raises the log
        posterior by so much
    fewest_iterations, most_iterations : bounds of the number of iterations
    tolerance : iterations end when the residual variance changes by less than this share
    n_sweeps : times that the prior variances of several groups are set in turn
    cpu_batch : problems per batch on the CPU, so that their data stay in the cache of a core
    """

    smallest_prior: float = 1e-4
    largest_prior: float = 4.0
    n_priors: int = 16
    least_noise: float = 1e-6
    most_moves: int = 100
    least_gain: float = 1e-6
    fewest_iterations: int = 4
    most_iterations: int = 100
    tolerance: float = 1e-3
    n_sweeps: int = 2
    cpu_batch: int = 32


TUNING = SingleEffectsTuning()
