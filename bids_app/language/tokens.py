"""Words → tokens, made word by word so that every token's word is known."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a text: `ids` (n_tokens,), the index of each token's word `word` (n_tokens,), and `n_words`.

    `prefix` and `suffix` are the special tokens that the tokenizer puts around every window. A word without a token
    (such as an empty text) is missing from `word`.
    """

    ids: IntArray
    word: IntArray
    n_words: int
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    def __len__(self) -> int:
        """Return the number of tokens, special tokens left out."""
        return len(self.ids)

    @property
    def n_special(self) -> int:
        """Number of special tokens in every window."""
        return len(self.prefix) + len(self.suffix)

    @cached_property
    def tokens_per_word(self) -> IntArray:
        """Number of tokens of each word, (n_words,)."""
        return np.bincount(self.word, minlength=self.n_words).astype(np.int64)

    @cached_property
    def is_last(self) -> npt.NDArray[np.bool_]:
        """Whether a token is the last of its word, (n_tokens,)."""
        return np.append(np.diff(self.word) != 0, True)[: len(self.word)]


def tokenize_words(tokenizer: Any, texts: Sequence[str]) -> Tokens:
    """Tokenize words one by one, each with a space before it where the tokenizer wants one.

    Words are read literally: text that looks like a special token is not made one. Neither `word_ids()` nor offsets
    are used. Raises ValueError when the tokens do not decode to what the tokens of the whole text decode to.
    """
    words = [" ".join(text.split()) for text in texts]
    spoken = [index for index, word in enumerate(words) if word]
    ids_of_words = _best_rule(tokenizer, [words[index] for index in spoken])
    ids = [token for ids_of_word in ids_of_words for token in ids_of_word]
    word = [index for index, ids_of_word in zip(spoken, ids_of_words, strict=True) for _ in ids_of_word]
    prefix, suffix = _special_tokens(tokenizer)
    tokens = Tokens(np.array(ids, np.int64), np.array(word, np.int64), len(words), prefix, suffix)
    if n_empty := int((tokens.tokens_per_word == 0).sum()):
        _logger.warning("%d of %d words have no token and get activations of zero.", n_empty, len(words))
    return tokens


def _best_rule(tokenizer: Any, words: list[str]) -> list[list[int]]:
    """Return the ids of each word by the rule, space or no space before a word, that agrees with the whole text."""
    if not words:
        return []
    whole = _encode(tokenizer, [" ".join(words)])[0]
    rules = [_encode(tokenizer, [words[0], *(f" {word}" for word in words[1:])]), _encode(tokenizer, words)]
    joined = [[token for ids in rule for token in ids] for rule in rules]
    for rule, ids in zip(rules, joined, strict=True):
        if ids == whole:
            return rule
    decoded = _decode(tokenizer, whole)
    for rule, ids in zip(rules, joined, strict=True):
        if _decode(tokenizer, ids) == decoded:
            return rule
    raise ValueError(
        f"The tokenizer {type(tokenizer).__name__} does not round-trip: {_first_difference(tokenizer, words, rules[0])}"
    )


def _first_difference(tokenizer: Any, words: list[str], rule: list[list[int]]) -> str:
    for n_words in range(1, len(words) + 1):
        apart = _decode(tokenizer, [token for ids in rule[:n_words] for token in ids])
        whole = _decode(tokenizer, _encode(tokenizer, [" ".join(words[:n_words])])[0])
        if apart != whole:
            break
    return (
        f"word {n_words} of the text, {words[n_words - 1]!r}, reads {apart[-40:]!r} when tokenized by itself and "
        f"{whole[-40:]!r} within the text; correct the word in the transcript or choose another model."
    )


def _encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)[
        "input_ids"
    ]
    return ids


def _decode(tokenizer: Any, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)).strip()


def _special_tokens(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what the tokenizer puts before and after a text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return tuple(full[:start]), tuple(full[start + len(bare) :])
    raise ValueError(f"The tokenizer {type(tokenizer).__name__} changes a text's tokens when it adds special tokens.")
