"""From values per word to values per fMRI volume."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bids_app.stats.arrays import Doubles, Floats, Ints, require_matrix
from bids_app.stats.standardise import zscore

_HRF_SECONDS = 32.0
_HRF_FINE_STEP = 0.01
# Times have 2 or 3 decimals: 2.1 s / 0.7 s must be volume 3, not 2.9999999999999996.
_TIME_ROUNDING = 1e-6


def pool_words(
    values: npt.ArrayLike,
    times: npt.ArrayLike,
    repetition_time: float,
    n_volumes: int,
    how: Literal["mean", "sum"],
    *,
    first_volume: int = 0,
) -> Floats:
    """Gather the words of each volume.

    Parameters
    ----------
    values : array of shape (n_words, n_units)
    times : array of shape (n_words,), seconds from the start of the scan; words without a time (NaN) are left out
    repetition_time : seconds per volume
    n_volumes, first_volume : the grid is the volumes first_volume, ..., first_volume + n_volumes - 1
    how : "mean" or "sum" over the words with floor(time / repetition_time) equal to the volume

    Returns
    -------
    array of shape (n_volumes, n_units), float32; volumes without a word are zero, words outside the grid are dropped

    >>> pool_words([[1.0], [3.0], [5.0]], [0.1, 1.9, 2.0], 2.0, 3, "mean").ravel().tolist()
    [2.0, 5.0, 0.0]
    """
    if how not in ("mean", "sum"):
        raise ValueError(f"Unknown how={how!r}; words are pooled by 'mean' or 'sum'.")
    times = np.asarray(times, dtype=np.float64)
    values = require_matrix("values", values)
    if times.shape != (values.shape[0],):
        raise ValueError(f"times has shape {times.shape} for {values.shape[0]} words; one time per word is needed.")
    _check_repetition_time(repetition_time)
    volume = np.floor(times / repetition_time + _TIME_ROUNDING) - first_volume
    word = np.flatnonzero((volume >= 0) & (volume < n_volumes))  # NaN compares false
    row = volume[word].astype(np.int64)
    weight = np.ones(word.size, dtype=np.float32)
    if how == "mean":
        weight /= np.bincount(row, minlength=n_volumes)[row].astype(np.float32)
    pooling = sparse.csr_array((weight, (row, word)), shape=(n_volumes, values.shape[0]))
    return np.asarray(pooling @ np.asarray(values, dtype=np.float32), dtype=np.float32)


def haemodynamic_kernel(repetition_time: float) -> Doubles:
    """Glover's (1999) response of nilearn at 0, 1, 2, ... volumes (32 s long), with sum 1.

    With `oversampling=1`, nilearn's grid is stretched (its last sample lies at 32 s whatever the repetition time), so
    the response is sampled from a fine grid.
    """
    from nilearn.glm.first_level import glover_hrf  # takes more than a second to import

    _check_repetition_time(repetition_time)
    fine = np.asarray(glover_hrf(_HRF_FINE_STEP, oversampling=1, time_length=_HRF_SECONDS))
    kernel = np.interp(
        np.arange(0, _HRF_SECONDS, repetition_time), np.linspace(0, _HRF_SECONDS, fine.size), fine.astype(np.float64)
    )
    return np.asarray(kernel / kernel.sum())


def convolve(series: npt.ArrayLike, repetition_time: float) -> Floats:
    """Causal convolution of each column with the response, (n_volumes, n_units), without wrapping."""
    series = np.asarray(require_matrix("series", series), dtype=np.float32)
    kernel = haemodynamic_kernel(repetition_time)[: series.shape[0]].astype(np.float32)
    n_volumes = series.shape[0]
    band = sparse.diags_array(kernel, offsets=-np.arange(kernel.size), shape=(n_volumes, n_volumes), format="csr")
    return np.asarray(band @ series, dtype=np.float32)


def neuron_responses(
    values: npt.ArrayLike,
    onset: npt.ArrayLike,
    duration: npt.ArrayLike,
    repetition_time: float,
    volumes: npt.ArrayLike,
) -> Floats:
    """Temporal responses of artificial neurons (Sun et al. 2024), on the kept volumes of one run.

    A word belongs to the volume of its midpoint; the mean per volume is convolved with the haemodynamic response and
    z-scored over the kept volumes. Words up to 32 s before the first kept volume count, even before volume 0.

    Parameters
    ----------
    values : array of shape (n_words, n_units)
    onset, duration : arrays of shape (n_words,), seconds from the start of the scan; words with NaN are left out
    repetition_time : seconds per volume
    volumes : array of shape (n_kept,), indices of the kept volumes, from 0 at the start of the scan

    Returns
    -------
    array of shape (n_kept, n_units), float32
    """
    return zscore(pooled_responses(values, onset, duration, repetition_time, volumes))


def pooled_responses(
    values: npt.ArrayLike,
    onset: npt.ArrayLike,
    duration: npt.ArrayLike,
    repetition_time: float,
    volumes: npt.ArrayLike,
) -> Floats:
    """`neuron_responses` before they are z-scored: linear in `values`."""
    kept = _kept_volumes(volumes)
    midpoint = np.asarray(onset, dtype=np.float64) + np.asarray(duration, dtype=np.float64) / 2
    _check_repetition_time(repetition_time)
    first = int(kept.min()) - int(np.ceil(_HRF_SECONDS / repetition_time))
    grid = pool_words(values, midpoint, repetition_time, int(kept.max()) - first + 1, "mean", first_volume=first)
    return convolve(grid, repetition_time)[kept - first]


def word_sums(
    values: npt.ArrayLike, onset: npt.ArrayLike, repetition_time: float, volumes: npt.ArrayLike, *, later: int = 0
) -> Floats:
    """Sum of the words of each kept volume, (n_kept, n_units) (Caucheteux et al. 2023).

    A word belongs to volume floor(onset / repetition_time) + `later`; `later` is 1 in the code released with the paper.
    """
    kept = _kept_volumes(volumes) - later
    first = int(kept.min())
    return pool_words(values, onset, repetition_time, int(kept.max()) - first + 1, "sum", first_volume=first)[
        kept - first
    ]


def _kept_volumes(volumes: npt.ArrayLike) -> Ints:
    kept = np.asarray(volumes)
    if kept.ndim != 1 or kept.size == 0 or not np.issubdtype(kept.dtype, np.integer):
        raise ValueError(f"volumes has shape {kept.shape} and type {kept.dtype}; it must be a list of volume numbers.")
    return kept.astype(np.int64)


def _check_repetition_time(repetition_time: float) -> None:
    if not repetition_time > 0:
        raise ValueError(f"repetition_time={repetition_time}; it must be a positive number of seconds.")
