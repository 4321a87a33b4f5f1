"""Family-wise p over many targets, from the largest statistic under flipped signs of the participants."""

from collections.abc import Iterable
from functools import partial

import numpy as np

from bids_app.stats.arrays import AnyArray, Doubles, Floats
from bids_app.stats.blocks import Apply, here
from bids_app.stats.device import column_batches, one_thread

N_FLIPS = 10_000
_MOST_FLIPS_FOR_ALL = 4096
_TARGETS_AT_ONCE, _FLIPS_AT_ONCE = 4096, 1024
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
    signs, is_exact = _signs(len(block), n_flips, seed)
    values = _unit_length(block)
    return np.abs(values.sum(axis=0, dtype=np.float64)), _largest(signs, values), is_exact


def _signs(n_participants: int, n_flips: int, seed: int) -> tuple[Floats, bool]:
    """Signs (n_flips, n_participants), and whether these are all there are, up to the sign of the whole."""
    if 2**n_participants <= _MOST_FLIPS_FOR_ALL:  # both halves of all flips have the same |t|
        flips = (np.arange(2 ** (n_participants - 1))[:, None] >> np.arange(n_participants)) & 1
        return (1 - 2 * flips).astype(np.float32), True
    flips = np.random.default_rng(seed).integers(0, 2, (n_flips, n_participants))
    return (1 - 2 * flips).astype(np.float32), False


def _unit_length(values: AnyArray) -> Floats:
    """Columns of length 1, or 0 where all is 0: |t| then rises with the |sum| of a column, whatever its signs."""
    norm = np.sqrt(np.einsum("pt,pt->t", values, values, dtype=np.float64)).astype(np.float32)
    scaled: Floats = np.divide(values, norm, out=np.zeros(values.shape, dtype=np.float32), where=norm > 0)
    return scaled


def _largest(signs: Floats, values: Floats) -> Floats:
    """The largest |sum| over targets under each flip, (n_flips,)."""
    largest = np.zeros(len(signs), dtype=np.float32)
    for flips in column_batches(len(signs), _FLIPS_AT_ONCE):
        for targets in column_batches(values.shape[1], _TARGETS_AT_ONCE):
            np.maximum(largest[flips], np.abs(signs[flips] @ values[:, targets]).max(axis=1), out=largest[flips])
    return largest
