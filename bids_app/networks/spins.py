"""Is an overlap with a network larger than by chance? Networks are rotated on the cortex, or regions relabelled."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bids_app.atomic import atomic_path
from bids_app.checksums import artefact_damage, manifest_path, write_manifest
from bids_app.disk import new_array
from bids_app.networks.overlap import dice_of_counts
from bids_app.networks.surfaces import N_VERTICES
from bids_app.stats.device import resolve_device, run_batches

_NEIGHBOURS = 40.0  # mm
_MIRROR = np.diag([-1.0, 1.0, 1.0])


def random_rotations(n_rotations: int, seed: int) -> NDArray[np.float64]:
    """Rotation matrices (n_rotations, 3, 3), uniform on SO(3); the first are the same for any number of them.

    QR of Gaussian matrices with the signs of R's diagonal moved into Q is uniform on O(3) (Mezzadri 2007, Notices of
    the AMS 54, 592–604); those with determinant −1 are negated, which in three dimensions makes them rotations.
    """
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((n_rotations, 3, 3)))
    q = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    return np.asarray(q * np.linalg.det(q).round()[:, None, None])


@dataclass(frozen=True)
class Spins:
    """The vertex from which each vertex of fsaverage5 takes its label, for each rotation.

    Attributes
    ----------
    left, right : int16 arrays of shape (n_spins, 10242), possibly memory-mapped; the right hemisphere turns as the
        mirror image of the left
    """

    left: NDArray[np.int16]
    right: NDArray[np.int16]

    @property
    def n_spins(self) -> int:
        """Number of rotations."""
        return len(self.left)

    @staticmethod
    @lru_cache(maxsize=2)
    def make(n_spins: int = 1000, seed: int = 0) -> "Spins":
        """Draw rotations, or reuse those of an identical call. 41 MB for 1,000.

        Raises ValueError for less than one rotation.
        """
        drawn = np.empty((2, _checked(n_spins), N_VERTICES), dtype=np.int16)
        _draw(drawn, seed)
        return Spins(drawn[0], drawn[1])

    @staticmethod
    def cached(n_spins: int, seed: int, folder: Path, *, undistorted: bool = False) -> "Spins":
        """Rotations from a file that participants share, drawn and written there if it is missing or damaged.

        The file is memory-mapped, so many processes use the same memory; it appears complete or not at all.

        Parameters
        ----------
        undistorted : draw twice as many and keep those that change distances along the cortex least, see `distortion`
        """
        kind = "undistorted-" if undistorted else ""
        path = folder / f"spins-{kind}{_checked(n_spins)}_seed-{seed}.npy"
        if artefact_damage(path) is not None:
            with atomic_path(path) as draft:
                stored = new_array(draft, np.int16, (2, n_spins, N_VERTICES))
                if undistorted:
                    stored[:] = _least_distorted(n_spins, seed, folder)
                else:
                    _draw(stored, seed)
                stored.flush()
                write_manifest(draft, manifest_path(path), path.name)
        return Spins.load(path)

    def save(self, path: Path) -> None:
        """Write an .npy file of shape (2, n_spins, 10242); it appears complete or not at all."""
        with atomic_path(path) as draft:
            np.save(draft, np.stack([self.left, self.right]))

    @staticmethod
    def load(path: Path) -> "Spins":
        """Memory-map what `save` or `cached` wrote; ValueError if it is for another mesh."""
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
        if stored.ndim != 3 or stored.shape[::2] != (2, N_VERTICES):
            raise ValueError(f"{path} does not hold rotations of fsaverage5; remove the file to draw them again.")
        return Spins(stored[0], stored[1])

    def sources(self) -> Iterator[NDArray[np.int64]]:
        """For each rotation, the vertex from which each vertex takes its label: (20484,), left then right."""
        for left, right in zip(self.left, self.right, strict=True):
            yield np.concatenate([left.astype(np.int64), right.astype(np.int64) + N_VERTICES])


def _checked(n_spins: int) -> int:
    if n_spins < 1:
        raise ValueError(f"The number of spins is {n_spins}; it must be at least 1.")
    return n_spins


def _draw(sources: NDArray[np.int16], seed: int) -> None:
    """Fill sources (2, n_spins, 10242), left and right hemisphere, with the source vertices of random rotations."""
    from bids_app.networks.sphere import NearestVertex, unit_sphere  # with numba, which takes a while to import

    sphere, nearest = unit_sphere(), NearestVertex(unit_sphere())
    left = random_rotations(sources.shape[1], seed)
    rotations = np.stack([left, _MIRROR @ left @ _MIRROR])

    def rotate(spin: int) -> None:
        for hemisphere, rotation in zip(sources, rotations[:, spin], strict=True):
            hemisphere[spin] = nearest(sphere @ rotation.T)

    run_batches(rotate, range(sources.shape[1]), resolve_device("cpu"))


def _least_distorted(n_spins: int, seed: int, folder: Path) -> NDArray[np.int16]:
    from bids_app.networks.cells import distances

    drawn = np.empty((2, 2 * n_spins, N_VERTICES), dtype=np.int16)
    _draw(drawn, seed)
    order = np.argsort(distortion(drawn, distances(folder)), kind="stable")
    return drawn[:, np.sort(order[:n_spins])]


def distortion(sources: NDArray[np.int16], distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far rotations move neighbours apart or together, in mm, (n_spins,).

    The sphere is no true map of the cortex: a rotation keeps distances on it, not those on the cortex, and surrogates
    lose some of the autocorrelation. Removing the most distorted rotations lowers false positives (Bazinet, Liu and
    Misic 2025, Imaging Neuroscience 3). Distortion is the mean change of the distance between places at most 40 mm
    apart, over both hemispheres.

    Parameters
    ----------
    sources : array of shape (2, n_spins, 10242), see `Spins`
    distances : array of shape (2, n, n) in mm, between the first n vertices of each hemisphere
    """
    from bids_app.networks.cells import cell_of_vertices

    n_cells = distances.shape[1]
    cell = cell_of_vertices(n_cells)[:N_VERTICES]
    total = np.zeros(sources.shape[1])
    for drawn, apart in zip(sources, distances, strict=True):
        first, second = np.nonzero(np.triu(apart <= _NEIGHBOURS, 1))
        before = apart[first, second]
        for number, source in enumerate(drawn[:, :n_cells]):
            moved = cell[source]
            total[number] += np.abs(apart[moved[first], moved[second]] - before).mean() / len(sources)
    return total


def spin_test(
    parts: NDArray[np.bool_],
    labels: NDArray[np.integer],
    n_networks: int,
    n_spins: int = 1000,
    seed: int = 0,
    *,
    valid: NDArray[np.bool_] | None = None,
    spins: Spins | None = None,
) -> NDArray[np.float64]:
    """p of the Dice overlap of each part with each network, against the networks rotated on the cortical sphere.

    p = (b + 1) / (n + 1), where b rotations overlap at least as much (Alexander-Bloch et al. 2018, NeuroImage 178,
    540–551, here with Dice). Vertices without data are in no part and no network; a vertex whose label comes from one
    of them is excluded from that rotation, in the part and in the networks. The medial wall therefore neither counts
    as a network nor makes rotated networks smaller. Vertices with data but without a network rotate with the networks.

    Parameters
    ----------
    parts : boolean array of shape (n_parts, 20484), both hemispheres of fsaverage5
    labels : array of shape (20484,), 1 … n_networks, 0 for no network
    valid : boolean array of shape (20484,), where there are data; by default everywhere
    spins : rotations to use instead of drawing `n_spins` with `seed`

    Returns
    -------
    array of shape (n_parts, n_networks); 1 for an empty part

    Raises
    ------
    ValueError for arrays that are not on fsaverage5
    """
    if parts.shape[1:] != (2 * N_VERTICES,) or labels.shape != (2 * N_VERTICES,):
        raise ValueError(
            f"The spin test needs {2 * N_VERTICES} vertices (fsaverage5), but got parts of shape {parts.shape} and "
            f"labels of shape {labels.shape}; project the maps with to_fsaverage5."
        )
    spins = spins or Spins.make(n_spins, seed)
    return _p_values(parts, labels, n_networks, valid=valid, sources=spins.sources(), n_draws=spins.n_spins)


def relabelling_test(
    parts: NDArray[np.bool_],
    labels: NDArray[np.integer],
    n_networks: int,
    n_permutations: int = 1000,
    seed: int = 0,
    *,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """p of the Dice overlap of parts with networks of regions, against random permutations of the networks.

    `spin_test` for data without a position on the cortical sphere: parts (n_parts, n_regions), labels (n_regions,).
    Only regions with data (`valid`) are permuted. Neighbouring regions are assumed to be exchangeable.
    """
    usable = np.arange(labels.size) if valid is None else np.flatnonzero(valid)
    sources = _shuffled(labels.size, usable, n_permutations, seed)
    return _p_values(parts, labels, n_networks, valid=valid, sources=sources, n_draws=n_permutations)


def _shuffled(n_regions: int, usable: NDArray[np.int64], n_permutations: int, seed: int) -> Iterator[NDArray[np.int64]]:
    rng, sources = np.random.default_rng(seed), np.arange(n_regions)
    for _ in range(n_permutations):
        sources[usable] = rng.permutation(usable)
        yield sources


def _p_values(
    parts: NDArray[np.bool_],
    labels: NDArray[np.integer],
    n_networks: int,
    *,
    valid: NDArray[np.bool_] | None,
    sources: Iterable[NDArray[np.int64]],
    n_draws: int,
) -> NDArray[np.float64]:
    """(b + 1) / (n + 1) over draws; `sources` gives, for each draw, where each target takes its label from."""
    valid = np.ones(labels.size, dtype=bool) if valid is None else valid
    nowhere = n_networks + 1  # the label of targets without data
    labels = np.where(valid, labels, nowhere)
    # The valid targets are added as a last part: their overlap with a network is the size of the network.
    members = np.vstack([parts & valid, valid])
    part, target = np.nonzero(members)  # each vertex of each part
    offset = part * (nowhere + 1)

    def overlap(drawn: NDArray[np.integer]) -> NDArray[np.float64]:
        counts = np.bincount(offset + drawn.take(target), minlength=len(members) * (nowhere + 1))
        counts = counts.reshape(len(members), nowhere + 1)[:, :nowhere]  # no network, network 1 … n
        return dice_of_counts(counts[:-1, 1:], counts[:-1].sum(axis=1), counts[-1, 1:])

    observed = overlap(labels)
    exceeded = np.zeros(observed.shape, dtype=np.int64)
    for source in sources:
        exceeded += overlap(labels.take(source)) >= observed
    return (exceeded + 1) / (n_draws + 1)
