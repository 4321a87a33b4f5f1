"""Whole stories made of the futures of their sentences."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bids_app.language.futures._sampling import SentenceFutures
from bids_app.language.futures._sentence import Sentence
from bids_app.stats.arrays import Doubles


@dataclass(frozen=True)
class StoryFutures:
    """A story with swapped words, several times; each has one text per aligned word.

    Attributes
    ----------
    words : the aligned words
    futures : (n_futures) times as many texts as words
    lengths : words of each sentence
    similarity : (n_futures, n_sentences) similarity of the tree of each sentence; NaN where it was not tested
    rounds, n_valid : of each sentence, see `SentenceFutures`
    """

    words: tuple[str, ...]
    futures: tuple[tuple[str, ...], ...]
    lengths: tuple[int, ...]
    similarity: Doubles
    rounds: tuple[int, ...]
    n_valid: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse a story whose texts do not pair with the aligned words."""
        sizes = {sum(self.lengths), *(len(future) for future in self.futures)}
        if sizes != {len(self.words)} or self.similarity.shape != (len(self.futures), len(self.lengths)):
            raise ValueError(f"futures with {sorted(sizes)} words do not pair with a story of {len(self.words)} words")

    @property
    def mean_similarity(self) -> list[float]:
        """Mean over the tested sentences of each story; NaN if none was tested."""
        return [float(np.mean(row[np.isfinite(row)])) if np.isfinite(row).any() else np.nan for row in self.similarity]

    @property
    def kept_share(self) -> list[float]:
        """Share of the words of each story that are those of the original one."""
        return [
            sum(new == old for new, old in zip(future, self.words, strict=True)) / max(1, len(self.words))
            for future in self.futures
        ]

    def to_json(self) -> dict[str, Any]:
        """The content, ready for JSON; NaN becomes null."""
        rows = [[None if np.isnan(value) else value for value in row] for row in self.similarity.tolist()]
        return {
            **{name: getattr(self, name) for name in ("words", "futures", "lengths", "rounds", "n_valid")},
            "similarity": rows,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> StoryFutures:
        """The futures that `to_json` gave."""
        similarity = np.array(content["similarity"], dtype=np.float64)
        return cls(
            words=tuple(content["words"]),
            futures=tuple(tuple(future) for future in content["futures"]),
            lengths=tuple(content["lengths"]),
            similarity=similarity.reshape(len(content["futures"]), len(content["lengths"])),
            rounds=tuple(content["rounds"]),
            n_valid=tuple(content["n_valid"]),
        )


def story_futures(
    sentences: Sequence[Sentence], sampled: Sequence[SentenceFutures], random: np.random.Generator
) -> StoryFutures:
    """Stories of which each takes one of the futures of each sentence at random."""
    n_futures = len(sampled[0].words) if sampled else 0
    taken = random.integers(n_futures, size=(n_futures, len(sentences)))
    futures = tuple(
        tuple(word for future, number in zip(sampled, row, strict=True) for word in future.words[number])
        for row in taken.tolist()
    )
    similarity = np.array([[f.similarity[n] for f, n in zip(sampled, row, strict=True)] for row in taken.tolist()])
    return StoryFutures(
        words=tuple(word for sentence in sentences for word in sentence.words),
        futures=futures,
        lengths=tuple(len(sentence.words) for sentence in sentences),
        similarity=similarity.reshape(n_futures, len(sentences)),
        rounds=tuple(future.rounds for future in sampled),
        n_valid=tuple(future.n_valid for future in sampled),
    )


def random_of(seed: int, text: Sequence[str], sentence: int = -1) -> np.random.Generator:
    """Random numbers of a sentence of a story, or of the whole story: they do not depend on other stories."""
    digest = hashlib.sha256("\n".join(text).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big"), sentence + 1])
