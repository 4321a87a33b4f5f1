"""Kinds of words of the stories of a dictionary: words, parts of speech, positions, length, frequency, surprisal."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.inputs.band import Band
from bids_app.inputs.models import ModelRun
from bids_app.inputs.parts_of_speech import parts_of_speech
from bids_app.inputs.surprisal import NoSurprisalError, word_surprisal
from bids_app.inputs.timing import Story
from bids_app.language.futures import ParserError, load_parser
from bids_app.language.word_features import plain
from bids_app.machine.notices import notice
from bids_app.settings import Settings

Doubles = npt.NDArray[np.float64]
Where = npt.NDArray[np.bool_]
Item = tuple[tuple[str, str], Where]
_FEWEST = 5  # occurrences of a word, or of a part of speech
_MOST_ITEMS = 300


@dataclass(frozen=True)
class WordKinds:
    """Kinds of words.

    Attributes
    ----------
    stories : the stories, by stem, in their order
    """

    band: Band
    model: ModelRun
    stories: Mapping[str, Story]
    settings: Settings

    @property
    def facts(self) -> dict[str, Any]:
        """Fields for sidecars: what the features are, and what is left out and why."""
        return {**self.band.facts, "PartsOfSpeech": self._parts[1], "Surprisal": self._surprisal[1]}

    def parts_of(self, stem: str) -> Sequence[str]:
        """The part of speech of each word of a story; "" where it is left out."""
        parts = self._parts[0]
        return [""] * len(self.stories[stem].words) if parts is None else parts[stem]

    def surprisal_of(self, stem: str) -> Doubles:
        """The surprisal of each word of a story (n_words,), in nats; NaN where it is left out."""
        values = self._surprisal[0]
        return np.full(len(self.stories[stem].words), np.nan) if values is None else values[stem]

    def items(self) -> tuple[list[tuple[str, str]], Where]:
        """Kind and name of each item, and which words of all stories are of it (n_items, n_words)."""
        features = np.concatenate([self.band.of_words(story) for story in self.stories.values()])
        surprisal = np.concatenate([self.surprisal_of(stem) for stem in self.stories])
        found = [
            *self._words(),
            *self._tagged(),
            *_positions(features[:, 4]),
            *_quarters("length", features[:, 1]),
            *_quarters("frequency", features[:, 2]),
            *_quarters("surprisal", surprisal),
        ]
        kept = [(kind, where) for kind, where in found if where.any()]
        return [kind for kind, _ in kept], np.stack([where for _, where in kept])

    def _words(self) -> Iterator[Item]:
        """The most frequent words."""
        words = np.array([plain(word) for story in self.stories.values() for word in story.words.text])
        different, counts = np.unique(words, return_counts=True)
        for count, word in sorted(zip(-counts, different, strict=True))[:_MOST_ITEMS]:
            if word and -count >= _FEWEST:
                yield ("word", str(word)), words == word

    def _tagged(self) -> Iterator[Item]:
        parts = np.array([part for stem in self.stories for part in self.parts_of(stem)])
        for part, count in zip(*np.unique(parts, return_counts=True), strict=True):
            if part and count >= _FEWEST:
                yield ("part", str(part)), parts == part

    @cached_property
    def _parts(self) -> tuple[Mapping[str, Sequence[str]] | None, str]:
        """The part of speech of each word of each story, and what found it; None, and why."""
        name, work = self.settings.parser, self.settings.work
        load = cache(load_parser)  # loading takes most of the time
        try:
            parts = {stem: parts_of_speech(story, name, work, load) for stem, story in self.stories.items()}
        except ParserError as error:
            notice(logging.INFO, f"no parts of speech of the words: {error}")
            return None, f"left out: {error}"
        return parts, f"by the spaCy pipeline {Path(name).name}"

    @cached_property
    def _surprisal(self) -> tuple[Mapping[str, Doubles] | None, str]:
        """The surprisal of each word of each story, and what it is; None, and why."""
        try:
            values = {stem: word_surprisal(self.model, story) for stem, story in self.stories.items()}
        except NoSurprisalError as error:
            notice(logging.INFO, f"{self.model.label}: no surprisal of the words: {error}")
            return None, f"left out: {error}"
        return values, f"of each word given those before it, under {self.model.label}, in nats"


def _positions(ramp: Doubles) -> Iterator[Item]:
    """Ranges of positions in the sentence, from 1."""
    position = np.rint(30 * ramp).astype(int) + 1
    for low, high in ((1, 1), (2, 5), (6, 10), (11, 31)):
        yield ("position", f"{low} to {high}"), (position >= low) & (position <= high)


def _quarters(name: str, values: Doubles) -> Iterator[Item]:
    """The lowest and the highest quarter of values (n_words,); words without a value are in none."""
    if np.isfinite(values).any():
        low, high = np.nanquantile(values, [0.25, 0.75])
        yield (name, f"at most {low:.3g}"), values <= low
        yield (name, f"at least {high:.3g}"), values >= high
