"""The designs of scores: features of a model for the stories of a fit, decomposed once and shared on disk.

A design depends on the stories and the timing of their words in the volumes, not on the participant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bids_app.bids.events import Stimulus
from bids_app.encoding.design.features import TooFewVolumesError
from bids_app.encoding.design.haemodynamics import word_sums
from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.ridge.banded import design_banded
from bids_app.encoding.ridge.held_out import HeldOutDesign, Inner, design_held_out
from bids_app.forecast.windows import check_distances, offsets_of, random_rows, shift_words
from bids_app.inputs.band import Band
from bids_app.inputs.models import ModelRun
from bids_app.inputs.repeats import heard_content
from bids_app.inputs.timing import StimulusTiming, Story, segments_of, timed_words, words_heard
from bids_app.machine.once import computed_once, file_name, key_of
from bids_app.shared_options.designs import FeatureOptions

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Spaces = Callable[[], list[tuple[Floats, FeaturePipeline]]]  # sums per volume, and what makes features of them
_FORMAT = 2  # of the stored files
N_RANDOM = 3  # windows of random words: draws of the control


class WordVectors(Protocol):
    """Vectors of the words of a story; layers are counted from 1."""

    def identity(self, story: Story) -> Any:
        """What decides the vectors of a story besides the model and the words, ready for JSON; None for nothing."""

    def words(self, story: Story, layer: int) -> Floats:
        """The vector of each word, (n_words, n_units)."""

    def ahead(self, story: Story, layer: int, offset: int, segments: list[slice], wrap: bool) -> Floats:
        """The vector of the word `offset` words after each one, (n_words, n_units); see `forecast.windows`."""


@dataclass(frozen=True)
class ModelVectors:
    """States of a model of one kind (see `language.neurons`), last sub-token."""

    model: ModelRun
    kind: str = "residual"

    def identity(self, story: Story) -> None:
        """Nothing else decides them."""

    def words(self, story: Story, layer: int) -> Floats:
        """The vector of each word, (n_words, n_units)."""
        return np.asarray(self.model.activations(story, self.kind, "last").layer(layer - 1))

    def ahead(self, story: Story, layer: int, offset: int, segments: list[slice], wrap: bool) -> Floats:
        """The vector of the word `offset` words after each one, (n_words, n_units)."""
        words = self.words(story, layer)
        return shift_words(words, offset, segments, wrap) if offset else words


@dataclass(frozen=True)
class Designs:
    """Held-out designs of one model for runs that are fitted together. Layers are counted from 1.

    Attributes
    ----------
    ahead : vectors of the words of windows, instead of the hidden states; those of the present word are hidden states
    """

    model: ModelRun
    timings: tuple[StimulusTiming, ...]
    stories: dict[str, Story]
    settings: FeatureOptions
    ahead: WordVectors | None = None

    @cached_property
    def n_layers(self) -> int:
        """Layers of the model."""
        story = self.stories[self.timings[0].stimuli[0].stem]
        return self.model.activations(story, "residual", "last").n_layers

    @cached_property
    def words_per_volume(self) -> float:
        """Timed words per volume of the stories, including censored volumes."""
        n_words = sum(len(rows) for timing in self.timings for _, rows, _, _ in timed_words(timing, self.stories))
        return n_words / sum(self.run_lengths)

    @cached_property
    def pipeline(self) -> FeaturePipeline:
        """The pipeline from word vectors to features and folds."""
        return pipeline_of(self.timings, self.stories, self.settings)

    @property
    def run_lengths(self) -> tuple[int, ...]:
        """Volumes of each story of each run, including censored ones."""
        return lengths_of(self.timings)

    def check(self, distances: Sequence[int]) -> None:
        """Raise ValueError if the stories are too short for the windows."""
        pieces = [s for timing in self.timings for stimulus in timing.stimuli for s in self._segments(stimulus)]
        check_distances(distances, self.settings.window, [piece.stop - piece.start for piece in pieces])

    def present(self, layer: int) -> HeldOutDesign:
        """The words heard in each volume."""
        return self._stored({"layer": layer}, lambda: [self.present_sums(layer)])

    def thirds(self) -> HeldOutDesign:
        """The words heard, as the states at 0 (the embeddings), 1/3, 2/3 and all of the depth side by side."""
        return self._stored({"states": "thirds"}, lambda: [self._sums_of_thirds()])

    def _sums_of_thirds(self) -> Floats:
        story = self.stories[self.timings[0].stimuli[0].stem]
        vectors, n_rows = ModelVectors(self.model, "thirds"), self.model.activations(story, "thirds", "last").n_layers

        def words(story: Story, _: list[slice], row: int) -> Floats:
            return vectors.words(story, row)

        return np.concatenate([self.sum_words(partial(words, row=row)) for row in range(1, 1 + n_rows)], axis=1)

    def with_window(self, layer: int, distance: int) -> HeldOutDesign:
        """The words heard, with the window at a distance."""
        key = {"layer": layer, "distance": distance, "window": self.settings.window, **self._of_windows}
        return self._stored(key, lambda: [self.present_sums(layer), self.window_sums(layer, distance)])

    def with_random(self, layer: int, draw: int, distance: int) -> HeldOutDesign:
        """The words heard, with windows at a distance of the words of the same story in random order."""
        key = {
            "layer": layer,
            "draw": draw,
            "seed": self.settings.random_seed,
            "distance": distance,
            "window": self.settings.window,
            **self._of_windows,
        }
        return self._stored(key, lambda: [self.present_sums(layer), self._random_sums(layer, draw, distance)])

    @property
    def _of_windows(self) -> dict[str, Any]:
        """What decides the vectors of the windows, where they are not the model's hidden states."""
        if self.ahead is None:
            return {}
        return {"ahead": [self.ahead.identity(self.stories[stem]) for stem in self._stems]}

    def banded(self, layer: int, band: Band, weights: Doubles) -> tuple[HeldOutDesign, ...]:
        """The words heard beside the nuisance band, one design for each weighting (n_weightings, 2) of the two."""
        key = {"layer": layer, "band": band.identity}
        whole = replace(self.pipeline, n_components=None)

        def spaces() -> list[tuple[Floats, FeaturePipeline]]:
            return [(self.present_sums(layer), self.pipeline), (band.sums, whole)]

        return self._weighted(key, spaces, weights, inner_of(self.settings))

    def around(self, layer: int, distance: int, weights: Doubles) -> tuple[HeldOutDesign, ...]:
        """The words heard, the window ahead and the one behind, one design for each weighting (n_weightings, 3)."""
        key = {"layer": layer, "around": distance, "window": self.settings.window}

        def spaces() -> list[tuple[Floats, FeaturePipeline]]:
            windows = [self.window_sums(layer, ahead) for ahead in (distance, -distance)]
            return [(sums, self.pipeline) for sums in (self.present_sums(layer), *windows)]

        return self._weighted(key, spaces, weights, "contiguous")

    def _weighted(
        self, key: Mapping[str, object], spaces: Spaces, weights: Doubles, inner: Inner
    ) -> tuple[HeldOutDesign, ...]:
        """Feature spaces with a weight each, one design for each weighting (n_weightings, n_spaces)."""

        def make() -> tuple[HeldOutDesign, ...]:
            kept = self.pipeline
            functions = [partial(_features, sums, self.run_lengths, pipeline) for sums, pipeline in spaces()]
            content = None if kept.content is None else np.array(kept.content, dtype=np.int64)
            folds = kept.folds(kept.n_kept(sum(self.run_lengths)))
            return design_banded(functions, weights, folds, content, inner=inner, device=self.settings.device)

        return self._all_stored({**key, "weights": weights.tolist()}, make)

    def present_sums(self, layer: int) -> Floats:
        """Hidden states, last sub-token, summed per volume (also in censored ones), (n_volumes, n_units)."""
        return self._sums(layer, 0 if self.ahead is None else None)

    def window_sums(self, layer: int, distance: int) -> Floats:
        """Concatenated vectors of the window's words, summed per volume, (n_volumes, window * n_units)."""
        return np.concatenate([self._sums(layer, o) for o in offsets_of(distance, self.settings.window)], axis=1)

    def _random_sums(self, layer: int, draw: int, distance: int) -> Floats:
        seed, vectors = self.settings.random_seed + draw, self.ahead or ModelVectors(self.model)

        def shifted(story: Story, segments: list[slice], offset: int) -> Floats:
            words = vectors.words(story, layer)
            shuffled = words[random_rows(segments, seed, len(words))]
            return shift_words(shuffled, offset, segments, self.settings.wrap) if offset else shuffled

        offsets = offsets_of(distance, self.settings.window)
        return np.concatenate([self.sum_words(partial(shifted, offset=offset)) for offset in offsets], axis=1)

    @cached_property
    def _sums(self) -> Callable[[int, int | None], Floats]:
        """Sums of the words of one layer at an offset, None for the present word itself.

        Those of a window are cached for the neighbouring windows.
        """
        present = ModelVectors(self.model)

        def sums(layer: int, offset: int | None) -> Floats:
            def ahead(story: Story, segments: list[slice]) -> Floats:
                vectors = present if offset is None else self.ahead or present
                return vectors.ahead(story, layer, offset or 0, segments, self.settings.wrap)

            return self.sum_words(ahead)

        return lru_cache(maxsize=self.settings.window + 1)(sums)

    def sum_words(self, vectors: Callable[[Story, list[slice]], Floats]) -> Floats:
        """Vectors of the words of each story (n_words, n_units), summed per volume."""
        sums = []
        for timing in self.timings:
            values, onsets = [], []
            for stimulus in timing.stimuli:
                story = self.stories[stimulus.stem]
                rows, onset, _ = words_heard(stimulus, story.words)
                values.append(vectors(story, self._segments(stimulus))[rows])
                onsets.append(onset)
            later = 1 if self.settings.word_volume == "next" else 0
            grid = (timing.repetition_time, timing.uncensored.volumes)
            sums.append(word_sums(np.concatenate(values), np.concatenate(onsets), *grid, later=later))
        return np.concatenate(sums)

    def _segments(self, stimulus: Stimulus) -> list[slice]:
        return segments_of(stimulus, self.stories[stimulus.stem].words)

    def _stored(self, key: Mapping[str, object], sums: Callable[[], list[Floats]]) -> HeldOutDesign:
        """The design of feature spaces from disk, computed by the first process that needs it."""

        def make() -> tuple[HeldOutDesign, ...]:
            spaces, inner, device = sums(), inner_of(self.settings), self.settings.device
            return (design_held_out(spaces, self.run_lengths, self.pipeline, inner=inner, device=device),)

        return self._all_stored(key, make)[0]

    def _all_stored(
        self, key: Mapping[str, object], make: Callable[[], tuple[HeldOutDesign, ...]]
    ) -> tuple[HeldOutDesign, ...]:
        """Designs from one file, computed by the first process that needs them."""
        content = {**key, **self.identity, "format": _FORMAT}
        path = self.settings.work / "designs" / f"{file_name(self._stems, key_of(content))}.npz"
        computed_once(path, lambda draft: self._write(draft, make))
        with np.load(path) as arrays:
            named = [name.partition(":") for name in arrays.files]
            numbers = sorted({int(number) for number, _, _ in named})
            return tuple(
                HeldOutDesign.from_arrays({name: arrays[f"{n}:{name}"] for n, _, name in named if int(n) == number})
                for number in numbers
            )

    def _write(self, draft: Path, make: Callable[[], tuple[HeldOutDesign, ...]]) -> None:
        try:
            designs = make()
        except TooFewVolumesError as error:
            raise ValueError(
                f"--pca {self.settings.pca} needs more volumes: of {sum(self.run_lengths)} with a story, a fold leaves "
                f"{error.n_rows} to train on. Give a smaller --pca (0 for none), or leave short runs out "
                "(--exclude-scans)."
            ) from error
        arrays: dict[str, Any] = {
            f"{number}:{name}": array
            for number, design in enumerate(designs)
            for name, array in design.to_arrays().items()
        }
        with draft.open("wb") as file:
            np.savez(file, **arrays)

    @cached_property
    def _stems(self) -> list[str]:
        return list(dict.fromkeys(stimulus.stem for timing in self.timings for stimulus in timing.stimuli))

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that determines a design besides the layer and the window."""
        return {
            "model": self.model.identity(),
            "heard": [self._heard(timing) for timing in self.timings],
            "segment lengths": self.run_lengths,  # no delay crosses segments
            "pipeline": asdict(self.pipeline),
            "inner folds": self.settings.inner_folds,
            "word volume": self.settings.word_volume,
        }

    def _heard(self, timing: StimulusTiming) -> dict[str, Any]:
        """Words and volumes of a run, counted from its first kept volume."""
        start = timing.volumes[0] * timing.repetition_time
        words = [
            (story.stem, story.words.text, rows.tolist(), (onset - start).round(4).tolist())
            for story, rows, onset, _ in timed_words(timing, self.stories)
        ]
        segments = [[(s.start, s.stop) for s in self._segments(stimulus)] for stimulus in timing.stimuli]
        return {
            "words": words,
            "segments": segments,
            "volumes": (timing.volumes - timing.volumes[0]).tolist(),
            "censored": (timing.censored - timing.volumes[0]).tolist(),
            "repetition time": round(timing.repetition_time, 6),
        }


def _features(sums: Floats, lengths: Sequence[int], pipeline: FeaturePipeline, train: Ints) -> Floats:
    return pipeline.features(sums, lengths, train)


def pipeline_of(
    timings: Sequence[StimulusTiming], stories: Mapping[str, Story], settings: FeatureOptions
) -> FeaturePipeline:
    """The pipeline from word vectors to features and folds for some runs."""
    kept = np.concatenate([timing.is_kept for timing in timings])
    content = heard_content(timings, stories)
    return FeaturePipeline(
        settings.pca or None,
        tuple(range(settings.delays)),
        n_folds=settings.folds,
        purge=settings.purge,
        wrap=settings.wrap,
        content=None if content is None else tuple(content.tolist()),
        kept=None if kept.all() else tuple(np.flatnonzero(kept).tolist()),
    )


def lengths_of(timings: Sequence[StimulusTiming]) -> tuple[int, ...]:
    """Volumes of each story of each run, including censored ones; no delay crosses them."""
    return tuple(length for timing in timings for length in timing.uncensored.segment_lengths)


def inner_of(settings: FeatureOptions) -> Inner:
    """How the penalty is chosen inside the training rows."""
    return "loo" if settings.inner_folds == "leave-one-out" else "contiguous"
