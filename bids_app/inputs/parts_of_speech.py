"""The part of speech of each word of a story, from a spaCy pipeline: parsed once for all models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bids_app.inputs.futures import parsed
from bids_app.inputs.timing import Story
from bids_app.language.futures import Parser, ParserError, Sentence, load_parser, parser_identity
from bids_app.machine.once import computed_once, file_name, key_of


def tagger_identity(name: str) -> dict[str, str] | None:
    """Name, content and version of the pipeline; None where it, or spaCy, is not installed."""
    try:
        return parser_identity(name)
    except ParserError:
        return None


def parts_of_speech(
    story: Story, name: str, work: Path, load: Callable[[str], Parser] = load_parser
) -> tuple[str, ...]:
    """The universal part of speech (NOUN, VERB, …) of each word of a story, "" for a word without a token.

    Of a word that the pipeline divides (`don't`), that of its first token that is no punctuation. Raises ParserError if
    the pipeline, or spaCy, is missing. `load` may keep the pipeline for several stories.
    """
    words = story.words
    request: list[Any] = [parser_identity(name), words.text, words.onset.tolist(), words.duration.tolist()]
    path = work / "parts-of-speech" / f"{file_name([story.stem], key_of(request))}.json"

    def make(draft: Path) -> None:
        draft.write_text(json.dumps(tag(load(name), story)), encoding="utf-8")

    computed_once(path, make)
    return tuple(json.loads(path.read_text(encoding="utf-8")))


def tag(parser: Parser, story: Story) -> list[str]:
    """The part of speech of each word."""
    found = [part for sentence in parsed(parser, story) for part in _of_words(sentence)]
    if len(found) != len(story.words):
        raise AssertionError(f"{story.stem}: {len(found)} parts of speech for {len(story.words)} words")
    return found


def _of_words(sentence: Sentence) -> list[str]:
    parts = [""] * len(sentence.words)
    for word, part, is_kept in zip(sentence.word_of, sentence.parts, sentence.is_kept, strict=True):
        if not parts[word] and not is_kept:
            parts[word] = part
    return parts
