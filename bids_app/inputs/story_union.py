"""Combine all runs of a story: its words, and the time grid on which its dictionary is learned."""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.bids.dataset import StimulusUse
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import TOUCHING, Interval, Stimulus
from bids_app.bids.words import Words
from bids_app.inputs.presentations import presentations
from bids_app.inputs.timing import StimulusTiming, Story, timing_of
from bids_app.machine.notices import notice
from bids_app.wording import listed

BEYOND = 60.0  # s by which a story event may outlast the last word of its file
_SAME_TIME = 1e-3  # s
MORE = 0.05  # share of further words from which the grid is extended


@dataclass(frozen=True)
class _Heard:
    """One playing in one run: `intervals` of the story in seconds from the start of the audio file.

    `is_cut`: a missing or impossible end was replaced by the end of the words.
    """

    use: StimulusUse
    stimulus: Stimulus
    intervals: tuple[Interval, ...]
    is_cut: bool

    @property
    def rounded(self) -> tuple[Interval, ...]:
        return tuple((round(start, 2), round(end, 2)) for start, end in self.intervals)


def unite(
    stem: str, words: Words, uses: Sequence[StimulusUse], repetition_time: Callable[[StimulusUse], float]
) -> Story:
    """The story, combined over all runs.

    Its words are those that any run heard, and those after the last event, which may end before the audio does. Its
    grid is the most common one among runs whose events have a plausible end (in a tie, the grid with most words, then
    the shortest), extended by intervals of other runs with further words. No event lasts longer than the words of the
    file. `repetition_time` is called for the run of the grid if its metadata lack the time (s). Raises DatasetError if
    no run heard a word.
    """
    heard = [playing for use in uses for playing in _heard(use, words)]
    covered = [_covered(words, playing.intervals) for playing in heard]
    usable = [(playing, mask) for playing, mask in zip(heard, covered, strict=True) if mask.any()]
    if not usable:
        raise DatasetError(
            f"none of the {len(words)} words of {uses[0].stimulus.stim_file} falls inside a story event of "
            f"{uses[0].events}{_and_more(len(uses) - 1)}; times of words must be seconds from the start of the audio "
            "file, onsets of events seconds from the first volume"
        )
    most = _most_common(
        [playing for playing, _ in usable if not playing.is_cut] or [playing for playing, _ in usable], words
    )
    intervals, mask = most.intervals, _covered(words, most.intervals)
    for playing, covers in usable:
        if (covers & ~mask).sum() > MORE * mask.sum():
            intervals, mask = _joined([*intervals, *playing.intervals]), mask | covers
    _report(stem, [playing for playing, _ in usable], most, intervals)
    seconds = most.use.repetition_time or repetition_time(most.use)
    _report_times(stem, [playing.use for playing, _ in usable], most.use.label, seconds)
    _doubt_units(words, most, intervals, seconds)
    _report_unheard(stem, words, np.any([mask for _, mask in usable], axis=0))
    end = max(end for playing, _ in usable for _, end in playing.intervals)
    kept, _ = words.within([*(interval for playing, _ in usable for interval in playing.intervals), (end, np.inf)])
    return Story(stem, kept, _grid(most, intervals, seconds))


def _heard(use: StimulusUse, words: Words) -> list[_Heard]:
    """Playings of a run, without anything played before the scan."""
    last = float(np.nanmax(words.onset + words.duration))
    playings = []
    for stimulus in presentations([use.stimulus], {use.stimulus.stem: words}):
        onset = stimulus.audio_onset
        relative = [(max(start, 0.0) - onset, end - onset) for start, end in stimulus.story]
        bounded = [(start, end if end <= last + BEYOND else last) for start, end in relative]
        intervals = tuple((start, end) for start, end in bounded if end > start)
        playings.append(_Heard(use, stimulus, intervals, bounded != relative))
    return playings


def _covered(words: Words, intervals: Sequence[Interval]) -> npt.NDArray[np.bool_]:
    middle = words.onset + words.duration / 2
    inside = np.zeros(len(words), dtype=bool)
    for start, end in intervals:
        inside |= (middle >= start) & (middle < end)  # NaN compares false
    return inside


def _most_common(heard: Sequence[_Heard], words: Words) -> _Heard:
    groups: dict[tuple[object, ...], list[_Heard]] = {}
    for playing in heard:
        seconds = playing.use.repetition_time or 0.0
        phase = round(playing.stimulus.audio_onset % seconds, 3) if seconds else 0.0
        groups.setdefault((playing.rounded, seconds, phase), []).append(playing)

    def rank(group: Sequence[_Heard]) -> tuple[int, int, float]:
        intervals = group[0].intervals
        return len(group), int(_covered(words, intervals).sum()), -sum(end - start for start, end in intervals)

    return max(groups.values(), key=rank)[0]


def _joined(intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    joined: list[Interval] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1] + TOUCHING:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def _grid(most: _Heard, intervals: Sequence[Interval], repetition_time: float) -> StimulusTiming:
    """Volumes of the intervals in the scan of one run; the audio is shifted if they begin before the scan."""
    onset = most.stimulus.audio_onset
    early = max(0.0, -(onset + intervals[0][0]))
    onset += np.ceil(early / repetition_time - 1e-6) * repetition_time
    story = tuple((start + onset, end + onset) for start, end in intervals)
    return timing_of([dataclasses.replace(most.stimulus, audio_onset=onset, story=story)], repetition_time)


def _report(stem: str, heard: Sequence[_Heard], most: _Heard, intervals: tuple[Interval, ...]) -> None:
    others = [playing for playing in heard if playing.rounded != most.rounded]
    if others:
        named = listed([f"{playing.use.label} {_times(playing.intervals)}" for playing in others], 5, separator="; ")
        notice(
            logging.INFO,
            f"{stem}: {len(heard) - len(others)} of {len(heard)} playings are of {_times(most.intervals)} of the "
            f"audio, others differ ({named}); time grid of the dictionary: "
            f"{_times(intervals)}",
        )
    times = Counter((playing.use.label, playing.use.events) for playing in heard)
    twice = [label for (label, _), number in times.items() if number > 1]
    if twice:
        notice(logging.INFO, f"{stem}: played more than once in {len(twice)} run(s), such as {twice[0]}")


def _report_unheard(stem: str, words: Words, is_heard: npt.NDArray[np.bool_]) -> None:
    """Log words of the file that no run heard: those before, between or after the story events."""
    unheard = np.flatnonzero(words.is_timed & ~is_heard)
    if len(unheard):
        first = unheard[0]
        notice(
            logging.INFO,
            f"{stem}: {len(unheard)} of {len(words)} words lie outside the story events of every run, the first "
            f"{words.text[first]!r} at {words.onset[first]:.4g} s of the audio: they are in no volume",
        )


def _report_times(stem: str, uses: Sequence[StimulusUse], label: str, seconds: float) -> None:
    """Log the repetition time of the grid if runs differ in it, according to the raw data."""
    times = {use.label: use.repetition_time for use in uses}
    others = [f"{who} {time:g} s" for who, time in times.items() if time and abs(time - seconds) > _SAME_TIME]
    if others:
        notice(
            logging.WARNING,
            f"{stem}: runs differ in their repetition time; the dictionary is learned with that of {label}, "
            f"{seconds:g} s, and its atoms are fitted to the volumes of the others ({listed(others, 5)})",
        )


def _doubt_units(words: Words, most: _Heard, intervals: Sequence[Interval], repetition_time: float) -> None:
    """Warn of a story whose end in seconds equals the number of volumes at the end of its words."""
    onset = most.stimulus.audio_onset
    end, spoken = intervals[-1][1] + onset, float(np.nanmax(words.onset + words.duration)) + onset
    if abs(end * repetition_time / spoken - 1) < 0.05 and abs(repetition_time - 1) > 0.1:
        notice(
            logging.WARNING,
            f"{most.use.events}: the story of {most.stimulus.stim_file} ends at {end:g} s and the words of the "
            f"audio at {spoken:g} s, which is volume {spoken / repetition_time:.0f}: if the table counts "
            "volumes, write seconds",
        )


def _times(intervals: Sequence[Interval]) -> str:
    return ", ".join(f"{start:.4g}–{end:.4g} s" for start, end in intervals)


def _and_more(number: int) -> str:
    return f" (and of {number} more runs)" if number > 0 else ""
