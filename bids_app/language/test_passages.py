import numpy as np
import numpy.typing as npt
import pytest

from bids_app.language.passages import NOWHERE, Text, shared_words

RNG = np.random.default_rng(0)
VOCABULARY = [f"word{n}" for n in range(400)]


def text(n: int) -> list[str]:
    return [VOCABULARY[i] for i in RNG.integers(len(VOCABULARY), size=n)]


def shared(first: list[str], second: list[str]) -> npt.NDArray[np.int64]:
    return shared_words(Text(first), Text(second))


def test_a_scrambled_version_finds_every_passage() -> None:
    story = [f"word{n}" for n in range(600)]
    order = RNG.permutation(30)
    rows = np.concatenate([np.arange(20 * piece, 20 * piece + 20) for piece in order])
    np.testing.assert_array_equal(shared(story, [story[row] for row in rows]), rows)


def test_sentences_shorter_than_a_passage_count_in_versions_of_one_text() -> None:
    story = text(600)
    rows = np.concatenate([np.arange(300), *(np.arange(start, start + 5) for start in range(595, 300, -5))])
    assert (shared(story, [story[row] for row in rows]) == rows).mean() > 0.99
    # but not where the texts have little else in common
    assert (shared(story, text(200) + story[300:305] + text(200)) == NOWHERE).all()


def test_case_punctuation_and_words_of_signs_alone_do_not_count() -> None:
    story = text(40)
    spoken = [word.upper() + "," for word in story[10:30]]
    spoken.insert(5, "—")
    expected = [*range(10, 15), NOWHERE, *range(15, 30)]
    assert shared(story, spoken).tolist() == expected


def test_a_replaced_word_breaks_a_passage_in_two() -> None:
    story = text(60)
    other = [*story[:30], "synonym", *story[31:]]
    assert np.flatnonzero(shared(story, other) == NOWHERE).tolist() == [30]


@pytest.mark.parametrize(("first", "second"), [([], text(20)), (text(20), []), (["…"], ["…"]), (text(7), text(7))])
def test_nothing_is_shared_by_texts_without_words_or_without_passages(first: list[str], second: list[str]) -> None:
    assert (shared(first, second) == NOWHERE).all()


def test_a_text_of_one_word_is_found_in_itself() -> None:
    assert shared(["la"] * 3000, ["la"] * 3000).tolist() == list(range(3000))


def test_the_longest_passage_wins() -> None:
    refrain = text(9)
    story = [*refrain, *text(50), *refrain, *text(20)]
    assert shared(story, story[50:]).tolist() == list(range(50, 88))
