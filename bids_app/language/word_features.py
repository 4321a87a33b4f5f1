"""Low-level features of each word of a story: length, frequency, position. They need no language model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEATURES = ("wordrate", "length", "frequency", "storyposition", "sentenceposition")
RAMP = 30  # words after which positions no longer grow
STORIES = "stories"  # frequencies are counted in the stories themselves
_PAUSE = 0.5  # s; ends a sentence where the text has no punctuation
_LONGEST_SENTENCE = 30  # words, likewise
_ENDS, _CLOSING = (".", "!", "?", "…"), "\"'”’»)]"
_MOST_WORDS_PER_MARK = 60  # with fewer marks than that, the text counts as unpunctuated
_PER_BILLION = 9.0  # log10
_MOST_UNKNOWN = 0.2


class FrequencyListError(ValueError):
    """There is no frequency list of the language, or most words of the stories are not in it."""


def word_features(words: Sequence[str], onset: Doubles, offset: Doubles, frequency: Doubles) -> Doubles:
    """Values of `FEATURES` for each word, (n_words, 5); the word rate is 1 for each.

    Parameters
    ----------
    words : text of the whole story, in order
    onset, offset : (n_words,) seconds, NaN for words without a time
    frequency : (n_words,) log10 of the frequency per billion words, see `log_frequencies`
    """
    starts = sentence_starts(words, onset, offset)
    number = np.arange(len(words))
    in_sentence = number - np.maximum.accumulate(np.where(starts, number, 0))
    length = [sum(map(str.isalnum, word)) for word in words]
    columns = [np.ones(len(words)), length, frequency, _ramp(number), _ramp(in_sentence)]
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])


def _ramp(position: Ints) -> Doubles:
    """From 0 to 1 over the first 30 words, then 1."""
    return np.asarray(np.minimum(position, RAMP) / RAMP, dtype=np.float64)


def sentence_starts(words: Sequence[str], onset: Doubles, offset: Doubles) -> npt.NDArray[np.bool_]:
    """Which words start a sentence (n_words,): after . ! ? or …, or else after a pause of 0.5 s or 30 words.

    >>> late = np.array([0.0, 0.3, 0.6, 2.0])
    >>> sentence_starts(["He", "slept.", "She", "ran."], late, late + 0.2).tolist()
    [True, False, True, False]
    >>> sentence_starts(["he", "slept", "she", "ran"], late, late + 0.2).tolist()
    [True, False, False, True]
    """
    ends = np.array([word.rstrip(_CLOSING).endswith(_ENDS) for word in words], dtype=bool)
    starts = np.ones(len(words), dtype=bool)
    if ends.sum() * _MOST_WORDS_PER_MARK >= len(words):
        starts[1:] = ends[:-1]
        return starts
    with np.errstate(invalid="ignore"):  # words without a time follow no pause
        starts[1:] = onset[1:] - offset[:-1] > _PAUSE
    since = 0
    for number in range(1, len(words)):
        since = 0 if starts[number] else since + 1
        if since == _LONGEST_SENTENCE:
            starts[number], since = True, 0
    return starts


def has_punctuation(words: Sequence[str]) -> bool:
    """Whether sentences are told by punctuation rather than by pauses."""
    return sum(word.rstrip(_CLOSING).endswith(_ENDS) for word in words) * _MOST_WORDS_PER_MARK >= len(words)


def plain(word: str) -> str:
    """A word as it is counted: lower case, without punctuation around it.

    >>> plain("“Don't,")
    "don't"
    """
    letters = [place for place, letter in enumerate(word) if letter.isalnum()]
    return word[letters[0] : letters[-1] + 1].casefold() if letters else ""


def count_words(texts: Iterable[Sequence[str]]) -> Counter[str]:
    """How often each word occurs in all texts."""
    counts = Counter(plain(word) for text in texts for word in text)
    del counts[""]
    return counts


def log_frequencies(words: Sequence[str], source: str, counts: Counter[str]) -> Doubles:
    """Log10 of the frequency of each word per billion words, (n_words,) (the Zipf scale of van Heuven et al. 2014).

    Parameters
    ----------
    source : `stories` for the relative frequency in `counts`, or a language code for the list of the package wordfreq;
        there, an unknown word counts as one of a billion (0)
    counts : words of all stories, see `count_words`

    Raises ValueError if wordfreq is not installed, and FrequencyListError if it lacks the language or more than a fifth
    of the words.
    """
    if source == STORIES:
        total = np.log10(max(1, counts.total()))
        return np.array([np.log10(max(1, counts[plain(word)])) - total + _PER_BILLION for word in words])
    zipf_frequency = _wordfreq(source)
    known = {word: zipf_frequency(word, source) for word in dict.fromkeys(map(plain, words))}
    frequency = np.array([known[plain(word)] for word in words], dtype=np.float64)
    unknown = float(np.mean(frequency == 0)) if len(frequency) else 0.0
    if unknown > _MOST_UNKNOWN:
        raise FrequencyListError(
            f"{100 * unknown:.0f} % of the words of a story are not in the frequency list {source!r}; the story is "
            "probably in another language: give its code (--word-frequencies), or "
            f"{STORIES!r} to count words in the stories themselves."
        )
    return frequency


def _wordfreq(language: str):  # type: ignore[no-untyped-def]
    try:
        from wordfreq import available_languages, zipf_frequency
    except ImportError:
        raise ValueError(
            f"Word frequencies of the language {language!r} need the package wordfreq, which is not installed: pip "
            f"install 'neurons2networks[frequency]', or use {STORIES!r} to count words in the stories themselves."
        ) from None
    if language not in available_languages():
        there = ", ".join(sorted(available_languages()))
        raise FrequencyListError(f"The package wordfreq has no list of the language {language!r}; it has {there}.")
    return zipf_frequency
