"""Stimulus timing: the words of each story on the time line of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bids_app.bids.events import Stimulus
from bids_app.bids.words import Words

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class StimulusTiming:
    """Stimuli and story volumes of one run.

    Attributes
    ----------
    repetition_time : s
    volumes : (n_kept,) indices of the volumes inside the run's story events, ascending
    stimuli : the audio files that were played, with their onsets in the scan; a file that was played twice is listed
        twice
    censored : (n_censored,) volumes inside the story events that are left out for head motion, ascending
    """

    repetition_time: float
    volumes: Integers
    stimuli: tuple[Stimulus, ...]
    censored: Integers = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def uncensored(self) -> StimulusTiming:
        """The same with censored volumes included: the time line for delays."""
        return StimulusTiming(self.repetition_time, np.union1d(self.volumes, self.censored), self.stimuli)

    @property
    def is_kept(self) -> npt.NDArray[np.bool_]:
        """Which volumes inside the story events are kept (n_kept + n_censored,)."""
        return np.isin(self.uncensored.volumes, self.volumes)

    @property
    def events(self) -> Integers:
        """Index of the story event of each kept volume (n_kept,), counted over all stimuli; the first that holds it."""
        event = np.full(len(self.volumes), -1)
        for number, (start, end) in enumerate(event for stimulus in self.stimuli for event in stimulus.story):
            covered = volumes_of((start, end), self.repetition_time, int(self.volumes[-1]) + 1)
            inside = (self.volumes >= covered.start) & (self.volumes < covered.stop)
            event[(event < 0) & inside] = number
        return event

    @property
    def segment_lengths(self) -> tuple[int, ...]:
        """Number of kept volumes of each story event, in temporal order; delays do not cross stories."""
        event = self.events
        borders = np.flatnonzero((np.diff(event) != 0) | (np.diff(self.volumes) != 1)) + 1
        return tuple(int(n) for n in np.diff([0, *borders, len(event)]))

    def same_grid(self, other: StimulusTiming) -> bool:
        """Whether both heard the same single story at the same times relative to its volumes."""
        if len(self.stimuli) != 1 or [s.stem for s in self.stimuli] != [s.stem for s in other.stimuli]:
            return False
        mine, theirs = (x.volumes * x.repetition_time - x.stimuli[0].audio_onset for x in (self, other))
        return mine.shape == theirs.shape and bool(np.allclose(mine, theirs, atol=1e-3))


@dataclass(frozen=True)
class Story:
    """One stimulus with word timings.

    Attributes
    ----------
    words : times in seconds from the start of the audio file; NaN for unaligned words
    canonical : the time grid of the dictionary, the most common one in the data set, see `story_union`
    """

    stem: str
    words: Words
    canonical: StimulusTiming


def timing_of(
    stimuli: Sequence[Stimulus],
    repetition_time: float,
    n_volumes: int | None = None,
    is_censored: npt.NDArray[np.bool_] | None = None,
) -> StimulusTiming:
    """Keep the volumes inside the story events, from each event's onset to its end, as the Narratives paper does.

    `n_volumes` None: as many as the events need. `is_censored` (n_volumes,): volumes to leave out.
    """
    events = [event for stimulus in stimuli for event in stimulus.story]
    inside = {volume for event in events for volume in volumes_of(event, repetition_time, n_volumes)}
    volumes = np.array(sorted(inside), dtype=np.int64)
    censored = np.zeros(len(volumes), dtype=bool) if is_censored is None else is_censored[volumes]
    return StimulusTiming(repetition_time, volumes[~censored], tuple(stimuli), volumes[censored])


def volumes_of(event: tuple[float, float], repetition_time: float, n_volumes: int | None = None) -> range:
    """Volumes of a story event among the `n_volumes` of the scan."""
    length = np.inf if n_volumes is None else n_volumes * repetition_time
    first, last = (round(min(time, length) / repetition_time) for time in event)
    return range(max(first, 0), last)


def story_time(timing: StimulusTiming) -> tuple[tuple[str, ...], Floats]:
    """Stem of the stimulus at each kept volume (n_kept,), and seconds since the start of its audio (n_kept,).

    A volume outside of story events has the stem "" and NaN. Volumes of two runs, or of two presentations in one run,
    with the same stem and seconds heard the same.
    """
    of_event = [stimulus for stimulus in timing.stimuli for _ in stimulus.story]
    events = timing.events
    stems = tuple(of_event[event].stem if event >= 0 else "" for event in events)
    onsets = np.array([of_event[event].audio_onset if event >= 0 else np.nan for event in events], dtype=float)
    return stems, timing.volumes * timing.repetition_time - onsets


def words_heard(stimulus: Stimulus, words: Words) -> tuple[Integers, Floats, Floats]:
    """Rows of the timed words inside the story events, their onsets in scan time (s) and durations (s)."""
    onset = words.onset + stimulus.audio_onset
    rows = np.flatnonzero(words.shifted(stimulus.audio_onset).timed_within(stimulus.story))
    return rows, onset[rows], words.duration[rows]


def segments_of(stimulus: Stimulus, words: Words) -> list[slice]:
    """The words of each story event, from the first to the last timed word, including untimed words between them.

    A file with two stories has two segments; words before, between and after them belong to none.
    """
    heard = words.shifted(stimulus.audio_onset)
    rows = [np.flatnonzero(heard.timed_within([event])) for event in stimulus.story]
    return [slice(int(inside[0]), int(inside[-1]) + 1) for inside in rows if len(inside)]


def timed_words(timing: StimulusTiming, stories: Mapping[str, Story]) -> list[tuple[Story, Integers, Floats, Floats]]:
    """`words_heard` for each story of a run; a story that was played twice has the words of both playings."""
    heard: dict[str, list[tuple[Integers, Floats, Floats]]] = {}
    for stimulus in timing.stimuli:
        heard.setdefault(stimulus.stem, []).append(words_heard(stimulus, stories[stimulus.stem].words))
    return [
        (stories[stem], *(np.concatenate(column) for column in zip(*playings, strict=True)))  # type: ignore[misc]
        for stem, playings in heard.items()
    ]
