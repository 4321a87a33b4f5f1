"""Passages of a story where a time course of its words is highest or lowest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

AROUND = 8  # words on either side of the peak
_FIRES = 2.0  # standard deviations; words beyond are marked


@dataclass(frozen=True)
class Excerpt:
    """A passage: the index of its peak, the value there, and its text with the words that fire in asterisks."""

    word: int
    value: float
    text: str


def excerpts(words: Sequence[str], course: npt.NDArray[np.floating], most: int, sign: int = 1) -> list[Excerpt]:
    """The passages around the highest values (sign 1) or the lowest (-1), the most extreme first; none overlap.

    `course` (n_words,) has standard deviation 1.

    >>> [one.text for one in excerpts("the sun sank and all was red".split(), np.array([0, 3, 2.5, 0, 0, 0, 0]), 1)]
    ['the *sun* *sank* and all was red']
    """
    values = sign * np.asarray(course, dtype=np.float64)
    taken = np.zeros(len(words), dtype=bool)
    found: list[Excerpt] = []
    for peak in np.argsort(-values, kind="stable"):
        if len(found) == most:
            break
        first, last = max(0, int(peak) - AROUND), min(len(words), int(peak) + AROUND + 1)
        if taken[first:last].any():
            continue
        taken[first:last] = True
        text = " ".join(_marked(words[i], values[i] >= _FIRES or i == peak) for i in range(first, last))
        found.append(Excerpt(int(peak), float(course[peak]), text))
    return found


def _marked(word: str, fires: bool) -> str:
    return f"*{word}*" if fires else word
