"""Sums of what several batches contribute to the activations of a word, in an array that may be float16."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.language.tokens import IntArray, Tokens
from bids_app.language.windows import Window

Floats = npt.NDArray[np.float32]


def last_batches(tokens: Tokens, batches: Sequence[Sequence[Window]]) -> IntArray:
    """The number of the last batch from which each word takes a token, (n_words,); 0 for a word without one."""
    last = np.zeros(tokens.n_words, dtype=np.int64)
    for number, batch in enumerate(batches):
        for window in batch:
            last[tokens.word[window.first : window.stop_taking]] = number
    return last


class RowSums:
    """An array (n_words, n_units), initially zero, to which batches add rows.

    In float16, each row is rounded once: rows of words that a later batch continues wait as float32.
    """

    def __init__(self, array: npt.NDArray[Any], last: IntArray) -> None:
        """`last` is the last batch of each word, see `last_batches`."""
        self._array, self._last = array, last
        self._waiting: dict[int, Floats] = {}

    def add(self, words: IntArray, rows: Floats, batch: int) -> None:
        """Add the rows (n, n_units) of different words (n,), the contribution of a batch."""
        if self._array.dtype == rows.dtype:
            self._array[_span(words)] += rows
            return
        for place, word in enumerate(words.tolist()):
            if word in self._waiting:
                rows[place] += self._waiting.pop(word)
        ends = self._last[words] == batch
        self._waiting |= dict(zip(words[~ends].tolist(), rows[~ends], strict=True))
        self._array[words[ends]] = rows[ends]


def _span(words: IntArray) -> slice | IntArray:
    """Words in a row as a slice, which is read and written in half the time."""
    if len(words) and words[-1] - words[0] + 1 == len(words):
        return slice(int(words[0]), int(words[-1]) + 1)
    return words
