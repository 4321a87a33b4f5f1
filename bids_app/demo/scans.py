"""What is heard in a scan, and when: the story, its audio file and the volumes that cover it."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bids_app.bids.words import Words, read_words

REPETITION_TIME = 1.5  # s
_AUDIO_ONSET = 3.0  # s of scan time, a whole number of volumes
_MUSIC = 12.0  # s before the story, in the audio file
_TAIL = 9.0  # s of scan after the story
_SHORTEST = 40  # volumes, for less than half a minute of story


@dataclass(frozen=True)
class Scan:
    """The time line that all runs of one story share.

    `task` is also the name of the story; `start` and `end` are seconds from the start of the audio file, which begins
    `audio_onset` seconds after the first of the `n_volumes` volumes.
    """

    task: str
    start: float
    end: float
    n_volumes: int
    audio_onset: float = _AUDIO_ONSET

    @property
    def stimulus(self) -> str:
        """Name of the audio file without its ending."""
        return f"{self.task}_audio"

    @property
    def kept(self) -> NDArray[np.int64]:
        """Numbers of the volumes inside the story event."""
        first, last = (round((self.audio_onset + time) / REPETITION_TIME) for time in (self.start, self.end))
        return np.arange(first, min(last, self.n_volumes))


def made_scan(task: str, n_volumes: int) -> Scan:
    """Time line of a story of our own: music first, and a little silence after the story."""
    if n_volumes < _SHORTEST:
        raise ValueError(f"n_volumes={n_volumes} leaves no room for a story; take at least {_SHORTEST}.")
    return Scan(task, _MUSIC, n_volumes * REPETITION_TIME - _AUDIO_ONSET - _TAIL, n_volumes)


def given_scan(annotations: Path) -> Scan:
    """Time line of a story whose words and times are in a file: as many volumes as it needs."""
    words = read_words(annotations)
    start, end = float(np.nanmin(words.onset)), float(np.nanmax(words.onset + words.duration))
    n_volumes = int(np.ceil((_AUDIO_ONSET + end + _TAIL) / REPETITION_TIME))
    return Scan(_label(annotations), start, end, n_volumes)


def _label(annotations: Path) -> str:
    """Name of the story: that of the file, or of its folder where the file is named after the aligner."""
    stem = annotations.stem if annotations.stem != "align" else annotations.parent.name
    label = "".join(filter(str.isalnum, stem.removesuffix("_words").removesuffix("_audio")))
    if not label:
        raise ValueError(f"{annotations} has no letter or digit in its name to name the story after; rename it.")
    return label


def heard(scan: Scan, words: Words) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return onset (n_words,) in scan time and duration of the words; NaN for those outside the story."""
    middle = words.onset + words.duration / 2
    inside = (middle >= scan.start) & (middle < scan.end)  # NaN compares false
    return np.where(inside, words.onset + scan.audio_onset, np.nan), np.where(inside, words.duration, np.nan)


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random numbers for one purpose: adding a participant or a story changes no other."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])
