"""Finite impulse response: a design with delayed copies."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import AnyArray, require_matrix


def delay(X: npt.ArrayLike, delays: Sequence[int], run_lengths: Sequence[int], wrap: bool = False) -> AnyArray:
    """Copies of X, each `delays[i]` volumes later, side by side: (n, n_features * len(delays)).

    Delays do not cross runs: values from before the start of a run (or, for a negative delay, after its end) are zero;
    with `wrap`, they come from its other end. The columns are ordered by delay, then by feature.

    >>> delay([[1], [2], [3], [4]], [0, 1], [2, 2]).tolist()
    [[1, 0], [2, 1], [3, 0], [4, 3]]
    >>> delay([[1], [2], [3], [4]], [1], [4], wrap=True).ravel().tolist()
    [4, 1, 2, 3]
    """
    X = require_matrix("X", X)
    if not delays:
        raise ValueError("delays is empty; at least one delay is needed, such as [0].")
    if sum(run_lengths) != X.shape[0] or min(run_lengths) <= 0:
        raise ValueError(
            f"run_lengths={list(run_lengths)} for {X.shape[0]} rows; they must be positive and add up to the rows."
        )
    result = np.zeros((X.shape[0], len(delays), X.shape[1]), dtype=X.dtype)
    start = 0
    for length in run_lengths:
        run = slice(start, start + length)
        for column, shift in enumerate(delays):
            if wrap:
                result[run, column] = np.roll(X[run], int(shift), axis=0)
            else:
                _copy_later(X[run], result[run, column], int(shift))
        start += length
    return result.reshape(X.shape[0], -1)


def _copy_later(source: AnyArray, target: AnyArray, shift: int) -> None:
    if abs(shift) >= len(source):
        return
    if shift >= 0:
        target[shift:] = source[: len(source) - shift]
    else:
        target[:shift] = source[-shift:]
