"""Futures of a sentence: swaps of its words whose dependency trees resemble its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.language.futures._lists import SwapLists
from bids_app.language.futures._parser import Parser, groups
from bids_app.language.futures._sentence import Sentence
from bids_app.language.futures._trees import row_spearman, tree_distances
from bids_app.stats.arrays import Doubles, Ints

_AS_IS = 3  # sentences of fewer words are not tested: their trees have no shape
_SAMPLES = 50  # samples of a round
_MOST_ROUNDS = 1000
_ENOUGH = 50  # valid samples
_ROUNDS_AT_ONCE = 10  # drawn together, to parse many sentences at once


@dataclass(frozen=True)
class Sampling:
    """How futures are sampled: how many are kept, the similarity that their trees must exceed, and the least rounds."""

    n_futures: int = 10
    threshold: float = 0.8
    rounds: int = 40


@dataclass(frozen=True)
class SentenceFutures:
    """The futures of one sentence.

    Attributes
    ----------
    words : (n_futures) times the words of the sentence, most similar first
    similarity : (n_futures,) mean of Spearman's correlation over the rows of the distance matrices; NaN for a sentence
        that was not tested
    rounds, n_valid : rounds of 50 samples, and the samples that passed
    """

    words: tuple[tuple[str, ...], ...]
    similarity: Doubles
    rounds: int
    n_valid: int


def sample_sentence(
    sentence: Sentence, lists: SwapLists, parser: Parser, sampling: Sampling, random: np.random.Generator
) -> SentenceFutures:
    """The futures of a sentence that resemble it most.

    In rounds of 50 samples, each word is replaced by a draw from its list. A sample is valid if it splits into as many
    tokens and the similarity of its tree exceeds the threshold; there are at least `rounds` rounds and 50 valid
    samples, or 1,000 rounds. Fewer different valid samples than `n_futures` repeat; without any, the sentence stays as
    it is.
    """
    samples = _Samples(sentence, lists, parser)
    if len(sentence.words) < _AS_IS:
        return _untested(samples, sampling.n_futures, random)
    rounds, n_valid = 0, 0
    while rounds < _MOST_ROUNDS and (rounds < sampling.rounds or n_valid < _ENOUGH):
        n_rounds = _ROUNDS_AT_ONCE if rounds else sampling.rounds
        n_valid += int((samples.score(samples.draw(n_rounds * _SAMPLES, random)) > sampling.threshold).sum())
        rounds += n_rounds
    valid = sorted((-score, row) for row, score in samples.scores.items() if score > sampling.threshold)
    chosen = [valid[number % len(valid)] for number in range(sampling.n_futures)] if valid else []
    words = tuple(samples.words(row) for _, row in chosen) or (sentence.words,) * sampling.n_futures
    similarity = [-score for score, _ in chosen] or [1.0] * sampling.n_futures
    return SentenceFutures(words, np.array(similarity), rounds, n_valid)


def _untested(samples: _Samples, n_futures: int, random: np.random.Generator) -> SentenceFutures:
    """The first samples that split into as many tokens; the sentence itself where none does."""
    drawn = samples.draw(_SAMPLES, random)
    fitting = drawn[samples.fits(drawn)]
    rows = [fitting[number % len(fitting)] for number in range(n_futures)] if len(fitting) else []
    words = tuple(samples.words(row.tolist()) for row in rows) or (samples.sentence.words,) * n_futures
    return SentenceFutures(words, np.full(n_futures, np.nan), 1, len(fitting))


class _Samples:
    """Samples of a sentence, as rows of indices of the candidates of its tokens.

    `scores` holds the similarity of each different sample; one that comes again is not parsed again.
    """

    def __init__(self, sentence: Sentence, lists: SwapLists, parser: Parser) -> None:
        self.sentence, self.parser = sentence, parser
        self.scores: dict[tuple[int, ...], float] = {}
        candidates = [lists.candidates(sentence, token) for token in range(len(sentence))]
        self._texts = [words for words, _ in candidates]
        self._sums = [np.cumsum(weights) for _, weights in candidates]
        self._distances = tree_distances(sentence.heads)
        self._joined, self._is_single = [], {}
        for words in groups(sentence.words):
            tokens = [token for token, word in enumerate(sentence.word_of) if words.start <= word < words.stop]
            if len(tokens) == 1:
                splits = [parser.split((text,)) for text in self._texts[tokens[0]]]
                self._is_single[tokens[0]] = np.array([len(split[0]) == 1 for split in splits])
            elif tokens:
                self._joined.append(tokens)

    def draw(self, n_samples: int, random: np.random.Generator) -> Ints:
        """Rows (n_samples, n_tokens) of random samples."""
        uniform = random.random((n_samples, len(self._sums)))
        columns = [
            np.minimum(np.searchsorted(sums, uniform[:, token], side="right"), len(sums) - 1)
            for token, sums in enumerate(self._sums)
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((n_samples, 0), dtype=np.int64)

    def fits(self, rows: Ints) -> npt.NDArray[np.bool_]:
        """Which rows (n_samples,) split into as many tokens as the sentence, word by word."""
        mask = np.ones(len(rows), dtype=bool)
        for token, is_single in self._is_single.items():
            mask &= is_single[rows[:, token]]
        for tokens in self._joined:
            mask &= [self._stays_split(tokens, row) for row in rows[:, tokens].tolist()]
        return mask

    def _stays_split(self, tokens: Sequence[int], row: Sequence[int]) -> bool:
        """Whether words written together split as before."""
        parts: dict[int, list[str]] = {}
        for token, index in zip(tokens, row, strict=True):
            inner = token != tokens[-1] and self.sentence.spaces[token]
            parts.setdefault(self.sentence.word_of[token], []).append(self._texts[token][index] + " " * inner)
        split = self.parser.split(tuple("".join(texts) for texts in parts.values()))
        return split == tuple(tuple(texts) for texts in parts.values())

    def score(self, rows: Ints) -> Doubles:
        """Similarity of rows to the sentence, (n_samples,); -infinity if they do not fit."""
        keys = [tuple(row) for row in rows.tolist()]
        new = [row for row in dict.fromkeys(keys) if row not in self.scores]
        if new:
            indices = np.array(new, dtype=np.int64)
            fitting = self.fits(indices)
            scores = np.full(len(new), -np.inf)
            scores[fitting] = self._similarity(indices[fitting])
            self.scores.update(zip(new, scores.tolist(), strict=True))
        return np.array([self.scores[key] for key in keys])

    def _similarity(self, rows: Ints) -> Doubles:
        heads = self.parser.heads(self.sentence, [self._tokens(row) for row in rows.tolist()])
        return np.nan_to_num(row_spearman(self._distances, tree_distances(heads)), nan=-np.inf)

    def _tokens(self, row: Sequence[int]) -> list[str]:
        return [texts[index] for texts, index in zip(self._texts, row, strict=True)]

    def words(self, row: Sequence[int]) -> tuple[str, ...]:
        """The words of a sample, as the story spells them."""
        return self.sentence.swapped(self._tokens(row))
