from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bids_app.encoding.design.haemodynamics import word_sums
from bids_app.forecast.windows import check_distances, offsets_of, random_rows, shift_words

SEGMENTS: list[slice | range] = [slice(0, 11), range(11, 30), slice(33, 40)]  # words 30 to 32 belong to no story


def by_definition(values: npt.NDArray[np.float32], offset: int, wrap: bool) -> npt.NDArray[np.float32]:
    """One word after the other."""
    result = np.zeros_like(values)
    for segment in SEGMENTS:
        words = list(range(segment.start, segment.stop))
        for index, word in enumerate(words):
            source = index + offset
            if wrap:
                result[word] = values[words[source % len(words)]]
            elif 0 <= source < len(words):
                result[word] = values[words[source]]
    return result


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("offset", [-25, -16, -7, -6, -1, 0, 1, 6, 7, 10, 11, 30])
def test_words_are_shifted_inside_their_story(offset: int, wrap: bool) -> None:
    values = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    shifted = shift_words(values, offset, SEGMENTS, wrap)
    assert shifted.dtype == np.float32
    np.testing.assert_array_equal(shifted, by_definition(values, offset, wrap))


@pytest.mark.parametrize("distance", [-10, -1, 0, 8, 30])
def test_sums_of_shifted_words_are_the_sums_of_joined_windows(distance: int) -> None:
    rng = np.random.default_rng(0)
    values, onset = rng.standard_normal((60, 4)).astype(np.float32), np.sort(rng.uniform(0, 30, 60))
    joined = np.zeros((60, 7 * 4), dtype=np.float32)
    for word in range(60):
        for index, other in enumerate(range(word + distance - 6, word + distance + 1)):
            if 0 <= other < 60:
                joined[word, 4 * index : 4 * index + 4] = values[other]
    volumes = np.arange(20)
    shifted = [shift_words(values, offset, [slice(0, 60)]) for offset in offsets_of(distance, 7)]
    sums = np.concatenate([word_sums(vectors, onset, 1.5, volumes) for vectors in shifted], axis=1)
    np.testing.assert_allclose(sums, word_sums(joined, onset, 1.5, volumes), atol=1e-6)


def test_random_rows_stay_in_their_story_and_follow_the_seed() -> None:
    rows = random_rows(SEGMENTS, 0, 40)
    for segment in SEGMENTS:
        np.testing.assert_array_equal(
            np.sort(rows[segment.start : segment.stop]), np.arange(40)[segment.start : segment.stop]
        )
    np.testing.assert_array_equal(rows[30:33], [30, 31, 32])
    assert (rows != np.arange(40)).sum() > 25
    np.testing.assert_array_equal(random_rows(SEGMENTS, 0, 40), rows)
    assert (random_rows(SEGMENTS, 1, 40) != rows).any()


def test_a_memory_map_is_read_not_written(tmp_path: Path) -> None:
    np.save(tmp_path / "values.npy", np.ones((5, 2), dtype=np.float32))
    shifted = shift_words(np.load(tmp_path / "values.npy", mmap_mode="r"), 1, [slice(None)])
    assert type(shifted) is np.ndarray
    np.testing.assert_array_equal(shifted[:, 0], [1, 1, 1, 1, 0])


@pytest.mark.parametrize(
    ("distances", "width", "lengths", "message"),
    [
        ([0, 8], 7, [4, 6], "longest story has 6 words and window=7"),
        ([-20, 0, 8, 20], 7, [5, 20], r"distances=\[-20, 20\], but the longest story has 20 words"),
        ([0], 0, [20], "window=0"),
        ([], 7, [20], r"distances=\[\]"),
        ([3, 3], 7, [20], "only once"),
        ([0], 7, [], "longest story has 0 words"),
    ],
)
def test_distances_that_no_story_can_hold(distances: list[int], width: int, lengths: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_distances(distances, width, lengths)


def test_distances_that_stories_hold() -> None:
    check_distances(range(-10, 31), 7, [3, 31])


@pytest.mark.parametrize("segments", [[slice(0, 41)], [slice(0, 10), slice(9, 20)], [range(5, 3)], [range(0, 10, 2)]])
def test_segments_must_be_apart(segments: list[range | slice]) -> None:
    with pytest.raises(ValueError, match="egment"):
        shift_words(np.ones((40, 1)), 1, segments)
