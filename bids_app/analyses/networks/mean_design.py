"""Means over participants: of the responses, and of the families with each participant's confounds removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

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

_SHARED = 0.5  # smallest share of the participants for a direction of confounds to be the group's
_SAME_TIMING = 0.01  # largest relative difference of repetition times that can be averaged volume by volume


class UnequalParticipantsError(ValueError):
    """Participants differ in their volumes, or in the pieces of networks."""


@dataclass(frozen=True)
class Presentation:
    """One presentation of a story to one participant.

    Attributes
    ----------
    participant, story : labels
    seconds : array of shape (n_volumes,), time in the story, ascending
    pieces : array of shape (n_pieces,), numbers of the pieces of networks, see `NetworkSeries.number`
    responses : array of shape (n_volumes, n_pieces), z-scored in the run
    confounds : array of shape (n_volumes, n), rows of the orthonormal columns that span the run's confounds and mean
    make_restarts : makes `restarts`, which are needed once and would fill the memory: those of 1,000 participants take
        gigabytes
    families : array of shape (n_volumes, n_families), time courses at these times without the run's confounds, z-scored
        in the run
    uncleaned : array of shape (n_volumes, n_families), the families with the run's confounds, z-scored in the run
    """

    participant: str
    story: str
    seconds: Doubles
    pieces: npt.NDArray[np.int64]
    responses: Doubles
    confounds: Doubles
    make_restarts: Callable[[], Floats]
    families: Floats
    uncleaned: Floats

    @property
    def restarts(self) -> Floats:
        """Atoms as `families`, (n_restarts, n_volumes, n_atoms)."""
        return self.make_restarts()

    @property
    def repetition_time(self) -> float:
        """Seconds between neighbouring volumes; NaN for a single volume."""
        return float(np.diff(self.seconds).min()) if len(self.seconds) > 1 else float("nan")


@dataclass(frozen=True)
class _StoryMean:
    """The mean over participants of one story; arrays as in `Presentation`, NaN responses where nobody has data.

    cleaning: (n_volumes, n_volumes), turns `uncleaned` into the mean of the families without each one's confounds.
    """

    responses: Doubles
    confounds: Doubles
    restarts: Floats
    families: Floats
    uncleaned: Floats
    cleaning: Doubles


@one_thread()
def presentations_of_run(
    participant: str,
    stories: npt.NDArray[np.object_],
    seconds: Doubles,
    networks: tuple[npt.NDArray[np.int64], Doubles],
    confounds: Doubles,
    make_restarts: Callable[[], Floats],
    families: Floats,
) -> list[Presentation]:
    """Presentations of one run, story by story; a story that was played twice gives two.

    Parameters
    ----------
    stories, seconds : arrays of shape (n_volumes,), the story of each volume and the time in it
    networks : numbers of the pieces (n_pieces,), and their responses (n_volumes, n_pieces)
    confounds : array of shape (n_volumes, n), regressed out of the responses
    make_restarts : makes time courses at these volumes, (n_restarts, n_volumes, n_atoms)
    families : time courses at these volumes, (n_volumes, n_families)
    """
    basis = orthonormal_basis(np.column_stack([np.ones(len(seconds)), zscore(confounds)]))
    courses, whole = zscore(project_out(families, basis)), zscore(families)
    borders = np.flatnonzero((stories[1:] != stories[:-1]) | (np.diff(seconds) <= 0)) + 1
    return [
        Presentation(
            participant,
            str(stories[rows[0]]),
            seconds[rows],
            networks[0],
            networks[1][rows],
            basis[rows],
            partial(_cleaned_rows, make_restarts, basis, rows),
            courses[rows],
            whole[rows],
        )
        for rows in np.split(np.arange(len(seconds)), borders)
    ]


def _cleaned_rows(make_restarts: Callable[[], Floats], basis: Doubles, rows: npt.NDArray[np.intp]) -> Floats:
    """Some rows of the atoms of a run without its confounds, z-scored in the run."""
    return np.stack([zscore(project_out(one, basis))[rows] for one in make_restarts()])


@one_thread()
def mean_design(heard: Sequence[Presentation], families: Families, n_networks: int) -> tuple[Design, NetworkSeries]:
    """Regressors and network responses of the mean over participants.

    The mean of each volume is over the participants who have it, that of each piece of a network over those with data.
    Each participant's confounds are removed from the families as from the responses, before averaging; confounds that
    most participants share (slow drifts) are the confounds of the group.

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
    first = heard[0]
    seconds, rows = _shared_times(heard)
    who = pd.Series([one.participant for one in heard])
    weights = (1 / who.map(who.value_counts())).to_numpy(dtype=np.float64)
    responses, had = np.zeros((len(seconds), len(pieces))), np.zeros((len(seconds), len(pieces)))
    families, counts = np.zeros((len(seconds), first.families.shape[1])), np.zeros((len(seconds), 1))
    uncleaned = np.zeros_like(families)
    n_restarts, _, n_atoms = first.restarts.shape
    restarts = np.zeros((n_restarts, len(seconds), n_atoms))
    projector = np.zeros((len(seconds), len(seconds)))
    for one, own, weight in zip(heard, rows, weights, strict=True):
        columns = np.searchsorted(pieces, one.pieces)
        responses[np.ix_(own, columns)] += weight * one.responses
        had[np.ix_(own, columns)] += weight
        counts[own] += weight
        families[own] += weight * one.families
        uncleaned[own] += weight * one.uncleaned
        restarts[:, own] += weight * one.restarts
        basis = orthonormal_basis(one.confounds)
        projector[np.ix_(own, own)] += weight * (basis @ basis.T)
    values, vectors = np.linalg.eigh(projector / weights.sum())
    return _StoryMean(
        responses=np.divide(responses, had, out=np.full_like(responses, np.nan), where=had > 0),
        confounds=vectors[:, values > _SHARED],
        restarts=(restarts / counts).astype(np.float32),
        families=(families / counts).astype(np.float32),
        uncleaned=(uncleaned / counts).astype(np.float32),
        cleaning=np.eye(len(seconds)) - projector / counts,
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
