"""Words → tokens of the natural text, with the word of each token."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.language.spacing import spaces_before

IntArray = npt.NDArray[np.int64]

_MOST_UNKNOWN = 0.5  # share of unknown words above which the model reads too little of the story
_BROKEN = "\ufffd"  # the decoded form of an incomplete character

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a text: `ids` (n_tokens,), the index of each token's word `word` (n_tokens,), and `n_words`.

    `prefix` and `suffix` are the special tokens that the tokenizer puts around every window. A word without a token
    (such as an empty text) is missing from `word`. A token that spans several words, as in scripts without spaces,
    belongs to the last of them; `shared` holds pairs of a word that therefore lacks a token, and the word with the
    token, whose activations it takes.
    """

    ids: IntArray
    word: IntArray
    n_words: int
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    shared: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        """Return the number of tokens, without special tokens."""
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

    @cached_property
    def without_token(self) -> IntArray:
        """Words that no token covers: their activations are zero."""
        missing = set(np.flatnonzero(self.tokens_per_word == 0).tolist()) - {word for word, _ in self.shared}
        return np.array(sorted(missing), np.int64)


def tokenize_words(tokenizer: Any, texts: Sequence[str]) -> Tokens:
    """Tokenize the natural text of words (`spacing.spaces_before`) and determine the word of each token.

    Words are tokenized one by one if that gives the tokens of the whole text; otherwise, the decoded characters of the
    tokens are matched with the words. Words are read literally: text that looks like a special token does not become
    one. Neither `word_ids()` nor offsets are used.

    Raises ValueError if the tokens decode to another text than the tokens of the whole text, and if the tokenizer knows
    less than half of the words.
    """
    words = [" ".join(text.split()) for text in texts]
    spoken = [index for index, word in enumerate(words) if word]
    ids, owner, shared = _split(tokenizer, [words[index] for index in spoken])
    prefix, suffix = special_tokens(tokenizer)
    index = np.array(spoken, np.int64)
    pairs = tuple((spoken[word], spoken[other]) for word, other in shared)
    tokens = Tokens(np.array(ids, np.int64), index[np.array(owner, np.int64)], len(words), prefix, suffix, pairs)
    _report(tokenizer, tokens, words)
    return tokens


def _split(tokenizer: Any, words: list[str]) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Return the ids of a text, the word of each, and the words that share a token with a later one."""
    if not words:
        return [], [], []
    spaced = [" " * space + word for space, word in zip(spaces_before(words), words, strict=True)]
    whole = _encode(tokenizer, ["".join(spaced)])[0]
    rules = [_encode(tokenizer, spaced), _encode(tokenizer, words)]
    for rule in rules:
        if _end_to_end(rule) == whole:
            return whole, [word for word, ids in enumerate(rule) for _ in ids], []
    aligned = _align(tokenizer, whole, rules[1])
    if aligned is not None:
        return whole, *aligned
    decoded = _decode(tokenizer, whole)
    for rule in rules:
        if _decode(tokenizer, _end_to_end(rule)) == decoded:
            _logger.warning(
                "The words are tokenized one by one: %s has %d tokens for them, %d for the whole text.",
                *(type(tokenizer).__name__, sum(map(len, rule)), len(whole)),
            )
            return _end_to_end(rule), [word for word, ids in enumerate(rule) for _ in ids], []
    difference = _first_difference(tokenizer, spaced, rules[0])
    raise ValueError(f"The tokenizer {type(tokenizer).__name__} does not round-trip: {difference}")


def _align(tokenizer: Any, ids: list[int], rule: list[list[int]]) -> tuple[list[int], list[tuple[int, int]]] | None:
    """Determine the word of each token by its decoded characters; None if text and words decode differently."""
    letters = [_letters(tokenizer, ids_of_word) for ids_of_word in rule]
    if "".join(letters) != _letters(tokenizer, ids):
        return None
    word_of = np.repeat(np.arange(len(rule)), [len(word) for word in letters])
    touched = list(_last_letters(tokenizer, ids))
    if not len(word_of) or touched[-1] != len(word_of) - 1 or min(touched) < 0:
        return None
    owner = word_of[np.minimum(touched, len(word_of) - 1)]
    missing = sorted(set(word_of.tolist()) - set(owner.tolist()))
    ends = np.cumsum([len(word) for word in letters])
    return owner.tolist(), [(word, int(owner[np.searchsorted(touched, ends[word] - 1)])) for word in missing]


def _last_letters(tokenizer: Any, ids: list[int]) -> Iterator[int]:
    """Index of the last letter of each token, counted without blanks.

    Tokens may be bytes: those of one letter are decoded together, after the previous letters, because some tokens
    decode differently at the start of a text.
    """
    context: list[int] = []
    group: list[int] = []
    n_before = 0
    for token in ids:
        group.append(token)
        text = _letters(tokenizer, [*context, *group])
        complete = text.rstrip(_BROKEN)
        n_new = max(0, len(complete) - len(_letters(tokenizer, context))) if context else len(complete)
        is_open = len(complete) < len(text)
        n_known = n_before + n_new
        yield n_known if is_open or n_new == 0 else n_known - 1
        if not is_open:
            context, group, n_before = group, [], n_known


def _report(tokenizer: Any, tokens: Tokens, words: list[str]) -> None:
    """Log what the model cannot read; ValueError if that is most of the text."""
    if len(tokens.without_token):
        _logger.warning(
            "%d of %d words have no token and get activations of zero.", len(tokens.without_token), len(words)
        )
    if tokens.shared:
        _logger.info("%d of %d words share a token with the word after them.", len(tokens.shared), len(words))
    unknown_id = getattr(tokenizer, "unk_token_id", None)
    special = set(getattr(tokenizer, "all_special_ids", ())) - {unknown_id}
    if marked := sorted(set(tokens.word[np.isin(tokens.ids, list(special))].tolist())):
        _logger.warning(
            "%d of %d words are read as special tokens of the model, such as %r: correct the transcript.",
            *(len(marked), len(words), words[marked[0]]),
        )
    unknown = set(tokens.word[tokens.ids == unknown_id].tolist()) if unknown_id is not None else set()
    unknown |= {word for word in tokens.without_token.tolist() if words[word]}
    if not unknown:
        return
    n_spoken = sum(map(bool, words))
    common = Counter(words[word] for word in sorted(unknown)).most_common(5)
    message = (
        f"{len(unknown)} of {n_spoken} words cannot be represented by the model's tokenizer, such as "
        f"{', '.join(repr(word) for word, _ in common)}"
    )
    if len(unknown) > _MOST_UNKNOWN * n_spoken:
        raise ValueError(f"{message}: choose a model of the language and script of the story.")
    _logger.warning("%s: the model reads them as unknown words.", message)


def _first_difference(tokenizer: Any, spaced: list[str], rule: list[list[int]]) -> str:
    for n_words in range(1, len(spaced) + 1):
        apart = _decode(tokenizer, _end_to_end(rule[:n_words]))
        whole = _decode(tokenizer, _encode(tokenizer, ["".join(spaced[:n_words])])[0])
        if apart != whole:
            break
    return (
        f"word {n_words} of the text, {spaced[n_words - 1].strip()!r}, reads {apart[-40:]!r} when tokenized by itself "
        f"and {whole[-40:]!r} within the text; correct the word in the transcript or choose another model."
    )


def _end_to_end(rule: list[list[int]]) -> list[int]:
    return [token for ids in rule for token in ids]


def _encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)[
        "input_ids"
    ]
    return ids


def _decode(tokenizer: Any, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)).strip()


def _letters(tokenizer: Any, ids: list[int]) -> str:
    """The characters of tokens without the blanks, which belong to no word."""
    return "".join(_decode(tokenizer, ids).split()) if ids else ""


def special_tokens(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the special tokens before and after a text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return tuple(full[:start]), tuple(full[start + len(bare) :])
    raise ValueError(f"The tokenizer {type(tokenizer).__name__} changes a text's tokens when it adds special tokens.")
