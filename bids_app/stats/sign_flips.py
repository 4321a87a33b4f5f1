"""Family-wise p over many targets, from the largest statistic under flipped signs of the participants."""

from collections.abc import Iterable
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import AnyArray, Doubles, Floats
from bids_app.stats.blocks import Apply, here
from bids_app.stats.device import column_batches, one_thread

Bytes = npt.NDArray[np.uint8]

N_FLIPS = 10_000
_MOST_FLIPS_FOR_ALL = 4096
_TARGETS_AT_ONCE, _FLIPS_AT_ONCE = 1024, 1024
_SIGNS_AT_ONCE = 1 << 20  # 4 MB, whatever the number of participants
_ROUNDING = 1e-5  # statistics closer than this are equal


def family_wise(blocks: Iterable[Floats], *, n_flips: int = N_FLIPS, seed: int = 0, apply: Apply = here) -> Doubles:
    """Two-sided p of each target of a map, corrected over all its targets by the largest |t| (max-T).

    If nothing is there, each participant's map is as likely as the same map with the opposite sign. The one-sample |t|
    of a target is compared with the largest |t| over all targets under flipped signs, which keep the correlation of
    targets (Nichols and Holmes 2002, Human Brain Mapping 15, 1–25; Winkler et al. 2014, NeuroImage 92, 381–397). With
    2ⁿ ≤ 4,096, all flips are made and p is exact, b / 2ⁿ; otherwise `n_flips` are drawn and p = (b + 1)/(n_flips + 1).

    Parameters
    ----------
    blocks : arrays of shape (n_participants, n), of the targets to test
    apply : `map` over the blocks; by default, only one of them at a time is in memory

    Returns
    -------
    p : (n_targets,) of all blocks
    """
    found = list(apply(partial(_flipped, n_flips, seed), blocks))
    if not found:
        return np.zeros(0)
    observed, of_blocks, (is_exact, *_) = zip(*found, strict=True)
    largest = np.sort(np.max(of_blocks, axis=0))
    reached = len(largest) - np.searchsorted(largest, np.concatenate(observed) - _ROUNDING)
    return np.asarray(reached / len(largest) if is_exact else (reached + 1) / (len(largest) + 1))


@one_thread()
def _flipped(n_flips: int, seed: int, block: Floats) -> tuple[Doubles, Floats, bool]:
    """|sum| of each target of a block, the largest under each flip, and whether these are all flips."""
    flips, is_exact = _flips(len(block), n_flips, seed)
    observed, largest = np.empty(block.shape[1]), np.zeros(len(flips), dtype=np.float32)
    for targets in column_batches(block.shape[1], _TARGETS_AT_ONCE):
        values = _unit_length(block[:, targets])
        observed[targets] = np.abs(values.sum(axis=0, dtype=np.float64))
        np.maximum(largest, _largest(flips, values), out=largest)
    return observed, largest, is_exact


@lru_cache(maxsize=1)
def _flips(n_participants: int, n_flips: int, seed: int) -> tuple[Bytes, bool]:
    """Which signs are flipped, bits of (n_flips, n_participants / 8), and whether these are all there are.

    Signs as numbers would take 40 kB for each participant. They are drawn in batches, which gives the numbers of a
    single draw.
    """
    if 2**n_participants <= _MOST_FLIPS_FOR_ALL:  # up to the sign of the whole: both halves of all have the same |t|
        every = (np.arange(2 ** (n_participants - 1))[:, None] >> np.arange(n_participants)) & 1
        return np.packbits(every.astype(bool), axis=1), True
    rng = np.random.default_rng(seed)
    batches = column_batches(n_flips, _at_once(n_participants))
    drawn = (rng.integers(0, 2, (batch.stop - batch.start, n_participants)) for batch in batches)
    return np.concatenate([np.packbits(batch.astype(bool), axis=1) for batch in drawn]), False


def _at_once(n_participants: int) -> int:
    """Flips of which the signs are in memory at once."""
    return min(_FLIPS_AT_ONCE, max(1, _SIGNS_AT_ONCE // n_participants))


def _unit_length(values: AnyArray) -> Floats:
    """Columns of length 1, or 0 where all is 0: |t| then rises with the |sum| of a column, whatever its signs."""
    norm = np.sqrt(np.einsum("pt,pt->t", values, values, dtype=np.float64)).astype(np.float32)
    scaled: Floats = np.divide(values, norm, out=np.zeros(values.shape, dtype=np.float32), where=norm > 0)
    return scaled


def _largest(flips: Bytes, values: Floats) -> Floats:
    """The largest |sum| over targets under each flip, (n_flips,)."""
    largest = np.empty(len(flips), dtype=np.float32)
    for batch in column_batches(len(flips), _at_once(len(values))):
        signs = np.unpackbits(flips[batch], axis=1, count=len(values)).astype(np.float32)
        signs *= -2
        signs += 1
        sums = signs @ values
        largest[batch] = np.abs(sums, out=sums).max(axis=1)
    return largest
