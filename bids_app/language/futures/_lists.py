"""Swap lists: the words of a corpus with the same part of speech and dependency relation, and how often each occurs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bids_app.language.futures._sentence import Sentence
from bids_app.stats.arrays import Doubles

FEWEST = 5  # words under a key; with fewer, the list without the dependency relation is used


@dataclass(frozen=True)
class SwapLists:
    """Counts of the words of a corpus by key, see `Sentence.keys`.

    Attributes
    ----------
    counts : for each key, the words in lower case with their counts
    spelling : the most frequent spelling of a word in lower case
    """

    counts: Mapping[str, Mapping[str, int]]
    spelling: Mapping[str, str]

    @classmethod
    def of(cls, sentences: Iterable[Sentence]) -> SwapLists:
        """The lists of a parsed corpus."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        spellings: dict[str, Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            for key, word in _entries(sentence):
                counts[key][word] += 1
            for token, is_kept in zip(sentence.tokens, sentence.is_kept, strict=True):
                if not is_kept:
                    spellings[token.lower()][token] += 1
        # Of equally frequent spellings, the one in lower case: a capital may only mark the start of a sentence.
        spelling = {
            word: max(sorted(forms), key=lambda form: (forms[form], form.lower() == form))
            for word, forms in spellings.items()
        }
        return cls(counts, spelling)

    def without(self, sentence: Sentence) -> SwapLists:
        """The lists of the corpus without a sentence that belongs to it."""
        taken: dict[str, Counter[str]] = defaultdict(Counter)
        for key, word in _entries(sentence):
            taken[key][word] += 1
        counts = dict(self.counts)
        for key, words in taken.items():
            counts[key] = +Counter({word: count - words[word] for word, count in self.counts.get(key, {}).items()})
        return SwapLists(counts, self.spelling)

    def only_for(self, sentence: Sentence) -> SwapLists:
        """The lists of the keys of a sentence, for a process of its own."""
        keys = {key for token in range(len(sentence)) for key in sentence.keys(token)}
        counts = {key: self.counts[key] for key in sorted(keys) if key in self.counts}
        words = {word for listed in counts.values() for word in listed}
        return SwapLists(counts, {word: self.spelling[word] for word in sorted(words) if word in self.spelling})

    def candidates(self, sentence: Sentence, token: int) -> tuple[list[str], Doubles]:
        """Words that may replace a token, as they are spelled there, and their probabilities; the token if none may.

        Words under the key of its part of speech and dependency relation or, if these are fewer than 5, of its part of
        speech; the word itself is excluded where there is another.
        """
        here = sentence.tokens[token]
        if sentence.is_kept[token]:
            return [here], np.ones(1)
        full, short = (self.counts.get(key, {}) for key in sentence.keys(token))
        words = full if len(full) >= FEWEST else short
        others = {word: count for word, count in words.items() if word != here.lower() and count > 0}
        if not others:
            return [here], np.ones(1)
        ordered = sorted(others)  # the order of a dictionary depends on the order of the corpus
        weights = np.array([others[word] for word in ordered], dtype=np.float64)
        return [_as_capital(self.spelling.get(word, word), here) for word in ordered], weights / weights.sum()

    def to_json(self) -> dict[str, object]:
        """The lists, ready for JSON."""
        return {"counts": {key: dict(words) for key, words in self.counts.items()}, "spelling": dict(self.spelling)}


def _entries(sentence: Sentence) -> Iterable[tuple[str, str]]:
    """Keys and words, in lower case, of the tokens that may be swapped; each under both of its keys."""
    for token, is_kept in enumerate(sentence.is_kept):
        if not is_kept:
            for key in sentence.keys(token):
                yield key, sentence.tokens[token].lower()


def _as_capital(word: str, model: str) -> str:
    """A word with a capital where the other has one; an acronym is replaced by capitals.

    >>> _as_capital("dogs", "Cats"), _as_capital("dogs", "CATS"), _as_capital("dogs", "cats"), _as_capital("dogs", "I")
    ('Dogs', 'DOGS', 'dogs', 'Dogs')
    """
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
