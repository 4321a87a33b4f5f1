"""Surrogate maps on fsaverage5 that vary over space as the maps do: by eigenmodes of the cortex, or by Moran's.

Both write a map as a sum of patterns of different wavelengths and change which way each goes, so that the power at
each wavelength stays. Nothing is moved over the sphere or onto the medial wall.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from bids_app.networks.cells import N_COARSE, cell_of_vertices, distances, mirrored
from bids_app.networks.eigenmodes import N_CELLS, cortical_modes, groups
from bids_app.stats.arrays import Doubles, Ints
from bids_app.stats.device import one_thread

_BETWEEN_HEMISPHERES = 10.0  # mm from a place to its mirror image, for Moran's weights


@dataclass(frozen=True)
class Surrogates(ABC):
    """A null of maps: means over networks of surrogates drawn with a seed; `folder` keeps what only meshes decide."""

    n_cells: ClassVar[int]  # of each hemisphere

    n_draws: int
    seed: int
    folder: Path | None = None

    def means(
        self, values: Doubles, valid: NDArray[np.bool_], labels: NDArray[np.integer], n_networks: int
    ) -> tuple[Doubles, Iterator[Doubles]]:
        """Means of values (20484, n_maps) over networks (n_maps, n_networks), and those of each draw of surrogates."""
        cells = _Cells.make(values, valid, labels, n_networks, self.n_cells)
        return cells.observed, self._draws(cells)

    @abstractmethod
    def _draws(self, cells: _Cells) -> Iterator[Doubles]:
        """Means over networks of each draw, (n_maps, n_networks)."""


@dataclass(frozen=True)
class EigenSurrogates(Surrogates):
    """Groups of geometric eigenmodes of similar wavelength, rotated at random (Koussis et al. 2025).

    A group of 2 l + 1 modes stands for the spherical harmonics of degree l; the coefficients of each are multiplied by
    a random orthogonal matrix, the same in both hemispheres, whose modes are aligned. What the modes leave is dealt
    out at random.
    """

    n_cells: ClassVar[int] = N_CELLS

    def _draws(self, cells: _Cells) -> Iterator[Doubles]:
        basis = block_diag(*cortical_modes(cells.known.reshape(2, -1), self.folder))
        coefficients = (basis.T @ cells.values).reshape(2, -1, cells.values.shape[1])
        rest = cells.values - basis @ coefficients.reshape(-1, cells.values.shape[1])
        of_networks = (cells.shares @ basis).reshape(len(cells.shares), 2, -1)
        random = np.random.default_rng(self.seed)
        parts = groups(coefficients.shape[1])
        for _ in range(self.n_draws):
            means = cells.shares @ cells.dealt(rest, random)
            for group in parts:
                turned = _orthogonal(group.stop - group.start, random) @ coefficients[:, group]
                means += np.einsum("nhk,hkm->nm", of_networks[:, :, group], turned)
            yield means.T


def _orthogonal(size: int, random: np.random.Generator) -> Doubles:
    """A random orthogonal matrix, uniform (Mezzadri 2007); the mean, a group of one, keeps its sign."""
    if size == 1:
        return np.ones((1, 1))
    q, r = np.linalg.qr(random.standard_normal((size, size)))
    return np.asarray(q * np.sign(np.diagonal(r)))


@dataclass(frozen=True)
class MoranSurrogates(Surrogates):
    """Moran spectral randomization (Wagner and Dray 2015), its singleton procedure.

    The patterns are the eigenvectors of the doubly centred matrix of inverse distances along the cortex; each keeps
    its coefficient with a random sign. The distance to the other hemisphere is that to the mirror image.
    """

    n_cells: ClassVar[int] = N_COARSE

    def _draws(self, cells: _Cells) -> Iterator[Doubles]:
        known = np.flatnonzero(cells.known)
        values, shares = cells.values[known], cells.shares[:, known]
        vectors = moran_vectors(1 / _apart(self.folder)[np.ix_(known, known)])
        mean = values.mean(axis=0)
        coefficients = vectors.T @ (values - mean)
        of_networks, constant = shares @ vectors, shares.sum(axis=1)[:, None] * mean
        random = np.random.default_rng(self.seed)
        for _ in range(self.n_draws):
            signs = random.choice([-1.0, 1.0], len(coefficients))
            yield (constant + (of_networks * signs) @ coefficients).T


def _apart(folder: Path | None) -> Doubles:
    """Distances between all cells of both hemispheres in mm, (1284, 1284), infinite from a cell to itself."""
    left, right = distances(folder)
    image = mirrored(N_COARSE)
    across = (left[:, image] + right[image]) / 2 + _BETWEEN_HEMISPHERES
    both = np.block([[left, across], [across.T, right]])
    np.fill_diagonal(both, np.inf)
    return both


@one_thread()
def moran_vectors(weights: Doubles) -> Doubles:
    """Moran's eigenvectors of symmetric weights (n, n) with a diagonal of 0, orthonormal and of mean 0, (n, n - 1)."""
    centred = weights - weights.mean(axis=0) - weights.mean(axis=1, keepdims=True) + weights.mean()
    vectors = np.linalg.eigh((centred + centred.T) / 2)[1]
    constant = np.abs(vectors.sum(axis=0)).argmax()
    return np.asarray(np.delete(vectors, constant, axis=1))


@dataclass(frozen=True)
class _Cells:
    """Maps and networks by cells of the cortex.

    Attributes
    ----------
    values : means over the vertices with data of each cell, (n_cells, n_maps), 0 without
    known : (n_cells,), cells with data, of both hemispheres
    shares : which share of each network lies in each cell, (n_networks, n_cells), rows with sum 1
    """

    values: Doubles
    known: NDArray[np.bool_]
    shares: Doubles

    @classmethod
    def make(
        cls, values: Doubles, valid: NDArray[np.bool_], labels: NDArray[np.integer], n_networks: int, n_cells: int
    ) -> _Cells:
        """Cells of values (20484, n_maps) on one of the coarser meshes, `n_cells` per hemisphere."""
        cell = cell_of_vertices(n_cells)
        counts = np.bincount(cell[valid], minlength=2 * n_cells)
        sums = np.stack([np.bincount(cell[valid], one[valid], 2 * n_cells) for one in values.T], axis=1)
        inside = valid & (labels > 0)
        place = (labels[inside] - 1) * 2 * n_cells + cell[inside]
        shares = np.bincount(place, minlength=n_networks * 2 * n_cells).reshape(n_networks, -1).astype(np.float64)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
        return cls(sums / np.maximum(counts, 1)[:, None], counts > 0, shares)

    @cached_property
    def observed(self) -> Doubles:
        """Means over networks, (n_maps, n_networks)."""
        return (self.shares @ self.values).T

    def dealt(self, rest: Doubles, random: np.random.Generator) -> Doubles:
        """Values (n_cells, n_maps) dealt out anew over the known cells of each hemisphere."""
        source = np.arange(len(rest))
        for side in np.split(source.copy(), 2):
            usable: Ints = side[self.known[side]]
            source[usable] = random.permutation(usable)
        return rest[source]
