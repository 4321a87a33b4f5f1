"""The distance at which the forecast score peaks, and the agreement of participants on it.

The maximum of many noisy values can lie anywhere, so its mean over participants tends to the middle of the range.
The peak of the mean curve and the split-half test complement it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import AnyArray, Doubles, Floats, Ints

_FEWEST_TO_SPLIT = 4
# Few enough for the sums of their halves to stay in the cache.
_DRAWS_AT_ONCE = 4


@dataclass(frozen=True)
class SplitHalf:
    """Test whether the mean curves of two halves of the participants peak at the same distance.

    Attributes
    ----------
    difference : |peak of one half − peak of the other|, in words, mean over random halves
    null_difference : its mean with the curve of each participant shifted circularly by a random amount
    p : how often such shifts give a difference as small as this, (b + 1) / (n + 1)
    cross_validated : F at the peak of one half minus F(0), both in the other half, mean over random halves, which
        avoids the bias of a maximum. NaN without distance 0
    participants : number of participants with a value at every distance
    """

    difference: float
    null_difference: float
    p: float
    cross_validated: float
    participants: int


def best_distance(gains: npt.ArrayLike, distances: Sequence[int]) -> Floats:
    """First distance with the largest gain, (V,); NaN if no gain is finite or all are equal.

    Parameters
    ----------
    gains : array of shape (n_distances, V), F(d)

    >>> best_distance([[0.1, np.nan], [0.3, np.nan], [0.2, np.nan]], [-1, 0, 8]).tolist()
    [0.0, nan]
    """
    gains = _curves(gains, distances, "gains", 2)
    known = np.where(np.isfinite(gains), gains, -np.inf)
    peak = np.asarray(distances, dtype=np.float32)[known.argmax(axis=0)]
    # an unpredictable target gains 0 everywhere, which is no peak at the first distance
    peaks = known.max(axis=0) > (known.min(axis=0) if len(distances) > 1 else -np.inf)
    return np.where(peaks, peak, np.float32(np.nan))


def group_distance(gains: npt.ArrayLike, distances: Sequence[int]) -> tuple[Floats, Floats]:
    """Distance at which the mean curve of the participants peaks, and the mean of their distances, (V,) each.

    Participants with a value at every distance are included; NaN if there are none.

    Parameters
    ----------
    gains : array of shape (n_participants, n_distances, V)
    """
    gains = _curves(gains, distances, "gains", 3)
    complete = np.asarray(np.isfinite(gains).all(axis=1))  # (n_participants, V)
    total, of_participants = np.zeros(gains.shape[1:]), np.zeros(gains.shape[2])
    for curves, present in zip(gains, complete, strict=True):
        total += np.where(present, curves, 0)
        of_participants += np.where(present, best_distance(curves, distances), 0)
    count = complete.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return best_distance(total / count, distances), (of_participants / count).astype(np.float32)


def split_half(
    curves: npt.ArrayLike, distances: Sequence[int], *, n_splits: int = 1000, n_draws: int = 1000, seed: int = 0
) -> SplitHalf:
    """Compare the peaks of random halves of the participants with those of curves without a common peak.

    The null shifts the curve of every participant circularly over the distances by a random amount and uses the same
    halves: curves keep their height and smoothness and lose their common peak.

    Parameters
    ----------
    curves : array of shape (n_participants, n_distances), F(d) of one region; participants with NaN are left out, and
        fewer than 4 give NaN
    """
    every = _curves(curves, distances, "curves", 2, axis=1)
    if n_splits < 1 or n_draws < 1:
        raise ValueError(f"n_splits={n_splits}, n_draws={n_draws}; at least 1 of each is needed.")
    complete: Doubles = np.asarray(every[np.isfinite(every).all(axis=1)], dtype=np.float64)
    if len(complete) < _FEWEST_TO_SPLIT:
        return SplitHalf(np.nan, np.nan, np.nan, np.nan, len(complete))
    random = np.random.default_rng(seed)
    halves = _random_halves(len(complete), n_splits, random)
    words = np.asarray(distances, dtype=np.float64)
    sums, peaks = _half_peaks(complete[None], halves)
    observed = float(_mean_difference(peaks, words)[0])
    null = _null_differences(complete, halves, words, n_draws, random)
    # equal peaks may differ by rounding of their mean
    reached = int((null <= observed + 1e-9).sum())
    size = len(complete) // 2
    means = sums[:, 0] / np.array([size, len(complete) - size])[:, None, None]
    gain = _cross_validated(means, peaks[:, 0], list(distances))
    return SplitHalf(observed, float(null.mean()), (reached + 1) / (n_draws + 1), gain, len(complete))


def _random_halves(n_participants: int, n_splits: int, random: np.random.Generator) -> Doubles:
    """Ones for the participants of one half, zeros for those of the other, (n_splits, n_participants)."""
    order = random.permuted(np.tile(np.arange(n_participants), (n_splits, 1)), axis=1)
    return (order < n_participants // 2).astype(np.float64)


def _half_peaks(curves: Doubles, halves: Doubles) -> tuple[Doubles, Ints]:
    """Sums of the curves of both halves, (2, n_sets, n_splits, n_distances), and the indices of their peaks.

    Parameters
    ----------
    curves : array of shape (n_sets, n_participants, n_distances)
    """
    sums = np.empty((2, len(curves), len(halves), curves.shape[2]))
    np.matmul(halves, curves, out=sums[0])
    np.subtract(curves.sum(axis=1)[:, None], sums[0], out=sums[1])
    return sums, sums.argmax(axis=-1)


def _mean_difference(peaks: Ints, words: Doubles) -> Doubles:
    """Distance in words between the peaks of two halves, mean over splits: (2, n_sets, n_splits) to (n_sets,)."""
    return np.asarray(np.abs(words[peaks[0]] - words[peaks[1]]).mean(axis=-1))


def _null_differences(
    curves: Doubles, halves: Doubles, words: Doubles, n_draws: int, random: np.random.Generator
) -> Doubles:
    """The mean difference after a separate shift of each curve, (n_draws,)."""
    n_participants, n_distances = curves.shape
    differences = []
    for start in range(0, n_draws, _DRAWS_AT_ONCE):
        shifts = random.integers(n_distances, size=(min(_DRAWS_AT_ONCE, n_draws - start), n_participants, 1))
        indices = (np.arange(n_distances) + shifts) % n_distances
        shifted = curves[np.arange(n_participants)[None, :, None], indices]
        differences.append(_mean_difference(_half_peaks(shifted, halves)[1], words))
    return np.concatenate(differences)


def _cross_validated(means: Doubles, peaks: Ints, distances: list[int]) -> float:
    """Gain over distance 0 in one half at the peak of the other; means (2, n_splits, n_distances)."""
    if 0 not in distances:
        return float("nan")
    present = means[:, :, distances.index(0)]
    elsewhere = np.take_along_axis(means, peaks[::-1, :, None], axis=2)[:, :, 0]
    return float((elsewhere - present).mean())


def _curves(array: npt.ArrayLike, distances: Sequence[int], name: str, n_axes: int, axis: int = -2) -> AnyArray:
    """The array if it has as many axes and, along `axis`, as many values as there are distances; else ValueError."""
    array = np.asarray(array)
    if array.ndim != n_axes or array.shape[axis] != len(distances) or not len(distances):
        raise ValueError(
            f"{name} has shape {array.shape} for {len(distances)} distances; it needs {n_axes} axes and, along axis "
            f"{axis % n_axes}, one value per distance."
        )
    return array
