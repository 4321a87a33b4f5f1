"""Passages heard more than once: in two runs, twice in a run, or in two stories that share words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.bids.words import Words
from bids_app.inputs.timing import StimulusTiming, Story, story_time
from bids_app.language.passages import NOWHERE, Text, shared_words

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Responses follow the words by this many seconds; shared content is looked up at these words first.
_RESPONSE_LAG = 4.5
# Largest gap (s) between two shared words, and largest difference of their pace (share, s).
_LONGEST_GAP, _PACE, _SLACK = 30.0, 0.2, 0.5
# A pause (s) before or after a passage belongs to it.
_PAUSE = 1.5
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Presentation:
    """A block of volumes in which one story was played.

    Attributes
    ----------
    run : number of the run
    rows : rows among the volumes of all runs
    seconds : (n_rows,) since the start of the audio file
    """

    run: int
    stem: str
    rows: slice
    seconds: Floats
    repetition_time: float


def presentations(timings: Sequence[StimulusTiming]) -> Iterator[Presentation]:
    """Each story event of each run, in order; volumes outside of events are left out."""
    start = 0
    for run, timing in enumerate(timings):
        stems, seconds = story_time(timing)
        first = 0
        for length in timing.segment_lengths:
            if stems[first]:
                rows = slice(start + first, start + first + length)
                seconds_heard = seconds[first : first + length]
                yield Presentation(run, stems[first], rows, seconds_heard, timing.repetition_time)
            first += length
        start += first


def heard_content(timings: Sequence[StimulusTiming], stories: Mapping[str, Story]) -> Integers | None:
    """A number for the content of each kept volume, (n_volumes of all runs,), equal for repeated passages.

    Volumes with new content get new numbers. A volume within half a volume of an earlier presentation, of the same
    story or of one that shares these words, gets the number of the nearest volume there. Censored volumes are numbered
    too, so that a volume censored in one run only lies between its neighbours. None if nothing was heard twice.
    """
    everything = _content_of_all([timing.uncensored for timing in timings], stories)
    kept = everything[np.concatenate([timing.is_kept for timing in timings])]
    different, content = np.unique(kept, return_inverse=True)
    return None if len(different) == len(kept) else np.asarray(content)


def _content_of_all(timings: Sequence[StimulusTiming], stories: Mapping[str, Story]) -> Integers:
    """The numbers of `heard_content` for runs without censored volumes."""
    content = np.full(sum(len(presentation.volumes) for presentation in timings), NOWHERE)
    known: dict[str, list[Presentation]] = {}
    links = _Links(stories)
    n_different = 0
    for presentation in presentations(timings):
        numbers = _recognised(presentation, known, links, content)
        new = numbers == NOWHERE
        numbers[new] = n_different + np.arange(new.sum())
        n_different += int(new.sum())
        content[presentation.rows] = numbers
        known.setdefault(presentation.stem, []).append(presentation)
    outside = np.flatnonzero(content == NOWHERE)
    content[outside] = n_different + np.arange(len(outside))
    return _in_order(content)


def _in_order(content: Integers) -> Integers:
    """Renumber by the first volume with each number."""
    _, first, inverse = np.unique(content, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse])


def _recognised(
    presentation: Presentation, known: Mapping[str, Sequence[Presentation]], links: _Links, content: Integers
) -> Integers:
    """Numbers of earlier content, (n_rows,), `NOWHERE` for new content."""
    numbers = np.full(len(presentation.seconds), NOWHERE)
    for stem in sorted(known, key=lambda stem: stem != presentation.stem):
        missing = np.flatnonzero(numbers == NOWHERE)
        if len(missing) == 0:
            break
        seconds = presentation.seconds[missing]
        if stem != presentation.stem:
            link = links.between(stem, presentation.stem)
            if link is None:
                continue
            seconds = link.heard_at(seconds)
        numbers[missing] = _nearest(seconds, presentation.repetition_time, known[stem], content)
    return numbers


def _nearest(seconds: Floats, repetition_time: float, earlier: Sequence[Presentation], content: Integers) -> Integers:
    """Numbers of the nearest volumes of one story, `NOWHERE` if none is within half a volume or seconds are NaN."""
    times = np.concatenate([presentation.seconds for presentation in earlier])
    numbers = np.concatenate([content[presentation.rows] for presentation in earlier])
    reach = np.concatenate(
        [
            np.full(len(presentation.seconds), max(presentation.repetition_time, repetition_time))
            for presentation in earlier
        ]
    )
    order = np.argsort(times, kind="stable")
    times, numbers, reach = times[order], numbers[order], reach[order] / 2 + _ROUNDING
    after = np.searchsorted(times, seconds).clip(max=len(times) - 1)
    before = (after - 1).clip(min=0)
    nearest = np.where(np.abs(times[after] - seconds) < np.abs(times[before] - seconds), after, before)
    return np.where(np.abs(times[nearest] - seconds) <= reach[nearest], numbers[nearest], NOWHERE)


class _Links:
    """Words shared by stories, looked up once for each pair."""

    def __init__(self, stories: Mapping[str, Story]) -> None:
        self._stories = stories
        self._texts: dict[str, Text] = {}
        self._links: dict[tuple[str, str], _Link | None] = {}

    def between(self, earlier: str, later: str) -> _Link | None:
        """The link between two stories; None if they share nothing."""
        pair = (earlier, later)
        if pair not in self._links:
            self._links[pair] = self._link(*pair)
        return self._links[pair]

    def _text(self, stem: str) -> Text:
        if stem not in self._texts:
            self._texts[stem] = Text(self._stories[stem].words.text)
        return self._texts[stem]

    def _link(self, earlier: str, later: str) -> _Link | None:
        shared = shared_words(self._text(earlier), self._text(later))
        here, there = self._stories[later].words, self._stories[earlier].words
        rows = np.flatnonzero(shared != NOWHERE)
        rows = rows[here.is_timed[rows] & there.is_timed[shared[rows]]]
        return _Link.of(here, rows, there, shared[rows]) if len(rows) else None


@dataclass(frozen=True)
class _Link:
    """Onsets (s) of the words that two stories share, (n_shared,): in this story, ascending, and in the other."""

    here: Floats
    there: Floats

    @classmethod
    def of(cls, here: Words, rows: Integers, there: Words, shared: Integers) -> _Link:
        order = np.argsort(here.onset[rows], kind="stable")
        return cls(here.onset[rows][order], there.onset[shared][order])

    def heard_at(self, seconds: Floats) -> Floats:
        """Times in the other story of the content that drives the responses at these seconds; NaN without any."""
        delayed = self._time_in_other(seconds - _RESPONSE_LAG) + _RESPONSE_LAG
        return np.where(np.isnan(delayed), self._time_in_other(seconds), delayed)

    def _time_in_other(self, seconds: Floats) -> Floats:
        after = np.searchsorted(self.here, seconds, side="right")
        has_before, has_after = after > 0, after < len(self.here)
        p, q = (after - 1).clip(min=0), after.clip(max=len(self.here) - 1)
        since, until = seconds - self.here[p], self.here[q] - seconds
        gap, other_gap = self.here[q] - self.here[p], self.there[q] - self.there[p]
        even = np.abs(other_gap - gap) <= _PACE * gap + _SLACK
        between = has_before & has_after & even & (gap <= _LONGEST_GAP)
        share = np.divide(since, gap, out=np.zeros_like(since), where=gap > 0)
        times = np.where(has_after & (until <= _PAUSE), self.there[q] - until, np.nan)
        times = np.where(has_before & (since <= _PAUSE), self.there[p] + since, times)
        return np.asarray(np.where(between, self.there[p] + share * other_gap, times))


@dataclass(frozen=True)
class Repetition:
    """Presentations with shared content: their stories, run numbers, and number of shared volumes."""

    stems: tuple[str, ...]
    runs: tuple[int, ...]
    n_volumes: int


def repetitions(timings: Sequence[StimulusTiming], content: Integers | None) -> list[Repetition]:
    """Repeated passages, for messages; `content` is that of `heard_content`."""
    if content is None:
        return []
    often = np.bincount(content) > 1
    groups: list[tuple[set[int], list[Presentation]]] = []
    for presentation in presentations(timings):
        numbers = {int(number) for number in content[presentation.rows] if often[number]}
        if not numbers:
            continue
        together = [group for group in groups if group[0] & numbers]
        groups = [group for group in groups if not group[0] & numbers]
        groups.append(
            (numbers.union(*(group[0] for group in together)), [p for g in together for p in g[1]] + [presentation])
        )
    return [
        Repetition(
            tuple(dict.fromkeys(presentation.stem for presentation in members)),
            tuple(dict.fromkeys(presentation.run for presentation in members)),
            sum(int(often[content[presentation.rows]].sum()) for presentation in members),
        )
        for _, members in groups
    ]
