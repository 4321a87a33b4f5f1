"""The syntactic and the semantic part of the words of a story, for windows of words ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.forecast.windows import shift_words
from bids_app.inputs.futures import Futures
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story
from bids_app.machine.once import key_of

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SyntaxVectors:
    """The syntactic part of a word: the mean of the activations of the words at its position in all futures."""

    model: ModelRun
    futures: Futures

    def read(self, story: Story) -> None:
        """Let the model read the futures of a story, unless it has."""
        self._mean(story)

    def identity(self, story: Story) -> Any:
        """The futures decide the vectors."""
        return ["syntax", "story", key_of(self.futures.of(story).futures)]

    def words(self, story: Story, layer: int) -> Floats:
        """The vector of each word, (n_words, n_units)."""
        return np.asarray(self._mean(story).layer(layer - 1))

    def ahead(self, story: Story, layer: int, offset: int, segments: list[slice], wrap: bool) -> Floats:
        """The vector of the word `offset` words after each one, (n_words, n_units)."""
        words = self.words(story, layer)
        return shift_words(words, offset, segments, wrap) if offset else words

    def _mean(self, story: Story) -> Any:
        return self.model.mean_activations(story.stem, self.futures.of(story).futures, "residual", "last")


@dataclass(frozen=True)
class SemanticVectors:
    """The semantic part of a word: its activation minus the syntactic part."""

    syntax: SyntaxVectors | ContinuationVectors

    def identity(self, story: Story) -> Any:
        """The futures decide the vectors."""
        return ["semantics", *self.syntax.identity(story)]

    def words(self, story: Story, layer: int) -> Floats:
        """The vector of each word, (n_words, n_units)."""
        whole = self.syntax.model.activations(story, "residual", "last").layer(layer - 1)
        return np.asarray(whole - self.syntax.words(story, layer))

    def ahead(self, story: Story, layer: int, offset: int, segments: list[slice], wrap: bool) -> Floats:
        """The vector of the word `offset` words after each one, (n_words, n_units)."""
        whole = np.asarray(self.syntax.model.activations(story, "residual", "last").layer(layer - 1))
        shifted = shift_words(whole, offset, segments, wrap) if offset else whole
        return np.asarray(shifted - self.syntax.ahead(story, layer, offset, segments, wrap))


@dataclass(frozen=True)
class ContinuationVectors:
    """The syntactic part with the true text up to the present word: only words ahead of it are swapped."""

    model: ModelRun
    futures: Futures

    def read(self, story: Story) -> None:
        """Let the model read the continuations of a story, unless it has."""
        self._swapped(story, self._layer(story))

    def identity(self, story: Story) -> Any:
        """The futures decide the vectors."""
        return ["syntax", "continuation", key_of(self.futures.of(story).futures)]

    def words(self, story: Story, layer: int) -> Floats:
        """The vector of each word where the true text ends just before it, (n_words, n_units); zero for the first."""
        whole = slice(0, len(story.words))
        return np.asarray(shift_words(self._swapped(story, layer)[0], -1, [whole]))

    def ahead(self, story: Story, layer: int, offset: int, segments: list[slice], wrap: bool) -> Floats:
        """The vector of the word `offset` words after each one, (n_words, n_units); words up to it are true ones."""
        if offset <= 0:
            whole = np.asarray(self.model.activations(story, "residual", "last").layer(layer - 1))
            return shift_words(whole, offset, segments, wrap) if offset else whole
        inside = shift_words(np.ones((len(story.words), 1), dtype=np.float32), offset, segments)
        return np.asarray(self._swapped(story, layer)[offset - 1] * inside)

    def _layer(self, story: Story) -> int:
        n_layers = self.model.activations(story, "residual", "last").n_layers
        return self.model.settings.layers.single(n_layers)

    def _swapped(self, story: Story, layer: int) -> Floats:
        made = self.futures.of(story)
        return self.model.continuations(story.stem, made.words, made.futures, layer, self.futures.n_ahead)


def vectors_of(model: ModelRun, futures: Futures) -> tuple[SyntaxVectors | ContinuationVectors, SemanticVectors]:
    """The syntactic and the semantic part of the words of a model."""
    kind = SyntaxVectors if futures.settings.futures == "story" else ContinuationVectors
    syntax = kind(model, futures)
    return syntax, SemanticVectors(syntax)
