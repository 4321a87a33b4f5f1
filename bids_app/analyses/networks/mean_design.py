"""Means over participants: of the responses, and of the families with each participant's confounds removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.encoding.dictionary import Families
from bids_app.networks.conditional import Design, NetworkSeries
from bids_app.stats.device import one_thread
from bids_app.stats.projection import orthonormal_basis, project_out
from bids_app.stats.standardise import zscore

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Keep = Callable[[Doubles], Callable[[], Doubles]]

_SHARED = 0.5  # smallest share of the participants for a direction of confounds to be the group's
_SAME_TIMING = 0.01  # largest relative difference of repetition times that can be averaged volume by volume


class UnequalParticipantsError(ValueError):
    """Participants differ in their volumes, or in the pieces of networks."""


@dataclass(frozen=True)
class Courses:
    """The time courses of one presentation, which those of 1,000 participants would fill gigabytes with.

    Attributes
    ----------
    responses : array of shape (n_volumes, n_pieces), z-scored in the run
    confounds : array of shape (n_volumes, n), rows of the orthonormal columns that span the run's confounds and mean
    families : array of shape (n_volumes, n_families), time courses at these times without the run's confounds, z-scored
        in the run
    uncleaned : array of shape (n_volumes, n_families), the families with the run's confounds, z-scored in the run
    make_restarts : makes `restarts`, which one of several uses needs
    """

    responses: Doubles
    confounds: Doubles
    families: Floats
    uncleaned: Floats
    make_restarts: Callable[[], Floats]

    @property
    def restarts(self) -> Floats:
        """Atoms as `families`, (n_restarts, n_volumes, n_atoms)."""
        return self.make_restarts()


@dataclass(frozen=True)
class Presentation:
    """One presentation of a story to one participant.

    Attributes
    ----------
    participant, story : labels
    seconds : array of shape (n_volumes,), time in the story, ascending
    pieces : array of shape (n_pieces,), numbers of the pieces of networks, see `NetworkSeries.number`
    load : reads its time courses
    """

    participant: str
    story: str
    seconds: Doubles
    pieces: npt.NDArray[np.int64]
    load: Callable[[], Courses]

    @property
    def repetition_time(self) -> float:
        """Seconds between neighbouring volumes; NaN for a single volume."""
        return float(np.diff(self.seconds).min()) if len(self.seconds) > 1 else float("nan")


@dataclass(frozen=True)
class _StoryMean:
    """The mean over participants of one story; arrays as in `Courses`, NaN responses where nobody has data.

    cleaning: (n_volumes, n_volumes), turns `uncleaned` into the mean of the families without each one's confounds.
    """

    responses: Doubles
    confounds: Doubles
    restarts: Floats
    families: Floats
    uncleaned: Floats
    cleaning: Doubles


def in_memory(array: Doubles) -> Callable[[], Doubles]:
    """The `keep` of `presentations_of_run` for few participants."""
    return lambda: array


@one_thread()
def presentations_of_run(
    participant: str,
    stories: npt.NDArray[Any],
    seconds: Doubles,
    networks: tuple[npt.NDArray[np.int64], Doubles],
    confounds: Doubles,
    make_restarts: Callable[[], Floats],
    make_families: Callable[[], Floats],
    keep: Keep = in_memory,
) -> list[Presentation]:
    """Presentations of one run, story by story; a story that was played twice gives two.

    Parameters
    ----------
    stories, seconds : arrays of shape (n_volumes,), the story of each volume and the time in it
    networks : numbers of the pieces (n_pieces,), and their responses (n_volumes, n_pieces)
    confounds : array of shape (n_volumes, n), regressed out of the responses
    make_restarts : makes time courses at these volumes, (n_restarts, n_volumes, n_atoms)
    make_families : makes time courses at these volumes, (n_volumes, n_families)
    keep : stores an array of the run, and returns the function that reads it
    """
    basis = orthonormal_basis(np.column_stack([np.ones(len(seconds)), zscore(confounds)]))
    kept = keep(networks[1]), keep(basis)
    borders = np.flatnonzero((stories[1:] != stories[:-1]) | (np.diff(seconds) <= 0)) + 1
    return [
        Presentation(
            participant,
            str(stories[rows.start]),
            seconds[rows],
            networks[0],
            partial(_load, *kept, make_restarts, make_families, rows),
        )
        for rows in (slice(*ends) for ends in pairwise([0, *borders.tolist(), len(seconds)]))
    ]


def _load(
    responses: Callable[[], Doubles],
    basis: Callable[[], Doubles],
    make_restarts: Callable[[], Floats],
    make_families: Callable[[], Floats],
    rows: slice,
) -> Courses:
    """The time courses of some rows of a run."""
    confounds, families = basis(), make_families()
    return Courses(
        responses()[rows],
        confounds[rows],
        zscore(project_out(families, confounds))[rows],
        zscore(families)[rows],
        partial(_cleaned_rows, make_restarts, confounds, rows),
    )


def _cleaned_rows(make_restarts: Callable[[], Floats], basis: Doubles, rows: slice) -> Floats:
    """Some rows of the atoms of a run without its confounds, z-scored in the run."""
    return np.stack([zscore(project_out(one, basis))[rows] for one in make_restarts()])


@one_thread()
def mean_design(heard: Sequence[Presentation], families: Families, n_networks: int) -> tuple[Design, NetworkSeries]:
    """Regressors and network responses of the mean over participants.

    The mean of each volume is over the participants who have it, that of each piece of a network over those with data.
    Each participant's confounds are removed from the families as from the responses, before averaging; confounds that
    most participants share (slow drifts) are the confounds of the group. The time courses of one presentation at a time
    are in memory.

    Raises UnequalParticipantsError if repetition times differ.
    """
    _require_one_repetition_time(heard)
    stories = sorted({one.story for one in heard})
    pieces = np.unique(np.concatenate([one.pieces for one in heard]))
    blocks = [_mean_of_story([one for one in heard if one.story == story], pieces) for story in stories]
    responses = np.concatenate([zscore(block.responses) for block in blocks]).astype(np.float64)
    had = np.isfinite(responses).all(axis=0)
    there = Families(np.concatenate([block.families for block in blocks]), families.reproducibility, families.members)
    design = Design.make(
        list(np.concatenate([block.restarts for block in blocks], axis=1)),
        there,
        [block.confounds if block.confounds.shape[1] else None for block in blocks],
        tuple(len(block.families) for block in blocks),
        cleaning=[block.cleaning for block in blocks],
        uncleaned=np.concatenate([block.uncleaned for block in blocks]),
    )
    return design, NetworkSeries(responses[:, had], pieces[had], n_networks)


def _require_one_repetition_time(heard: Sequence[Presentation]) -> None:
    times = {one.participant: one.repetition_time for one in heard if np.isfinite(one.repetition_time)}
    slowest, fastest = max(times, key=lambda who: times[who]), min(times, key=lambda who: times[who])
    if times[slowest] > (1 + _SAME_TIMING) * times[fastest]:
        raise UnequalParticipantsError(
            f"volumes of sub-{fastest} are {times[fastest]:.4g} s apart and those of sub-{slowest} "
            f"{times[slowest]:.4g} s, so that they cannot be averaged: leave out the participants with one of them, by "
            "--exclude-participant-label"
        )


def _mean_of_story(heard: Sequence[Presentation], pieces: npt.NDArray[np.int64]) -> _StoryMean:
    """The mean over the presentations of one story at each of its volumes."""
    seconds, rows = _shared_times(heard)
    who = pd.Series([one.participant for one in heard])
    weights = (1 / who.map(who.value_counts())).to_numpy(dtype=np.float64)
    sums = _StorySums(len(seconds), pieces)
    for one, own, weight in zip(heard, rows, weights, strict=True):
        sums.add(one.pieces, one.load(), own, float(weight))
    return sums.mean(float(weights.sum()))


class _StorySums:
    """Sums over the presentations of one story, see `_StoryMean`."""

    def __init__(self, n_volumes: int, pieces: npt.NDArray[np.int64]) -> None:
        self._pieces, shape = pieces, (n_volumes, len(pieces))
        self._responses, self._had, self._counts = np.zeros(shape), np.zeros(shape), np.zeros((n_volumes, 1))
        self._projector = np.zeros((n_volumes, n_volumes))
        unknown: Doubles = np.zeros((0, 0))  # until the first presentation
        self._families = self._uncleaned = self._restarts = unknown

    def add(self, pieces: npt.NDArray[np.int64], courses: Courses, rows: npt.NDArray[np.int64], weight: float) -> None:
        """Add a presentation with these pieces at these rows of the story's volumes."""
        restarts = courses.restarts
        if not self._families.size:
            n_volumes = len(self._counts)
            self._families = np.zeros((n_volumes, courses.families.shape[1]))
            self._uncleaned = np.zeros_like(self._families)
            self._restarts = np.zeros((len(restarts), n_volumes, restarts.shape[2]))
        columns = np.searchsorted(self._pieces, pieces)
        self._responses[np.ix_(rows, columns)] += weight * courses.responses
        self._had[np.ix_(rows, columns)] += weight
        self._counts[rows] += weight
        self._families[rows] += weight * courses.families
        self._uncleaned[rows] += weight * courses.uncleaned
        self._restarts[:, rows] += weight * restarts
        basis = orthonormal_basis(courses.confounds)
        self._projector[np.ix_(rows, rows)] += weight * (basis @ basis.T)

    def mean(self, total: float) -> _StoryMean:
        """The mean, where `total` is the sum of all weights."""
        values, vectors = np.linalg.eigh(self._projector / total)
        unknown = np.full_like(self._responses, np.nan)
        return _StoryMean(
            responses=np.divide(self._responses, self._had, out=unknown, where=self._had > 0),
            confounds=vectors[:, values > _SHARED],
            restarts=(self._restarts / self._counts).astype(np.float32),
            families=(self._families / self._counts).astype(np.float32),
            uncleaned=(self._uncleaned / self._counts).astype(np.float32),
            cleaning=np.eye(len(self._counts)) - self._projector / self._counts,
        )


def _shared_times(heard: Sequence[Presentation]) -> tuple[Doubles, list[npt.NDArray[np.int64]]]:
    """The times with a volume in any presentation, and for each presentation the rows of its volumes.

    Volumes are counted from the story's start, so that those of two participants are the same where they are less than
    a repetition time apart.
    """
    repetition_time = float(np.nanmin([one.repetition_time for one in heard]))
    counted = [np.floor(one.seconds / repetition_time + 0.5).astype(np.int64) for one in heard]
    volumes = np.unique(np.concatenate(counted))
    return np.asarray(volumes * repetition_time, dtype=np.float64), [np.searchsorted(volumes, own) for own in counted]
