"""The false discovery rate of targets inside parcels that are tested first."""

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Doubles
from bids_app.stats.fdr import fdr


def hierarchical_fdr(p: npt.ArrayLike, parcel: npt.ArrayLike, p_parcel: npt.ArrayLike) -> Doubles:
    """Adjusted q of each target (n_targets,): q ≤ level is what two steps find at that level.

    First the m parcels are tested by Benjamini and Hochberg's procedure at the level; then the targets of each of the R
    parcels that pass, by the same procedure, at the level times R / m. The expected share of false targets, averaged
    over the parcels that pass, is then at most the level (Benjamini and Bogomolov 2014, Journal of the Royal
    Statistical Society B 76, 297–318), whatever test the parcels have. A single parcel selects nothing: q is then that
    of its targets alone.

    Parameters
    ----------
    p : (n_targets,); NaN stays NaN and is not counted
    parcel : (n_targets,) integers from 0, the parcel of each target
    p_parcel : (n_parcels,), finite

    >>> hierarchical_fdr([0.001, 0.9, 0.001, 0.9], [0, 0, 1, 1], [0.01, 0.8]).round(3).tolist()
    [0.02, 0.9, 0.8, 0.9]
    """
    p, parcel, p_parcel = np.asarray(p, dtype=np.float64), np.asarray(parcel), np.asarray(p_parcel, dtype=np.float64)
    inside = np.full(p.shape, np.nan)
    order = np.argsort(parcel, kind="stable")
    for targets in np.split(order, np.flatnonzero(np.diff(parcel[order])) + 1):
        inside[targets] = fdr(p[targets])
    return inside if p_parcel.size == 1 else _at_least_selected(inside, fdr(p_parcel), parcel)


def _at_least_selected(inside: Doubles, q_parcel: Doubles, parcel: npt.NDArray[np.integer]) -> Doubles:
    """The smallest level at which a target's parcel passes, and `inside` ≤ level R / m, R the parcels that pass then.

    R is a staircase: R_k parcels pass from level a_k on. On each step a target needs the level
    max(a_k, inside m / R_k), of which the first rises with k and the second falls.
    """
    level, counts = np.unique(q_parcel, return_counts=True)
    passing = np.cumsum(counts) / q_parcel.size  # R_k / m
    first = np.searchsorted(level, q_parcel)[parcel]  # the step at which the parcel passes
    cross = np.searchsorted(level * passing, inside)  # the first step with inside m / R_k ≤ a_k; NaN: beyond all
    at = np.maximum(first, cross)
    later = np.append(level, np.inf)[at]
    before = np.where(cross - 1 >= first, inside / passing[np.maximum(cross - 1, 0)], np.inf)
    found = np.minimum(np.minimum(later, before), 1.0)
    return np.asarray(np.where(np.isfinite(inside), found, np.nan))
