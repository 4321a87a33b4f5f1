"""Passages shared by two texts at any position: versions of a story, scrambled stories, excerpts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

NOWHERE = -1
# A run of _LONG words is no coincidence; _SHORT words are none if the texts share this part of the shorter one.
_LONG, _SHORT, _VERSIONS_SHARE = 8, 4, 0.1
# Limit of looked-up repetitions, for texts that repeat a word a thousand times.
_MOST_STARTS = 16


class Text:
    """Words whose passages can be looked up, ignoring case and punctuation."""

    def __init__(self, words: Sequence[str]):
        """Keep the words that hold a letter or a digit, and their indices."""
        bare = ["".join(filter(str.isalnum, word.casefold())) for word in words]
        self.n_words = len(bare)
        self.index = np.array([index for index, word in enumerate(bare) if word], dtype=np.int64)
        self.words = [word for word in bare if word]

    @cached_property
    def long(self) -> dict[tuple[str, ...], list[int]]:
        """Starts of each sequence of 8 words."""
        return self._sequences(_LONG)

    @cached_property
    def short(self) -> dict[tuple[str, ...], list[int]]:
        """Start of each sequence of 4 words that occurs once."""
        return {words: starts for words, starts in self._sequences(_SHORT).items() if len(starts) == 1}

    def _sequences(self, length: int) -> dict[tuple[str, ...], list[int]]:
        starts: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for start, words in enumerate(zip(*(self.words[i:] for i in range(length)), strict=False)):
            if len(starts[words]) < _MOST_STARTS:
                starts[words].append(start)
        return dict(starts)


def shared_words(first: Text, second: Text) -> Ints:
    """Index in the first text of each word of the second, (n_words of the second,); `NOWHERE` if not shared.

    >>> a = Text("and so he went up the old stairs and slept".split())
    >>> shared_words(a, Text("He went up the old stairs and slept! The end".split())).tolist()
    [2, 3, 4, 5, 6, 7, 8, 9, -1, -1]
    """
    if first.words == second.words:
        return _of_all_words(first, second, np.arange(len(second.index)))
    repeated = np.full(len(second.index), NOWHERE)
    for i, j, n in _passages(first.long, second.long, _LONG):
        repeated[j : j + n] = np.arange(i, i + n)
    if (repeated != NOWHERE).sum() >= _VERSIONS_SHARE * min(len(first.index), len(second.index)):
        for i, j, n in _passages(first.short, second.short, _SHORT):
            new = repeated[j : j + n] == NOWHERE
            repeated[j : j + n][new] = np.arange(i, i + n)[new]
    return _of_all_words(first, second, repeated)


def _of_all_words(first: Text, second: Text, matches: Ints) -> Ints:
    """From words with letters or digits to all words."""
    repeated = np.full(second.n_words, NOWHERE)
    known = matches != NOWHERE
    repeated[second.index[known]] = first.index[matches[known]]
    return repeated


def _passages(
    first: dict[tuple[str, ...], list[int]], second: dict[tuple[str, ...], list[int]], length: int
) -> list[tuple[int, int, int]]:
    """Start in the first text, start in the second and words of each passage, the longest last."""
    starts = [(i, j) for words in first.keys() & second.keys() for i in first[words] for j in second[words]]
    if not starts:
        return []
    i, j = np.array(sorted(starts, key=lambda pair: (pair[0] - pair[1], pair[1])), dtype=np.int64).T
    borders = np.flatnonzero((np.diff(i - j) != 0) | (np.diff(j) != 1)) + 1
    begin, end = np.concatenate([[0], borders]), np.concatenate([borders, [len(i)]])
    passages = zip(i[begin].tolist(), j[begin].tolist(), (end - begin + length - 1).tolist(), strict=True)
    return sorted(passages, key=lambda passage: (passage[2], passage[1], passage[0]))
