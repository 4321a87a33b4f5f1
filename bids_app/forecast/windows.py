"""Windows of words ahead of, or behind, each word (Caucheteux et al. 2023).

The window at distance d of word n holds the words n + d − width + 1 … n + d. Volumes sum their words, and sums of
concatenated vectors are concatenated sums: the features of a window are the sums of `shift_words` at each of
`offsets_of`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import AnyArray, Ints, require_matrix

# Rows of words that may share a window, such as one story; words outside of segments have empty windows.
Segments = Sequence[slice | range]


def offsets_of(distance: int, width: int) -> range:
    """Offsets of the words of the window at `distance`, in words after the present one.

    >>> list(offsets_of(8, 7)), list(offsets_of(-1, 2))
    ([2, 3, 4, 5, 6, 7, 8], [-2, -1])
    """
    return range(distance - width + 1, distance + 1)


def shift_words(values: npt.ArrayLike, offset: int, segments: Segments, wrap: bool = False) -> AnyArray:
    """Row n holds the vector of word n + offset of the same segment: (n_words, n_units), as `values`.

    Vectors from beyond the ends of the segment are zero or, with `wrap`, come from its other end.

    >>> shift_words([[1], [2], [3], [4], [5]], 1, [slice(0, 2), slice(2, 5)]).ravel().tolist()
    [2, 0, 4, 5, 0]
    """
    values = require_matrix("values", values)
    result = np.zeros(values.shape, dtype=values.dtype)
    for start, stop in _borders(segments, len(values)):
        words = values[start:stop]
        if wrap:
            result[start:stop] = np.roll(words, -offset, axis=0)
        elif 0 <= offset < len(words):
            result[start : stop - offset] = words[offset:]
        elif 0 < -offset < len(words):
            result[start - offset : stop] = words[:offset]
    return result


def random_rows(segments: Segments, seed: int, n_words: int) -> Ints:
    """The rows of words in random order within each segment, (n_words,); others stay in place.

    `shift_words(values[rows], …)` at the offsets of a window makes windows of random words that overlap like real
    windows: consecutive windows share all but one of their words.
    """
    rows = np.arange(n_words, dtype=np.int64)
    random = np.random.default_rng(seed)
    for start, stop in _borders(segments, n_words):
        rows[start:stop] = random.permutation(rows[start:stop])
    return rows


def check_distances(distances: Sequence[int], width: int, segment_lengths: Sequence[int]) -> None:
    """Raise ValueError if no window can be filled: `segment_lengths` are the words of each story (or other segment).

    A single short story is no error: words of a window beyond its ends are zero.
    """
    longest = max(segment_lengths, default=0)
    if width < 1:
        raise ValueError(f"window={width}; a window holds at least 1 word.")
    if not len(distances) or len(set(distances)) != len(distances):
        raise ValueError(f"distances={list(distances)}; at least one is needed, and each only once.")
    if longest < width:
        raise ValueError(
            f"The longest story has {longest} words and window={width}; a story must be at least as long as a window: "
            "use a narrower window, or leave such stories out."
        )
    beyond = [distance for distance in distances if abs(distance) >= longest]
    if beyond:
        raise ValueError(
            f"distances={beyond}, but the longest story has {longest} words; a distance must stay within "
            f"{1 - longest} … {longest - 1}: leave these out, or use longer stories."
        )


def _borders(segments: Segments, n_words: int) -> list[tuple[int, int]]:
    """First and past-the-end row of each segment; ValueError unless they lie within the words and do not overlap."""
    borders = sorted((int(segment.start or 0), _stop(segment, n_words)) for segment in segments)
    ends = [0, *(stop for _, stop in borders)]
    for (start, stop), earlier in zip(borders, ends, strict=False):
        if not earlier <= start <= stop <= n_words:
            raise ValueError(
                f"A segment holds the words {start} to {stop - 1} of {n_words}; segments must lie within the words "
                "and must not overlap."
            )
    if any(segment.step not in (None, 1) for segment in segments):
        raise ValueError("A segment has a step; segments must consist of consecutive words.")
    return borders


def _stop(segment: slice | range, n_words: int) -> int:
    return n_words if segment.stop is None else int(segment.stop)
