"""The false discovery rate of many tests."""

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Doubles


def fdr(p: npt.ArrayLike, axis: int | None = None) -> Doubles:
    """Benjamini and Hochberg's (1995) q, over all values or along an axis; NaN stays NaN and is not counted.

    >>> fdr([0.01, 0.04, float("nan")]).round(3).tolist()
    [0.02, 0.04, nan]
    """
    from scipy.stats import false_discovery_control  # takes a second to import

    p = np.asarray(p, dtype=np.float64)
    if axis is not None:
        return np.apply_along_axis(fdr, axis, p)
    finite = np.isfinite(p)
    q = np.full(p.shape, np.nan)
    if finite.any():
        q[finite] = false_discovery_control(p[finite])
    return q
