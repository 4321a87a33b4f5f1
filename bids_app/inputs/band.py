"""The nuisance band: low-level features of the words and of the sound, on the volumes of runs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.envelope import FRAME, find_audio, read_envelope
from bids_app.bids.errors import DatasetError
from bids_app.bids.word_files import find_words
from bids_app.checksums import sha256_of
from bids_app.encoding.design.haemodynamics import convolve, neuron_responses, word_sums
from bids_app.inputs.timing import StimulusTiming, Story, story_time, timed_words
from bids_app.language.word_features import (
    FEATURES,
    STORIES,
    FrequencyListError,
    count_words,
    has_punctuation,
    log_frequencies,
    word_features,
)
from bids_app.machine.notices import notice
from bids_app.stats.standardise import zscore

if TYPE_CHECKING:
    from bids_app.analyses.evidence.options import EvidenceOptions

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
ENVELOPE = "envelope"


@dataclass(frozen=True)
class Band:
    """Low-level features for runs of some stories.

    Attributes
    ----------
    timings : the runs
    stories : the stories that they play, by stem; words are counted in these
    """

    timings: tuple[StimulusTiming, ...]
    stories: Mapping[str, Story]
    settings: EvidenceOptions

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the features; the envelope is left out, with a message, unless every story has one."""
        return FEATURES if self._envelopes is None else (*FEATURES, ENVELOPE)

    @cached_property
    def sums(self) -> Floats:
        """Features summed over the words of each volume (also of censored ones), (n_volumes, n_features).

        The envelope is averaged over each volume.
        """
        return np.concatenate([self._sums(timing) for timing in self.timings])

    def responses(self, timing: StimulusTiming) -> Floats:
        """Features as neurons are: means over the words of a volume, convolved and z-scored, (n_kept, n_features).

        The word rate is the number of words, convolved; so is the envelope.
        """
        heard = timed_words(timing, self.stories)
        values = np.concatenate([self.of_words(story)[rows] for story, rows, _, _ in heard])
        onset, duration = (np.concatenate([one[index] for one in heard]) for index in (2, 3))
        means = neuron_responses(values, onset, duration, timing.repetition_time, timing.volumes)
        convolved = self.convolved(timing)
        return np.concatenate([convolved[:, :1], means[:, 1:], convolved[:, len(FEATURES) :]], axis=1)

    def convolved(self, timing: StimulusTiming) -> Floats:
        """Sums over the words of each volume, and the envelope, convolved and z-scored, (n_kept, n_features)."""
        heard = timed_words(timing, self.stories)
        values = np.concatenate([self.of_words(story)[rows] for story, rows, _, _ in heard])
        onset = np.concatenate([onset for _, _, onset, _ in heard])
        grid = np.arange(int(timing.volumes[-1]) + 1)
        sums = word_sums(values, onset, timing.repetition_time, grid)
        if self._envelopes is not None:
            sound = np.zeros(len(grid))
            sound[timing.uncensored.volumes] = self._envelope(timing)
            sums = np.column_stack([sums, sound])
        return zscore(convolve(sums, timing.repetition_time)[timing.volumes])

    def of_words(self, story: Story) -> Doubles:
        """The features of each word of a story, without the envelope, (n_words, n_features)."""
        return self._of_words[story.stem]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Fields for sidecars: features, source of the word frequencies, ends of sentences, and sound."""
        marks = {stem: has_punctuation(story.words.text) for stem, story in self.stories.items()}
        return {
            "Features": list(self.names),
            "WordFrequencies": self._frequencies[1],
            "Sentences": {stem: "punctuation" if by_marks else "pauses" for stem, by_marks in marks.items()},
            "Envelope": self._sound[1] or "from the WAV files of all stories",
        }

    @property
    def identity(self) -> str:
        """Key of the features' values."""
        digest = hashlib.sha256(np.ascontiguousarray(self.sums).tobytes())
        return f"{'-'.join(self.names)}-{digest.hexdigest()[:20]}"

    @cached_property
    def _of_words(self) -> dict[str, Doubles]:
        frequencies, _ = self._frequencies
        return {
            stem: word_features(words.text, words.onset, words.onset + words.duration, frequencies[stem])
            for stem, words in ((stem, story.words) for stem, story in self.stories.items())
        }

    @cached_property
    def _frequencies(self) -> tuple[dict[str, Doubles], str]:
        """The log frequency of each word of each story, and where it comes from.

        A list that cannot serve must not cost the run: the words of all stories are then counted in the stories.
        """
        texts = {stem: story.words.text for stem, story in sorted(self.stories.items())}
        counts, source = count_words(texts.values()), self.settings.word_frequencies
        try:
            return {stem: log_frequencies(text, source, counts) for stem, text in texts.items()}, source
        except FrequencyListError as error:
            reason = f"words are counted in the stories (--word-frequencies {STORIES}): {error}"
            notice(logging.WARNING, f"nuisance band: {reason}")
            return {stem: log_frequencies(text, STORIES, counts) for stem, text in texts.items()}, reason

    @cached_property
    def _sound(self) -> tuple[dict[str, Doubles] | None, str]:
        """The envelope of each story; None, and the reason, if one has none."""
        envelopes = {}
        for stem, path in audio_files(self.timings, self.settings).items():
            if path is None:
                return None, f"left out: there is no WAV file of {stem}"
            try:
                envelopes[stem] = read_envelope(path)
            except DatasetError as error:
                return None, f"left out: {error}"
        return envelopes, ""

    @property
    def _envelopes(self) -> dict[str, Doubles] | None:
        envelopes, reason = self._sound
        if reason:
            notice(logging.INFO, f"the nuisance band has no acoustic envelope: {reason.removeprefix('left out: ')}")
        return envelopes

    def _sums(self, timing: StimulusTiming) -> Floats:
        heard = timed_words(timing, self.stories)
        values = np.concatenate([self.of_words(story)[rows] for story, rows, _, _ in heard])
        onset = np.concatenate([onset for _, _, onset, _ in heard])
        later = 1 if self.settings.word_volume == "next" else 0
        sums = word_sums(values, onset, timing.repetition_time, timing.uncensored.volumes, later=later)
        if self._envelopes is None:
            return sums
        return np.column_stack([sums, self._envelope(timing)]).astype(np.float32)

    def _envelope(self, timing: StimulusTiming) -> Doubles:
        """Mean envelope of each volume inside the story events, also of censored ones (n_volumes,)."""
        envelopes = self._envelopes
        assert envelopes is not None
        stems, seconds = story_time(timing.uncensored)
        means = np.zeros(len(seconds))
        for volume, (stem, start) in enumerate(zip(stems, seconds, strict=True)):
            if stem:
                first, last = (round(max(0.0, time) / FRAME) for time in (start, start + timing.repetition_time))
                part = envelopes[stem][first:last]
                means[volume] = part.mean() if part.size else 0.0
        return means


def band_of(timings: Sequence[StimulusTiming], stories: Mapping[str, Story], settings: EvidenceOptions) -> Band:
    """The band of runs; words are counted in the stories that they play."""
    played = sorted({stimulus.stem for timing in timings for stimulus in timing.stimuli})
    return Band(tuple(timings), {stem: stories[stem] for stem in played}, settings)


def audio_files(timings: Sequence[StimulusTiming], settings: EvidenceOptions) -> dict[str, Path | None]:
    """The WAV file of each story that the runs play, by stem; None without one."""
    stim_files = {s.stem: s.stim_file for timing in timings for s in timing.stimuli}
    return {stem: _audio_of(stim_file, settings) for stem, stim_file in sorted(stim_files.items())}


def _audio_of(stim_file: str, settings: EvidenceOptions) -> Path | None:
    return find_audio(settings.bids_dir, stim_file, find_words(settings.bids_dir, stim_file, settings.annotations))


def audio_identity(stim_files: Mapping[str, str], settings: EvidenceOptions) -> dict[str, list[str]]:
    """For the inputs of an analysis: the content of the sound of each story, by a name for messages."""
    paths = {stem: _audio_of(stim_file, settings) for stem, stim_file in stim_files.items()}
    return {f"sound of {stem}": ["none" if path is None else sha256_of(path)] for stem, path in paths.items()}


def word_rate(timing: StimulusTiming, stories: Mapping[str, Story]) -> Floats:
    """Words per volume, convolved with the haemodynamic response, on the kept volumes (n_kept,)."""
    onset = np.concatenate([onset for _, _, onset, _ in timed_words(timing, stories)])
    grid = np.arange(int(timing.volumes[-1]) + 1)
    words = word_sums(np.ones((len(onset), 1), dtype=np.float32), onset, timing.repetition_time, grid)
    return np.asarray(convolve(words, timing.repetition_time)[timing.volumes, 0], dtype=np.float32)
