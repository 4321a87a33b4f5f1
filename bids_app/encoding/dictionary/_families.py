"""Families: the atoms that recur whenever a dictionary is learned again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bids_app.stats.arrays import Doubles, Floats, Ints
from bids_app.stats.device import one_thread
from bids_app.stats.standardise import zscore

SAME = 0.7  # |r| from which an atom belongs to a family
REPRODUCIBLE = 0.8  # ρ from which a family is reproducible
_REFINEMENTS = 3


@dataclass(frozen=True)
class Families:
    """Families of atoms that restarts of a dictionary share.

    Attributes
    ----------
    courses : array of shape (n_volumes, n_families), mean of the family's atoms over restarts, z-scored
    reproducibility : array of shape (n_families,), ρ: mean over restarts of the best |r| of an atom with the family
    members : array of shape (n_restarts, n_atoms, n_families), 1 or -1 where an atom belongs to a family (|r| ≥ 0.7):
        the sign of their correlation; else 0. An atom between two families belongs to both
    """

    courses: Floats
    reproducibility: Doubles
    members: Ints

    @property
    def n_families(self) -> int:
        """Number of families."""
        return int(self.courses.shape[1])


@one_thread()
def find_families(restarts: Sequence[Floats], most: int | None = None, same: float = SAME) -> Families:
    """Group the atoms of several dictionaries of the same neurons by the similarity of their time courses.

    Greedy, from the atom that the other restarts match best: the time course of a family becomes the mean of each
    restart's most similar atom (three iterations); atoms with |r| ≥ `same` then start no further family. A family with
    |r| ≥ `same` to an earlier one is dropped.

    Parameters
    ----------
    restarts : arrays of shape (n_volumes, n_atoms), the atoms of each restart on the same volumes
    most : maximum number of families; by default the number of atoms of a restart
    same : |r| from which two time courses count as the same

    Raises
    ------
    ValueError for fewer than two restarts, or restarts of different shapes
    """
    shapes = {np.shape(atoms) for atoms in restarts}
    if len(restarts) < 2 or len(shapes) != 1:
        raise ValueError(f"{len(restarts)} restarts of shapes {sorted(shapes)}; at least 2 of one shape are needed.")
    pool = _Pool(restarts)
    courses: list[Doubles] = []
    candidates = pool.shared.copy()  # (n_pool,), -inf for those that are used
    limit = restarts[0].shape[1] if most is None else most
    while len(courses) < limit and np.isfinite(candidates).any():
        seed = int(candidates.argmax())
        course = pool.refined(seed, same)
        likeness = np.abs(pool.correlation(course[:, None]))[:, 0]
        candidates[likeness >= same] = -np.inf
        candidates[seed] = -np.inf
        if not courses or np.abs(np.array(courses) @ course).max() / len(course) < same:
            courses.append(course)
    together = np.array(courses).T.reshape(pool.n_volumes, -1)
    return _families(pool, together, same)


@one_thread()
def reproducibility_in(restarts: Sequence[Floats], courses: Floats) -> Doubles:
    """ρ of any time courses in restarts: the mean over restarts of the best |r| of an atom, (n_courses,).

    Parameters
    ----------
    restarts : arrays of shape (n_volumes, n_atoms)
    courses : array of shape (n_volumes, n_courses), for instance the families of other restarts
    """
    best = [np.abs(zscore(atoms).T @ zscore(courses) / len(courses)).max(axis=0) for atoms in restarts]
    return np.asarray(np.mean(best, axis=0, dtype=np.float64).clip(max=1))


def _families(pool: _Pool, courses: Doubles, same: float) -> Families:
    r = pool.correlation(courses).reshape(pool.n_restarts, pool.n_atoms, -1)
    reproducibility = np.abs(r).max(axis=1).mean(axis=0).clip(max=1)  # (n_families,)
    order = np.argsort(-reproducibility, kind="stable")
    members = np.where(np.abs(r) >= same, np.sign(r), 0).astype(np.int64)
    return Families(
        np.ascontiguousarray(courses[:, order], dtype=np.float32),
        reproducibility[order],
        np.ascontiguousarray(members[:, :, order]),
    )


class _Pool:
    """The atoms of all restarts side by side, z-scored: (n_volumes, n_restarts · n_atoms)."""

    def __init__(self, restarts: Sequence[Floats]) -> None:
        self.n_restarts, (self.n_volumes, self.n_atoms) = len(restarts), restarts[0].shape
        self.atoms = np.concatenate([zscore(atoms) for atoms in restarts], axis=1).astype(np.float64)
        r = np.abs(self.correlation(self.atoms)).reshape(self.n_restarts, self.n_atoms, -1)
        best = r.max(axis=1)  # (n_restarts, n_pool)
        own = np.repeat(np.arange(self.n_restarts), self.n_atoms)
        best[own, np.arange(len(own))] = 0
        self.shared = best.sum(axis=0) / (self.n_restarts - 1)  # (n_pool,), mean over the other restarts
        self.shared[~self.atoms.any(axis=0)] = -np.inf

    def correlation(self, courses: Doubles) -> Doubles:
        """Pearson r of each atom with z-scored time courses, (n_pool, n_courses)."""
        return np.asarray(self.atoms.T @ courses / self.n_volumes)

    def refined(self, seed: int, same: float) -> Doubles:
        """The time course of the family around an atom: iterated mean of each restart's most similar atom."""
        course = self.atoms[:, seed]
        for _ in range(_REFINEMENTS):
            r = self.correlation(course[:, None])[:, 0].reshape(self.n_restarts, self.n_atoms)
            nearest = np.abs(r).argmax(axis=1)
            value = r[np.arange(self.n_restarts), nearest]
            chosen = np.flatnonzero(np.abs(value) >= same)
            if not len(chosen):
                return self.atoms[:, seed]
            columns = chosen * self.n_atoms + nearest[chosen]
            mean = (self.atoms[:, columns] * np.sign(value[chosen])).mean(axis=1)
            course = (mean - mean.mean()) / mean.std()
        return np.asarray(course)
