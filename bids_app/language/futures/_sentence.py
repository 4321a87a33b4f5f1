"""A parsed sentence: its words as they were aligned, and the parser's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bids_app.stats.arrays import Ints


@dataclass(frozen=True)
class Sentence:
    """A sentence.

    A parser may split an aligned word (`don't` → `do`, `n't`); each token knows its word, so that a swapped sentence
    has one text per aligned word again.

    Attributes
    ----------
    words : as they were aligned
    is_upper : whether they have no small letter; tokens are then in small letters, which the parser knows better
    tokens, spaces : tokens of the parser, and whether a blank follows each
    word_of : index of the word of each token, ascending
    tags, parts, relations : fine part of speech, coarse part of speech, dependency relation of each token
    is_kept : which tokens are never swapped: punctuation and blanks
    heads : (n_tokens,) index of the head of each token; a root is its own head
    """

    words: tuple[str, ...]
    is_upper: bool
    tokens: tuple[str, ...]
    spaces: tuple[bool, ...]
    word_of: tuple[int, ...]
    tags: tuple[str, ...]
    parts: tuple[str, ...]
    relations: tuple[str, ...]
    is_kept: tuple[bool, ...]
    heads: Ints

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)

    def keys(self, token: int) -> tuple[str, str]:
        """Keys of the swap lists of a token: with its dependency relation, and without."""
        before = token > 0 and not self.spaces[token - 1] and not self.is_kept[token - 1]
        after = token + 1 < len(self) and not self.spaces[token] and not self.is_kept[token + 1]
        # Parts of a word (`do`, `n't`) are swapped for parts at the same end of a word.
        shape = f"{'-' * before}{'w'}{'-' * after}"
        short = f"{self.tags[token]}|{self.parts[token]}|{shape}"
        return f"{short}|{self.relations[token]}", short

    def swapped(self, tokens: Sequence[str]) -> tuple[str, ...]:
        """The words with other tokens; a word without a token stays."""
        texts = [""] * len(self.words)
        for token, word in enumerate(self.word_of):
            goes_on = token + 1 < len(self) and self.word_of[token + 1] == word
            texts[word] += tokens[token] + " " * (goes_on and self.spaces[token])
        if self.is_upper:
            texts = [text.upper() for text in texts]
        return tuple(text or word for text, word in zip(texts, self.words, strict=True))
