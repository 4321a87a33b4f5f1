"""Does a time course have higher or lower values on some items than elsewhere?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Doubles, require_matrix
from bids_app.stats.device import one_thread

_NEAREST = 10  # steps; shifts by fewer are too like the course itself


@one_thread()
def enrichment(courses: npt.ArrayLike, items: npt.ArrayLike) -> tuple[Doubles, Doubles]:
    """Mean of each course over each item's positions, and its two-sided p under circular shifts.

    A shift keeps the autocorrelation of the course and the repetitions of the items. All shifts by at least 10
    positions are used; p = (b + 1) / (n + 1), b the number of n shifted means whose distance from 0 reaches that of the
    mean.

    Parameters
    ----------
    courses : array of shape (n_positions, n_courses), each with mean 0
    items : array of shape (n_items, n_positions), whether each position is of the item; each has at least one

    Returns
    -------
    means, p : arrays of shape (n_items, n_courses)

    >>> course, item = np.arange(60.0)[:, None] - 29.5, np.arange(60)[None] >= 55
    >>> mean, p = enrichment(course, item)
    >>> mean.item(), round(p.item(), 3)
    (27.5, 0.024)
    """
    C = np.asarray(require_matrix("courses", courses), dtype=np.float64)
    kinds = np.asarray(items, dtype=np.float64)
    if kinds.ndim != 2 or kinds.shape[1] != len(C) or not kinds.any(axis=1).all():
        raise ValueError(
            f"items has shape {kinds.shape} for {len(C)} positions; each item needs at least one position of these."
        )
    if len(C) <= 2 * _NEAREST:
        raise ValueError(f"{len(C)} positions are too few to shift: more than {2 * _NEAREST} are needed.")
    spectra = np.fft.rfft(kinds, axis=1)
    counts = kinds.sum(axis=1)
    means, p = np.empty((2, len(kinds), C.shape[1]))
    for number, course in enumerate(C.T):
        shifted = np.fft.irfft(spectra.conj() * np.fft.rfft(course)[None], n=len(C), axis=1) / counts[:, None]
        means[:, number] = kinds @ course / counts
        null = np.abs(shifted[:, _NEAREST : len(C) - _NEAREST + 1])
        # rounding errors of the transform must not turn an equal mean into a smaller one
        reached = null >= np.abs(means[:, number, None]) - 1e-9
        p[:, number] = (reached.sum(axis=1) + 1) / (null.shape[1] + 1)
    return means, p
