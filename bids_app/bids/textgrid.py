"""Praat TextGrids in their long and short text formats."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bids_app.bids.errors import DatasetError
from bids_app.bids.text import read_text
from bids_app.bids.word_rows import WordList, WordRow

# Praat reads a text file as a stream of free-standing strings, numbers and flags; everything else is a comment.
# Possessive quantifiers, so that a damaged file is not searched again from each quotation mark.
_TOKEN = re.compile(r'\s++|![^\n]*+|"(?P<string>(?:[^"]++|"")*+)"|(?P<bare>[^\s"=]++)|(?P<other>.)')
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")

# Names of the word tier, the best first: Praat and the Montreal Forced Aligner, then WebMAUS and others.
_WORD_TIERS = (
    {"word", "words"},
    {"ort-mau"},
    {"ort"},
    {"orthography", "orthographic"},
    {"token", "tokens"},
    {"mots", "mot", "wort", "wörter", "palabras", "parole", "woorden"},
)
_WORD_INSIDE = re.compile(r"(.*[\W_])?words?([\W_].*)?", re.DOTALL)
# Names of tiers that annotate words, or hold something else.
_NO_WORDS = re.compile(
    r"class|categor|pos\b|tag|stress|type|freq|count|index|\bid\b|bound|phon|segment|syll|sentence|utterance|phrase"
    r"|gloss|lemma|translation|breath|noise|comment|\bmau\b|\bkan",
)


@dataclass(frozen=True)
class Tier:
    """An interval tier: its name and its intervals."""

    name: str
    intervals: tuple[WordRow, ...]


@dataclass(frozen=True)
class _Value:
    value: str | float
    line: int


def read_textgrid(path: Path) -> WordList:
    """Intervals of the word tier of a TextGrid. Raises DatasetError, which names the line of an invalid file."""
    return WordList(choose_tier(parse_textgrid(read_text(path))).intervals)


def _values(content: str) -> Iterator[_Value]:
    line, previous = 1, ""
    for match in _TOKEN.finditer(content):
        token = match.group()
        follows = content[match.end() : match.end() + 1]
        is_free = not follows or follows.isspace()
        if match["string"] is not None:
            if not is_free or not (previous in {"", "="} or previous.isspace()):
                raise DatasetError(
                    f"line {line} is malformed: {token[:40]!r} touches other text. A quotation mark inside a text must "
                    "be doubled; open the file in Praat and save it again."
                )
            yield _Value(match["string"].replace('""', '"'), line)
        elif match["other"] == '"':
            raise DatasetError(f"the text that begins in line {line} has no closing quotation mark: is it truncated?")
        elif match["bare"] and is_free and _NUMBER.fullmatch(token) and (previous in {"", "="} or previous.isspace()):
            yield _Value(float(token), line)
        line += token.count("\n")
        previous = token[-1:]


class _Reader:
    """The values of a TextGrid in order. Raises DatasetError, which names the line, for a value of another type."""

    def __init__(self, content: str) -> None:
        self._values = _values(content.replace("\r\n", "\n").replace("\r", "\n"))
        self.line = 1  # of the last value

    def _following(self) -> str | float:
        value = next(self._values, None)
        if value is None:
            raise DatasetError("the TextGrid ends too early: the file is truncated.")
        self.line = value.line
        return value.value

    def number(self) -> float:
        value = self._following()
        if isinstance(value, str):
            raise DatasetError(
                f"line {self.line} is malformed: a number was expected in the TextGrid, not {value[:40]!r}."
            )
        return value

    def count(self) -> int:
        size = self.number()
        if not (size.is_integer() and 0 <= size < 1e9):
            raise DatasetError(f"line {self.line} is malformed: {size:g} is not a number of tiers or intervals.")
        return int(size)

    def string(self) -> str:
        value = self._following()
        if not isinstance(value, str):
            raise DatasetError(f"line {self.line} is malformed: a text was expected in the TextGrid, not {value:g}.")
        return value

    def end(self) -> None:
        """Raise DatasetError if any value is left."""
        rest = next(self._values, None)
        if rest is not None:
            raise DatasetError(
                f"line {rest.line} is malformed: more follows after the last tier, so a number of tiers or intervals "
                "above is wrong. Open the file in Praat and save it again."
            )


def parse_textgrid(content: str) -> list[Tier]:
    """Interval tiers of a TextGrid (point tiers are skipped). Raises DatasetError if it is invalid or truncated."""
    reader = _Reader(content)
    file_type, object_class = reader.string(), reader.string()
    if not file_type.startswith("ooTextFile") or object_class != "TextGrid":
        raise DatasetError(
            f"this is not a TextGrid in text format: it starts with {file_type[:40]!r}, {object_class[:40]!r}. "
            "Save it from Praat as a text file."
        )
    reader.number(), reader.number()  # start and end
    tiers = [_tier(reader) for _ in range(reader.count())]
    reader.end()
    return tiers


def _tier(reader: _Reader) -> Tier:
    kind = reader.string()
    if kind not in {"IntervalTier", "TextTier"}:
        raise DatasetError(f"line {reader.line} is malformed: {kind[:40]!r} is not a kind of tier.")
    name = reader.string()
    reader.number(), reader.number()  # start and end
    n_items = reader.count()
    if kind == "IntervalTier":
        return Tier(name, tuple(_interval(reader) for _ in range(n_items)))
    for _ in range(n_items):
        reader.number(), reader.string()
    return Tier(name, ())


def _interval(reader: _Reader) -> WordRow:
    start, end, text = reader.number(), reader.number(), reader.string()
    return WordRow(text, start, end, f"line {reader.line}")


def choose_tier(tiers: Sequence[Tier]) -> Tier:
    """The word tier: by its exact name, else with `word` in its name, else the only one.

    Raises DatasetError, which lists the tiers, if there is none or several are equally good.
    """
    names = [tier.name.strip().lower() for tier in tiers]
    ranked = [[tier for tier, name in zip(tiers, names, strict=True) if name in known] for known in _WORD_TIERS]
    ranked.append(
        [
            tier
            for tier, name in zip(tiers, names, strict=True)
            if _WORD_INSIDE.fullmatch(name) and not _NO_WORDS.search(name)
        ]
    )
    filled = [tier for tier in tiers if tier.intervals]
    ranked.append(filled if len(filled) == 1 and not _NO_WORDS.search(filled[0].name.strip().lower()) else [])
    chosen = next((group for group in ranked if group), [])
    if len(chosen) != 1:
        listed = ", ".join(repr(tier.name[:60]) for tier in tiers[:20]) or "none"
        raise DatasetError(
            f"exactly one tier must hold the words: name it 'word' or 'words', and no other tier; the tiers are "
            f"{listed}."
        )
    return chosen[0]
