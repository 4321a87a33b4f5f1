"""The mean over participants: their responses, and the families freed of each one's confounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.encoding.dictionary import Families
from bids_app.networks.conditional import Design, NetworkSeries
from bids_app.stats.device import one_thread
from bids_app.stats.standardise import zscore

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_SAME_TIME = 0.25  # s: rows of participants that are closer heard the same
_SHARED = 0.5  # a confound direction is the group's where it is this share of the participants'


@dataclass(frozen=True)
class Member:
    """One run of one participant, cut to one story.

    Attributes
    ----------
    participant, story : labels
    seconds : array of shape (n_volumes,), time in the story
    pieces : array of shape (n_pieces,), numbers of the pieces of networks, see `NetworkSeries.number`
    responses : array of shape (n_volumes, n_pieces), z-scored
    confounds : array of shape (n_volumes, n), what was regressed out of the run
    restarts, families : arrays of shape (n_restarts, n_volumes, n_atoms) and (n_volumes, n_families), at these times
    """

    participant: str
    story: str
    seconds: Doubles
    pieces: npt.NDArray[np.int64]
    responses: Doubles
    confounds: Doubles
    restarts: Floats
    families: Floats


@one_thread()
def mean_design(members: Sequence[Member], families: Families, n_networks: int) -> tuple[Design, NetworkSeries]:
    """Regressors and network responses of the mean over participants.

    Each volume of a story counts the participants who have it, and each piece of a network those who have data there.
    What all of a participant's confounds took from the responses is taken from the families likewise, before the mean;
    what most participants share of the confounds (slow drifts) is the group's confounds.
    """
    stories = sorted({member.story for member in members})
    pieces = np.unique(np.concatenate([member.pieces for member in members]))
    blocks = [_mean_of_story([member for member in members if member.story == story], pieces) for story in stories]
    responses = np.concatenate([zscore(block.responses) for block in blocks]).astype(np.float64)
    had = np.isfinite(responses).all(axis=0)
    there = Families(np.concatenate([block.families for block in blocks]), families.reproducibility, families.members)
    design = Design.make(
        list(np.concatenate([block.restarts for block in blocks], axis=1)),
        there,
        [block.confounds if block.confounds.shape[1] else None for block in blocks],
        tuple(len(block.seconds) for block in blocks),
    )
    return design, NetworkSeries(responses[:, had], pieces[had], n_networks)


def _mean_of_story(members: Sequence[Member], pieces: npt.NDArray[np.int64]) -> Member:
    """The mean over participants of what the runs of one story have at each of its volumes."""
    first = members[0]
    seconds, rows = _shared_times(members)
    runs = pd.Series([member.participant for member in members])
    weights = (1 / runs.map(runs.value_counts())).to_numpy(dtype=np.float64)
    responses, had = np.zeros((len(seconds), len(pieces))), np.zeros((len(seconds), len(pieces)))
    families, counts = np.zeros((len(seconds), first.families.shape[1])), np.zeros((len(seconds), 1))
    restarts = np.zeros((len(first.restarts), len(seconds), first.restarts.shape[2]))
    projector = np.zeros((len(seconds), len(seconds)))
    for member, own, weight in zip(members, rows, weights, strict=True):
        basis, columns = basis_of(member.confounds), np.searchsorted(pieces, member.pieces)
        responses[np.ix_(own, columns)] += weight * member.responses
        had[np.ix_(own, columns)] += weight
        counts[own] += weight
        families[own] += weight * zscore(rest_of(member.families, basis))
        for restart, atoms in enumerate(member.restarts):
            restarts[restart][own] += weight * zscore(rest_of(atoms, basis))
        projector[np.ix_(own, own)] += weight * (basis @ basis.T)
    values, vectors = np.linalg.eigh(projector / weights.sum())
    return Member(
        participant="",
        story=first.story,
        seconds=seconds,
        pieces=pieces,
        responses=np.divide(responses, had, out=np.full_like(responses, np.nan), where=had > 0),
        confounds=vectors[:, values > _SHARED],
        restarts=(restarts / counts).astype(np.float32),
        families=(families / counts).astype(np.float32),
    )


def _shared_times(members: Sequence[Member]) -> tuple[Doubles, list[npt.NDArray[np.int64]]]:
    """The times at which anybody has a volume, and for each member the rows of its own."""
    every = np.sort(np.concatenate([member.seconds for member in members]))
    starts = np.flatnonzero(np.diff(every, prepend=-np.inf) > _SAME_TIME)
    seconds = every[starts]
    rows = [np.searchsorted(seconds, member.seconds + 1e-9, side="right") - 1 for member in members]
    return seconds, rows


def basis_of(confounds: Doubles) -> Doubles:
    """Orthonormal columns that span the confounds and the mean."""
    u, s, _ = np.linalg.svd(np.column_stack([np.ones(len(confounds)), zscore(confounds)]), full_matrices=False)
    return np.asarray(u[:, s > 1e-6 * s[0]])


def rest_of(series: npt.NDArray[np.floating], basis: Doubles) -> Doubles:
    """What is left of series (n_volumes, n) without an orthonormal basis."""
    return np.asarray(series - basis @ (basis.T @ series))
