"""What was heard when: the words of each story on the time line of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.bids.events import Stimulus
from bids_app.bids.words import Words

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Listening:
    """What one run heard.

    Attributes
    ----------
    repetition_time : s
    volumes : (n_kept,) indices of the volumes inside the run's story events, ascending
    stimuli : the audio files that were played, each with its place on the scan's time line
    """

    repetition_time: float
    volumes: Integers
    stimuli: tuple[Stimulus, ...]

    def same_grid(self, other: Listening) -> bool:
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
    words : times in seconds from the start of the audio file; NaN where a word could not be aligned
    canonical : the time grid on which the dictionary is learned: that of the first run of the data set that heard it
    """

    stem: str
    words: Words
    canonical: Listening


def listen(stimuli: Sequence[Stimulus], repetition_time: float, n_volumes: int | None = None) -> Listening:
    """Keep the volumes inside the story events, from each event's onset to its end, as the Narratives paper does.

    `n_volumes` None: as many as the events need.
    """
    volumes: set[int] = set()
    length = np.inf if n_volumes is None else n_volumes * repetition_time
    for stimulus in stimuli:
        for start, end in stimulus.story:
            first, last = (round(min(time, length) / repetition_time) for time in (start, end))
            volumes |= set(range(max(first, 0), last))
    return Listening(repetition_time, np.array(sorted(volumes), dtype=np.int64), tuple(stimuli))


def words_heard(stimulus: Stimulus, words: Words) -> tuple[Integers, Floats, Floats]:
    """Rows of the timed words inside the story events, their onsets in scan time (s) and durations (s)."""
    onset = words.onset + stimulus.audio_onset
    midpoint = onset + words.duration / 2
    inside = np.zeros(len(onset), dtype=bool)
    for start, end in stimulus.story:
        inside |= (midpoint >= start) & (midpoint < end)  # NaN compares false
    rows = np.flatnonzero(inside)
    return rows, onset[rows], words.duration[rows]


def timed_words(listening: Listening, stories: Mapping[str, Story]) -> list[tuple[Story, Integers, Floats, Floats]]:
    """`words_heard` for each stimulus of a run."""
    return [
        (stories[stimulus.stem], *words_heard(stimulus, stories[stimulus.stem].words)) for stimulus in listening.stimuli
    ]
