"""Decide which events of a run continue an audio file and which play it again, and check them against the scan.

A table of events names the file of each event but not the position in the file at which the event starts. The words
show it:

- If the file, played on since its start, still has words during an event, the event belongs to the same playing (the
  two stories of Narratives' `slumlordreach`); adjoining events form one story.
- Otherwise, and if words would have occurred between two events of equal length, the file was played again.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bids_app.bids.cleaned import may_be_censored
from bids_app.bids.dataset import Run
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import TOUCHING, Interval, Stimulus
from bids_app.bids.words import Words
from bids_app.inputs.timing import StimulusTiming, Story, timing_of, volumes_of
from bids_app.machine.notices import notice

STRAYS = 5  # number of words between two events that may be stray
MANY = 10.0  # multiple of the scan length that no onset or duration in seconds exceeds
CUT_OFF = 0.05  # share of words after the end of the scan that causes a warning
SILENT = 60.0  # s of a story without a word that cause a warning


def presentations(stimuli: Sequence[Stimulus], words: Mapping[str, Words]) -> tuple[Stimulus, ...]:
    """Stimuli with words, once for each playing, in temporal order."""
    split = [
        presentation
        for stimulus in stimuli
        if stimulus.stem in words
        for presentation in _split(stimulus, words[stimulus.stem])
    ]
    return tuple(sorted(split, key=lambda stimulus: stimulus.audio_onset))


def _split(stimulus: Stimulus, words: Words) -> Iterator[Stimulus]:
    restarts = stimulus.restarts or tuple(start for start, _ in stimulus.story)
    audio_onset, story = stimulus.audio_onset, [stimulus.story[0]]
    for event, restart in zip(stimulus.story[1:], restarts[1:], strict=True):
        if _goes_on(words, audio_onset, story[-1], event, restart):
            touches = event[0] <= story[-1][1] + TOUCHING
            story = [*story[:-1], (story[-1][0], max(story[-1][1], event[1]))] if touches else [*story, event]
        else:
            yield dataclasses.replace(stimulus, audio_onset=audio_onset, story=tuple(story), restarts=())
            audio_onset, story = restart, [event]
    yield dataclasses.replace(stimulus, audio_onset=audio_onset, story=tuple(story), restarts=())


def _goes_on(words: Words, audio_onset: float, before: Interval, event: Interval, restart: float) -> bool:
    """Whether a file that started at `audio_onset` continued during a later event instead of restarting."""
    if event[0] < before[1] - TOUCHING:
        return True
    on, again = (_spoken(words, event, start) for start in (audio_onset, restart))
    if on < again - 0.1:
        return False
    same_length = abs((event[1] - event[0]) - (before[1] - before[0])) < TOUCHING
    return not (same_length and again > 0 and _n_words(words, (before[1], event[0]), audio_onset) > STRAYS)


def _spoken(words: Words, event: Interval, audio_onset: float) -> float:
    """Share of an event between the first and the last word of a file that started at `audio_onset`."""
    onset, end = words.onset + audio_onset, words.onset + words.duration + audio_onset
    inside = (onset >= event[0] - TOUCHING) & (end <= event[1] + TOUCHING)  # NaN compares false
    if not inside.any():
        return 0.0
    if not np.isfinite(event[1]):
        return 1.0
    return float((end[inside].max() - onset[inside].min()) / max(event[1] - event[0], TOUCHING))


def _n_words(words: Words, event: Interval, audio_onset: float) -> int:
    middle = words.onset + words.duration / 2 + audio_onset
    return int(((middle >= event[0]) & (middle < event[1])).sum())


def heard_in(
    run: Run,
    stories: Mapping[str, Story],
    repetition_time: float,
    n_volumes: int,
    is_censored: npt.NDArray[np.bool_] | None = None,
) -> StimulusTiming:
    """Timing of the stories with words in a run, without the volumes of `is_censored` (n_volumes,).

    Raises DatasetError if no story lies inside the scan, or a time cannot be in seconds.
    """
    words = {stem: story.words for stem, story in stories.items()}
    stimuli = presentations(run.stimuli, words)
    scan = n_volumes * repetition_time
    kept = [stimulus for stimulus in stimuli if _volumes(stimulus, repetition_time, n_volumes)]
    _refuse_other_units(run, stimuli, scan)
    if not kept:
        times = ", ".join(f"{start:g}–{end:g} s" for stimulus in stimuli for start, end in stimulus.story)
        raise DatasetError(
            f"{run.files[0].name}: none of its {n_volumes} volumes lies inside a story event of {run.events} "
            f"({times or 'no story with words'}; the scan lasts {scan:g} s); check onsets (seconds from the first "
            f"volume) and repetition time ({repetition_time:g} s)"
        )
    _refuse_two_at_once(run, kept, repetition_time)
    _refuse_lost_volumes(run, kept, words, scan)
    for stimulus in stimuli:
        for line in _doubts(stimulus, words[stimulus.stem], scan, stimulus in kept):
            notice(logging.WARNING, f"{run.label}: {line}")
    return timing_of(kept, repetition_time, n_volumes, is_censored)


def _volumes(stimulus: Stimulus, repetition_time: float, n_volumes: int) -> int:
    return sum(len(volumes_of(event, repetition_time, n_volumes)) for event in stimulus.story)


def _refuse_other_units(run: Run, stimuli: Sequence[Stimulus], scan: float) -> None:
    for stimulus in stimuli:
        last = max(time for event in stimulus.story for time in event if np.isfinite(time))
        if last > MANY * scan:
            raise DatasetError(
                f"{run.label}: {run.events} names {last:g} s in the story of {stimulus.stim_file}, but the scan ends "
                f"at {scan:g} s: are these milliseconds? Write seconds from the first volume, and n/a for a duration "
                "that is not known"
            )


def _refuse_two_at_once(run: Run, stimuli: Sequence[Stimulus], repetition_time: float) -> None:
    """Raise DatasetError if two stories overlap by more than a volume, which would count twice."""
    events = sorted((start, end, stimulus.stim_file) for stimulus in stimuli for start, end in stimulus.story)
    for (start, end, first), (onset, _, second) in pairwise(events):
        if first != second and onset < end - repetition_time:
            raise DatasetError(
                f"{run.label}: {run.events} has two stories at the same time, {first} from {start:g} to {end:g} s and "
                f"{second} from {onset:g} s: correct the table, or take out the rows of the one that was not listened "
                "to"
            )


def _refuse_lost_volumes(run: Run, stimuli: Sequence[Stimulus], words: Mapping[str, Words], scan: float) -> None:
    """Raise DatasetError if volumes may have been removed from a series and no file lists them."""
    if run.outliers is not None or not may_be_censored(run.derivative):
        return
    for stimulus in stimuli:
        heard, late = _n_heard(stimulus, words[stimulus.stem], scan)
        if late > CUT_OFF * heard:
            raise DatasetError(
                f"{run.files[0]} ends at {scan:g} s, before the story of {stimulus.stim_file} does, and no "
                "…_outliers.tsv stands beside it: volumes with head motion may have been taken out of it, so that it "
                "is not known when each was scanned. Add the table, give uncensored series, or leave the run out "
                "(--exclude-scans)"
            )


def _n_heard(stimulus: Stimulus, words: Words, scan: float) -> tuple[int, int]:
    """Number of words in the story, and of those after the end of the scan."""
    heard = sum(_n_words(words, event, stimulus.audio_onset) for event in stimulus.story)
    late = sum(_n_words(words, (max(start, scan), end), stimulus.audio_onset) for start, end in stimulus.story)
    return heard, late


def _doubts(stimulus: Stimulus, words: Words, scan: float, is_kept: bool) -> Iterator[str]:
    """Doubts about a stimulus that can still be used."""
    if not is_kept:
        yield f"{stimulus.stim_file} was played outside the scan ({stimulus.story[0][0]:g} s); it is left out"
        return
    heard, late = _n_heard(stimulus, words, scan)
    if late > CUT_OFF * heard:
        yield (
            f"the scan ends at {scan:g} s, before the story of {stimulus.stim_file} does: {late} of its {heard} words "
            "are not used"
        )
    start, end = _longest_silence(stimulus, words, scan)
    if end - start > SILENT:
        yield (
            f"no word of {stimulus.stim_file} falls between {start:g} and {end:g} s of its story: if it was spoken "
            "there, the list of words is incomplete or its times do not start with the audio; if it had ended, correct "
            "the duration of the event"
        )


def _longest_silence(stimulus: Stimulus, words: Words, scan: float) -> Interval:
    """The longest time of the story, within the scan, without a word (s in the scan)."""
    order = np.argsort(words.onset[words.is_timed], kind="stable")
    onset = words.onset[words.is_timed][order] + stimulus.audio_onset
    end = np.maximum.accumulate(onset + words.duration[words.is_timed][order])  # speakers may talk at once
    silences = []
    for start, stop in stimulus.story:
        event = (max(start, 0.0), min(stop, scan))
        spoken = (onset < event[1]) & (end > event[0])
        silences += list(zip([event[0], *end[spoken]], [*onset[spoken], event[1]], strict=True))
    first, last = max(silences, key=lambda silence: silence[1] - silence[0])
    return float(first), float(last)
