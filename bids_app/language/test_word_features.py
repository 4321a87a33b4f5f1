from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from bids_app.language.word_features import (
    FEATURES,
    FrequencyListError,
    count_words,
    log_frequencies,
    plain,
    sentence_starts,
    word_features,
)

Doubles = npt.NDArray[np.float64]


def times(n: int, step: float = 0.4) -> tuple[Doubles, Doubles]:
    onset = step * np.arange(n, dtype=np.float64)
    return onset, onset + 0.3


def test_features_of_words_by_hand() -> None:
    words = ["Once,", "a", "ship's", "crew.", "Then"]
    features = word_features(words, *times(5), np.array([5.0, 7, 3, 4, 6]))
    expected: list[list[float]] = [
        [1, 4, 5, 0, 0],
        [1, 1, 7, 1 / 30, 1 / 30],
        [1, 5, 3, 2 / 30, 2 / 30],
        [1, 4, 4, 3 / 30, 3 / 30],
        [1, 4, 6, 4 / 30, 0],
    ]
    np.testing.assert_allclose(features, expected)
    assert len(FEATURES) == features.shape[1]


def test_positions_stop_growing_after_30_words() -> None:
    words = ["word"] * 80
    story, sentence = word_features([*words, "end."], *times(81), np.zeros(81))[:, 3:].T
    assert story[29] < story[30] == story[79] == 1
    # two marks in 81 words are few: by pauses, at most 30 words a sentence
    assert sentence.max() == 29 / 30
    assert (sentence[[0, 30, 60]] == 0).all()


def test_pauses_end_sentences_only_without_punctuation() -> None:
    onset, offset = times(6)
    onset[3:] += 1
    offset[3:] += 1
    assert np.flatnonzero(sentence_starts(["a"] * 6, onset, offset)).tolist() == [0, 3]
    assert np.flatnonzero(sentence_starts(["a", "b.'", *"cdef"], onset, offset)).tolist() == [0, 2]
    onset[3] = np.nan  # without a time there is no pause
    assert np.flatnonzero(sentence_starts(["a"] * 6, onset, offset)).tolist() == [0]


def test_frequencies_in_the_stories_themselves() -> None:
    counts = count_words([["The", "cat,", "the"], ["THE", "—"]])
    assert counts == Counter({"the": 3, "cat": 1})
    found = log_frequencies(["the", "cat"], "stories", counts)
    np.testing.assert_allclose(found, np.log10([3 / 4 * 1e9, 1 / 4 * 1e9]))
    assert plain("—") == ""


def test_frequencies_of_a_language() -> None:
    wordfreq = pytest.importorskip("wordfreq", reason="the extra `frequency` is not installed")
    found = log_frequencies(["The", "sailor,"], "en", Counter())
    np.testing.assert_allclose(found, [wordfreq.zipf_frequency(word, "en") for word in ("the", "sailor")])
    assert found[0] > found[1] + 2
    with pytest.raises(FrequencyListError, match="100 % of the words"):
        log_frequencies(["qwrtzx", "xzqwpk"], "en", Counter())
    with pytest.raises(ValueError, match="has no list of the language 'xx'"):
        log_frequencies(["the"], "xx", Counter())


def test_a_language_without_the_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "wordfreq", None)
    with pytest.raises(ValueError, match=r"pip install 'neurons2networks\[frequency\]'"):
        log_frequencies(["the"], "en", Counter())
