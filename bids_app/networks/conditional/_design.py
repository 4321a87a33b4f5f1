"""The regressors of a fit: the atoms of the restarts and their families, without the confounds, run by run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bids_app.encoding.autoregression import ORDER, partial_autocorrelations, whiten, whitening
from bids_app.encoding.dictionary import Families
from bids_app.stats.arrays import Doubles, Ints
from bids_app.stats.copies import Copies
from bids_app.stats.device import one_thread
from bids_app.stats.projection import orthonormal_basis, project_out
from bids_app.stats.standardise import zscore

LEAST_SHIFT = 30  # volumes
_MOST_SHIFTS = 1000
_RESTARTS = 3  # enough for the median of the noise's partial autocorrelations
# A restart's regressors and the confounds may not take all volumes: fewer degrees of freedom tell nothing.
_LEAST_DEGREES = 20


@dataclass(frozen=True)
class Design:
    """What the responses of a fit are explained by.

    Attributes
    ----------
    restarts : array of shape (n_restarts, n_volumes, n_atoms), atoms without the confounds, z-scored
    families : array of shape (n_volumes, n_families), time courses of the families, likewise
    uncleaned : array of shape (n_volumes, n_families), the families with the confounds, on the same scale
    members : array of shape (n_restarts, n_atoms, n_families), see `encoding.dictionary.Families`
    confounds : array of shape (n_volumes, n_confounds), orthonormal, the means of the runs among them
    run_lengths : volumes of each run
    content : (n_volumes,) equal where the same was heard again; None where nothing was
    cleaning : for each run a matrix (n_volumes of the run, n_volumes of the run) that was applied to the families
        first, in a mean over participants who each have confounds of their own; None where nothing was
    """

    restarts: Doubles
    families: Doubles
    uncleaned: Doubles
    members: Ints
    confounds: Doubles
    run_lengths: tuple[int, ...]
    content: Ints | None = None
    cleaning: tuple[Doubles, ...] | None = None

    @classmethod
    @one_thread()
    def make(
        cls,
        restarts: Sequence[npt.NDArray[np.floating]],
        families: Families,
        confounds: Sequence[npt.ArrayLike | None] | None = None,
        run_lengths: Sequence[int] | None = None,
        content: Ints | None = None,
        *,
        cleaning: Sequence[Doubles] | None = None,
        uncleaned: npt.NDArray[np.floating] | None = None,
    ) -> Design:
        """Remove the confounds from atoms and families, in each run by itself.

        Parameters
        ----------
        restarts : arrays of shape (n_volumes, n_atoms)
        families : what the restarts share; `courses` on the same volumes
        confounds : for each run an array of shape (n_volumes of the run, n), or None
        run_lengths : volumes of each run; by default one run
        cleaning : see `Design.cleaning`
        uncleaned : array of shape (n_volumes, n_families), the families before `cleaning`
        """
        n_volumes = families.courses.shape[0]
        lengths = (n_volumes,) if run_lengths is None else tuple(run_lengths)
        checked = [("run_lengths", sum(lengths)), *(("a restart", len(atoms)) for atoms in restarts)]
        checked += [("uncleaned", len(uncleaned))] if uncleaned is not None else []
        for name, rows in checked:
            if rows != n_volumes:
                raise ValueError(
                    f"{name} has {rows} volumes, and the families have {n_volumes}; they must be the same."
                )
        basis = _confound_basis(confounds or [None] * len(lengths), lengths)
        without = np.stack([_without_confounds(atoms, basis, lengths)[0] for atoms in restarts])
        courses, whole = _without_confounds(families.courses, basis, lengths)
        if uncleaned is not None:
            runs = np.split(np.asarray(uncleaned, dtype=np.float64), np.cumsum(lengths)[:-1])
            whole = np.concatenate([zscore(run) for run in runs])
        blocks = None if cleaning is None else tuple(cleaning)
        return cls(without, courses, whole, families.members, basis, lengths, content, blocks)

    @property
    def n_volumes(self) -> int:
        """Volumes of all runs."""
        return int(self.families.shape[0])

    @property
    def n_families(self) -> int:
        """Number of families."""
        return int(self.families.shape[1])

    @property
    def is_long_enough(self) -> bool:
        """Whether the volumes are enough to tell all regressors of a restart apart."""
        taken = self.restarts.shape[2] + self.confounds.shape[1] + _LEAST_DEGREES
        return self.n_volumes > taken and min(self.run_lengths) > ORDER

    @one_thread()
    def noise_of(self, Y: Doubles) -> Doubles:
        """Partial autocorrelations of the noise of Y (n_volumes, m), (order,): the median over restarts."""
        # The restricted likelihood needs full rank, and depends on the space alone: atoms may be constant or the same.
        designs = [np.column_stack([self.confounds, orthonormal_basis(atoms)]) for atoms in self.restarts[:_RESTARTS]]
        return np.asarray(np.median([partial_autocorrelations(Y, X, self.run_lengths) for X in designs], axis=0))

    @one_thread()
    def noise_without_atoms(self, Y: Doubles) -> Doubles:
        """Partial autocorrelations of Y (n_volumes, m), (order,), of which no atom explains anything."""
        return partial_autocorrelations(Y, self.confounds, self.run_lengths)

    def white_confounds(self, noise: Doubles) -> Doubles:
        """Orthonormal columns that span the confounds after whitening, (n_volumes, n_confounds)."""
        return np.asarray(np.linalg.qr(whiten(self.confounds, noise, self.run_lengths))[0])

    def white(self, series: Sequence[Doubles], noise: Doubles) -> list[Doubles]:
        """Series (n_volumes, n) each, whitened and then without the confounds."""
        basis = self.white_confounds(noise)
        return [project_out(whiten(one, noise, self.run_lengths), basis) for one in series]

    def whitened_weights(self, weights: Doubles, noise: Doubles) -> Doubles:
        """Weights (n, n_volumes) that give of series what `weights` give of the whitened series."""
        return np.asarray((whitening(noise, self.run_lengths).T @ weights.T).T)

    def cleaned(self, series: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Series (n_volumes, n) with `cleaning` applied."""
        if self.cleaning is None:
            return series
        runs = np.split(series, np.cumsum(self.run_lengths)[:-1])
        return np.concatenate(
            [block.astype(series.dtype) @ run for block, run in zip(self.cleaning, runs, strict=True)]
        )

    @cached_property
    def shifts(self) -> Ints:
        """For each shift, the row that takes the place of each: (n_shifts, n_volumes)."""
        return shifted_rows(self.run_lengths, self.content)


def shifted_rows(
    run_lengths: Sequence[int],
    content: Ints | None = None,
    least: int = LEAST_SHIFT,
    most: int = _MOST_SHIFTS,
    seed: int = 0,
) -> Ints:
    """Circular shifts within runs, as rows: (n_shifts, n_volumes).

    Of one run, every shift of at least `least` volumes either way (of a short run, of a quarter of it). Of several,
    `most` draws, in which each run is shifted by an amount of its own, or all combinations if these are fewer. Where
    something was heard more than once, all that was heard moves as one line, and what heard the same moves together:
    the responses to it are alike whether or not the regressors have to do with them.
    """
    if content is not None:
        copies = Copies(content)
        return np.ascontiguousarray(copies.moved(_amounts(copies.length, least)).T)
    chosen = _combined([_amounts(length, least) for length in run_lengths], most, seed)
    starts = np.cumsum([0, *run_lengths])[:-1]
    rows = [
        start + (np.arange(length) - chosen[:, [run]]) % length
        for run, (start, length) in enumerate(zip(starts, run_lengths, strict=True))
    ]
    return np.concatenate(rows, axis=1)


def _combined(amounts: Sequence[Ints], most: int, seed: int) -> Ints:
    """Amounts of all runs by shift, (n_shifts, n_runs). Draws that repeat few combinations would make p too small."""
    if len(amounts) == 1 or math.prod(map(len, amounts)) <= most:
        return np.array(list(itertools.product(*amounts)))
    rng = np.random.default_rng(seed)
    return np.stack([rng.choice(allowed, most) for allowed in amounts], axis=1)


def _amounts(length: int, least: int) -> Ints:
    away = min(least, length // 4)
    return np.arange(away, length - away + 1)


def _confound_basis(confounds: Sequence[npt.ArrayLike | None], run_lengths: Sequence[int]) -> Doubles:
    """Orthonormal columns for the mean and the confounds of each run, zero in the others, (n_volumes, n)."""
    if len(confounds) != len(run_lengths):
        raise ValueError(f"confounds of {len(confounds)} runs are given for {len(run_lengths)} runs.")
    blocks, start, n_volumes = [], 0, sum(run_lengths)
    for series, length in zip(confounds, run_lengths, strict=True):
        regressors = np.ones((length, 1))
        if series is not None:
            regressors = np.column_stack([regressors, zscore(np.asarray(series))])
        if len(regressors) != length:
            raise ValueError(f"the confounds of a run have {len(regressors)} rows, and the run {length} volumes.")
        kept = orthonormal_basis(regressors)
        block = np.zeros((n_volumes, kept.shape[1]))
        block[start : start + length] = kept
        blocks.append(block)
        start += length
    return np.concatenate(blocks, axis=1)


def _without_confounds(
    series: npt.NDArray[np.floating], basis: Doubles, run_lengths: Sequence[int]
) -> tuple[Doubles, Doubles]:
    """Series without the confounds, z-scored within each run, and the centred series on the same scale.

    Where the confounds explain all of a series, both are 0.
    """
    doubles = np.asarray(series, dtype=np.float64)
    borders = np.cumsum(run_lengths)[:-1]
    cleaned, whole = [], []
    for rest, before in zip(np.split(project_out(doubles, basis), borders), np.split(doubles, borders), strict=True):
        deviation = rest.std(axis=0)
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 1e-6 * before.std(axis=0))
        cleaned.append(rest * scale)
        whole.append((before - before.mean(axis=0)) * scale)
    return np.concatenate(cleaned), np.concatenate(whole)
