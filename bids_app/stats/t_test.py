"""The one-sample t-test of many maps over participants."""

import warnings

import numpy as np
import numpy.typing as npt
from scipy.stats import ttest_1samp

from bids_app.stats.arrays import Floats


def one_sample(maps: Floats, where: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """One-sample t and its two-sided p; arrays as in `signed_rank`. 0 and 1 if all participants have equal values."""
    t, p = (np.full(maps.shape[1:], np.nan, dtype=np.float32) for _ in range(2))
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings(action="ignore"):
        test = ttest_1samp(maps[:, :, where], 0, axis=0)  # without NaN, for which scipy would loop over targets
    same = np.ptp(maps[:, :, where], axis=0) == 0
    t[:, where], p[:, where] = np.where(same, 0, test.statistic), np.where(same, 1, test.pvalue)
    return t, p
