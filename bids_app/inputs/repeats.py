"""What was heard more than once: in two runs, twice in a run, or in two stories that share their words."""

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

# Responses follow the words by so many seconds: what two stories share is looked up at these words first.
_RESPONSE_LAG = 4.5
# Between two shared words lie at most so many seconds, and their pace differs by at most this share and these seconds.
_LONGEST_GAP, _PACE, _SLACK = 30.0, 0.2, 0.5
# A pause after a passage, or before it, still belongs to it.
_PAUSE = 1.5
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Presentation:
    """A block of volumes in which one story was played.

    Attributes
    ----------
    run : number of the run
    rows : rows among the volumes of all runs
    seconds : (n_rows,) in the story, since its audio file started
    """

    run: int
    stem: str
    rows: slice
    seconds: Floats
    repetition_time: float


def presentations(listenings: Sequence[StimulusTiming]) -> Iterator[Presentation]:
    """Each story event of each run, in order; volumes in no event are left out."""
    start = 0
    for run, listening in enumerate(listenings):
        stems, seconds = story_time(listening)
        first = 0
        for length in listening.segment_lengths:
            if stems[first]:
                rows = slice(start + first, start + first + length)
                own = seconds[first : first + length]
                yield Presentation(run, stems[first], rows, own, listening.repetition_time)
            first += length
        start += first


def heard_content(listenings: Sequence[StimulusTiming], stories: Mapping[str, Story]) -> Integers | None:
    """A number for what each kept volume heard, (n_volumes of all runs,): equal where the same was heard again.

    Volumes that hear something new count on. One that is closer than half a volume to what an earlier presentation
    heard has the number of the nearest volume of that: of the same story, or of one that shares these words. Censored
    volumes are numbered with the others first, so that what one run lacks and another has lies between its neighbours.
    None where nothing was heard more than once.
    """
    everything = _content_of_all([one.uncensored for one in listenings], stories)
    kept = everything[np.concatenate([one.is_kept for one in listenings])]
    different, content = np.unique(kept, return_inverse=True)
    return None if len(different) == len(kept) else np.asarray(content)


def _content_of_all(listenings: Sequence[StimulusTiming], stories: Mapping[str, Story]) -> Integers:
    """The numbers of `heard_content` for runs of which no volume is left out."""
    content = np.full(sum(len(one.volumes) for one in listenings), NOWHERE)
    known: dict[str, list[Presentation]] = {}
    links = _Links(stories)
    n_different = 0
    for one in presentations(listenings):
        found = _recognised(one, known, links, content)
        new = found == NOWHERE
        found[new] = n_different + np.arange(new.sum())
        n_different += int(new.sum())
        content[one.rows] = found
        known.setdefault(one.stem, []).append(one)
    outside = np.flatnonzero(content == NOWHERE)
    content[outside] = n_different + np.arange(len(outside))
    return _in_order(content)


def _in_order(content: Integers) -> Integers:
    """The same numbers counted by the first volume that has them."""
    _, first, inverse = np.unique(content, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse])


def _recognised(
    one: Presentation, known: Mapping[str, Sequence[Presentation]], links: _Links, content: Integers
) -> Integers:
    """Numbers of what was heard before, (n_rows,), `NOWHERE` where it is new."""
    found = np.full(len(one.seconds), NOWHERE)
    for stem in sorted(known, key=lambda stem: stem != one.stem):
        missing = np.flatnonzero(found == NOWHERE)
        if len(missing) == 0:
            break
        seconds = one.seconds[missing]
        if stem != one.stem:
            link = links.between(stem, one.stem)
            if link is None:
                continue
            seconds = link.heard_at(seconds)
        found[missing] = _nearest(seconds, one.repetition_time, known[stem], content)
    return found


def _nearest(seconds: Floats, repetition_time: float, earlier: Sequence[Presentation], content: Integers) -> Integers:
    """Numbers of the nearest volumes of one story, `NOWHERE` where none is within half a volume or seconds are NaN."""
    times = np.concatenate([one.seconds for one in earlier])
    numbers = np.concatenate([content[one.rows] for one in earlier])
    reach = np.concatenate([np.full(len(one.seconds), max(one.repetition_time, repetition_time)) for one in earlier])
    order = np.argsort(times, kind="stable")
    times, numbers, reach = times[order], numbers[order], reach[order] / 2 + _ROUNDING
    after = np.searchsorted(times, seconds).clip(max=len(times) - 1)
    before = (after - 1).clip(min=0)
    nearest = np.where(np.abs(times[after] - seconds) < np.abs(times[before] - seconds), after, before)
    return np.where(np.abs(times[nearest] - seconds) <= reach[nearest], numbers[nearest], NOWHERE)


class _Links:
    """Which words stories share, looked up once for each pair."""

    def __init__(self, stories: Mapping[str, Story]) -> None:
        self._stories = stories
        self._texts: dict[str, Text] = {}
        self._links: dict[tuple[str, str], _Link | None] = {}

    def between(self, earlier: str, later: str) -> _Link | None:
        """None where they share nothing."""
        pair = (earlier, later)
        if pair not in self._links:
            self._links[pair] = self._link(*pair)
        return self._links[pair]

    def _text(self, stem: str) -> Text:
        if stem not in self._texts:
            self._texts[stem] = Text(self._stories[stem].words.text)
        return self._texts[stem]

    def _link(self, earlier: str, later: str) -> _Link | None:
        places = shared_words(self._text(earlier), self._text(later))
        here, there = self._stories[later].words, self._stories[earlier].words
        rows = np.flatnonzero(places != NOWHERE)
        rows = rows[here.is_timed[rows] & there.is_timed[places[rows]]]
        return _Link.of(here, rows, there, places[rows]) if len(rows) else None


@dataclass(frozen=True)
class _Link:
    """Onsets (s) of the words that a story shares with another, (n_shared,): in it, ascending, and in the other."""

    here: Floats
    there: Floats

    @classmethod
    def of(cls, here: Words, rows: Integers, there: Words, places: Integers) -> _Link:
        order = np.argsort(here.onset[rows], kind="stable")
        return cls(here.onset[rows][order], there.onset[places][order])

    def heard_at(self, seconds: Floats) -> Floats:
        """When the other story says what drives the responses at these seconds; NaN where it does not."""
        delayed = self._said_at(seconds - _RESPONSE_LAG) + _RESPONSE_LAG
        return np.where(np.isnan(delayed), self._said_at(seconds), delayed)

    def _said_at(self, seconds: Floats) -> Floats:
        after = np.searchsorted(self.here, seconds, side="right")
        has_before, has_after = after > 0, after < len(self.here)
        p, q = (after - 1).clip(min=0), after.clip(max=len(self.here) - 1)
        since, until = seconds - self.here[p], self.here[q] - seconds
        gap, other_gap = self.here[q] - self.here[p], self.there[q] - self.there[p]
        even = np.abs(other_gap - gap) <= _PACE * gap + _SLACK
        between = has_before & has_after & even & (gap <= _LONGEST_GAP)
        share = np.divide(since, gap, out=np.zeros_like(since), where=gap > 0)
        said = np.where(has_after & (until <= _PAUSE), self.there[q] - until, np.nan)
        said = np.where(has_before & (since <= _PAUSE), self.there[p] + since, said)
        return np.asarray(np.where(between, self.there[p] + share * other_gap, said))


@dataclass(frozen=True)
class Repetition:
    """Presentations that share what was heard: their stories, the numbers of their runs, and how many volumes do."""

    stems: tuple[str, ...]
    runs: tuple[int, ...]
    n_volumes: int


def repetitions(listenings: Sequence[StimulusTiming], content: Integers | None) -> list[Repetition]:
    """What was heard more than once, for people; `content` is that of `heard_content`."""
    if content is None:
        return []
    often = np.bincount(content) > 1
    groups: list[tuple[set[int], list[Presentation]]] = []
    for one in presentations(listenings):
        numbers = {int(number) for number in content[one.rows] if often[number]}
        if not numbers:
            continue
        together = [group for group in groups if group[0] & numbers]
        groups = [group for group in groups if not group[0] & numbers]
        groups.append((numbers.union(*(group[0] for group in together)), [p for g in together for p in g[1]] + [one]))
    return [
        Repetition(
            tuple(dict.fromkeys(one.stem for one in members)),
            tuple(dict.fromkeys(one.run for one in members)),
            sum(int(often[content[one.rows]].sum()) for one in members),
        )
        for _, members in groups
    ]
