"""Is an effect in at least so many participants, given a test of each?"""

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from bids_app.stats.arrays import Doubles


def partial_conjunction(p: npt.ArrayLike, at_least: int) -> Doubles:
    """p of the null that fewer than `at_least` participants have the effect, (…); NaN where a participant has none.

    If fewer than u of n have it, at least n - u + 1 have not; their p-values are no smaller than the n - u + 1 largest
    allow. Fisher's combination of these is thus a valid test for independent participants (Benjamini and Heller 2008,
    Biometrics 64, 1215–1222). With u = n, it is the largest p.

    Parameters
    ----------
    p : (n_participants, …), one-sided p of each participant

    >>> [round(float(partial_conjunction([0.001, 0.01, 0.5], at_least)), 3) for at_least in (2, 3)]
    [0.031, 0.5]
    """
    p = np.asarray(p, dtype=np.float64)
    if not 1 <= at_least <= len(p):
        raise ValueError(f"at_least={at_least}; it must lie between 1 and the {len(p)} participants.")
    largest = np.sort(p, axis=0)[at_least - 1 :]  # NaN is last
    return np.asarray(chi2.sf(-2 * np.log(largest).sum(axis=0), 2 * len(largest)))
