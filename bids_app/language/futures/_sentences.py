"""The sentences of a story: the parser's where the alignment has punctuation, else stretches between pauses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

PAUSE = 0.5  # seconds of silence that end a sentence
LONGEST = 30  # words of a sentence without punctuation
_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\u061f\u0964][\"'\u201d\u2019\u00bb)\]]*$")
_PUNCTUATED = 0.01  # share of words that end a sentence from which a text counts as punctuated


def is_punctuated(text: Sequence[str]) -> bool:
    """Whether an alignment kept the punctuation of the text."""
    return sum(_END.search(word) is not None for word in text) > _PUNCTUATED * len(text)


def sentence_slices(onset: npt.ArrayLike, duration: npt.ArrayLike) -> list[slice]:
    """Stretches of words between pauses of more than 0.5 s, at most 30 words each, that cover all words.

    A longer stretch is cut into the fewest parts of nearly equal length. A word without a time is in the stretch of the
    word before it: the length of the pause beside it is unknown.

    Parameters
    ----------
    onset, duration : arrays of shape (n_words,), seconds; NaN for words that were not aligned

    >>> sentence_slices([0.0, 0.4, 2.0, 2.5], [0.4, 0.5, 0.5, 0.3])
    [slice(0, 2, None), slice(2, 4, None)]
    """
    onset, end = np.asarray(onset, dtype=np.float64), np.asarray(onset) + np.asarray(duration)
    pauses = np.flatnonzero(onset[1:] - end[:-1] > PAUSE) + 1  # NaN compares false
    borders = [0, *pauses.tolist(), len(onset)]
    return [part for start, stop in pairwise(borders) for part in _parts(start, stop)]


def _parts(start: int, stop: int) -> list[slice]:
    n_parts = -(-(stop - start) // LONGEST)
    edges = np.linspace(start, stop, n_parts + 1).round().astype(int).tolist() if n_parts else []
    return [slice(first, last) for first, last in pairwise(edges)]
