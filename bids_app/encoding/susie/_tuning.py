"""What was tuned for the sum of single effects."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SingleEffectsTuning:
    """How the prior variances are searched, and when the iterations stop.

    Attributes
    ----------
    smallest_prior, largest_prior, n_priors : the prior variances tried for each effect, on a logarithmic grid, as
        shares of the response's variance over the mean variance of a regressor; refined by a parabola
    first_prior : where every effect starts
    least_noise : the residual variance stays above this share of the response's variance
    fewest_iterations : no problem stops before
    cpu_batch : problems that a core works on at a time: what they need stays in its cache
    """

    smallest_prior: float = 1e-4
    largest_prior: float = 4.0
    n_priors: int = 16
    first_prior: float = 0.2
    least_noise: float = 1e-6
    fewest_iterations: int = 4
    cpu_batch: int = 32


TUNING = SingleEffectsTuning()
