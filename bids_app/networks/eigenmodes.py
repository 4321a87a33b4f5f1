"""Geometric eigenmodes of the cortex: those of the Laplace–Beltrami operator on its mesh."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import eigh
from scipy.sparse.csgraph import connected_components

from bids_app.atomic import atomic_path
from bids_app.checksums import artefact_damage, manifest_path, write_manifest
from bids_app.networks.cells import coarse_faces, mirrored
from bids_app.networks.meshes import load_meshes
from bids_app.networks.surfaces import N_VERTICES
from bids_app.stats.arrays import Doubles, Ints
from bids_app.stats.device import one_thread

N_CELLS = 2562  # vertices of fsaverage4, per hemisphere
N_GROUPS = 20  # groups of 1, 3, 5, … modes, as spherical harmonics of one degree


def groups(n_modes: int) -> list[slice]:
    """Groups of 1, 3, 5, … modes of similar wavelength; modes beyond the last full group are left out."""
    ends = np.square(np.arange(int(n_modes**0.5) + 1))
    return [slice(int(start), int(end)) for start, end in pairwise(ends)]


def cortical_modes(known: NDArray[np.bool_], folder: Path | None = None) -> Doubles:
    """Modes of both hemispheres on the cells of fsaverage4 with data, (2, 2562, n_modes), 0 elsewhere.

    Modes are orthonormal in each hemisphere with cells weighted equally. Groups of the right hemisphere are turned so
    that they resemble the mirror image of the left ones as closely as possible: a rotation of both is then a rotation
    of what the hemispheres share.

    Parameters
    ----------
    known : (2, 2562), cells with data; the largest connected part of each hemisphere is used
    folder : keeps the modes of each set of cells
    """
    if folder is None:
        return _modes(known.tobytes())
    key = hashlib.sha256(known.tobytes()).hexdigest()[:16]
    path = folder / f"modes-{N_GROUPS**2}_cells-{key}.npy"
    if artefact_damage(path) is not None:
        with atomic_path(path) as draft:
            with draft.open("wb") as file:
                np.save(file, _modes(known.tobytes()))
            write_manifest(draft, manifest_path(path), path.name)
    return np.asarray(np.load(path, allow_pickle=False))


@lru_cache(maxsize=1)
def _modes(known: bytes) -> Doubles:
    cells = np.frombuffer(known, dtype=bool).reshape(2, N_CELLS)
    meshes = load_meshes("fsaverage5", N_VERTICES)
    left, right = (
        _of_hemisphere(points[:N_CELLS], coarse_faces(faces), here)
        for (points, faces), here in zip(meshes, cells, strict=True)
    )
    n_modes = min(left.shape[1], right.shape[1])
    image = left[mirrored(N_CELLS)]
    for group in groups(n_modes):
        u, _, vt = np.linalg.svd(right[:, group].T @ image[:, group])
        right[:, group] = right[:, group] @ (u @ vt)
    last = groups(n_modes)[-1].stop
    return np.stack([left[:, :last], right[:, :last]])


@one_thread()
def _of_hemisphere(points: Doubles, faces: Ints, known: NDArray[np.bool_]) -> Doubles:
    """Modes (n_cells, n_modes) of the largest connected part of the known cells."""
    faces = faces[known[faces].all(axis=1)]
    if not len(faces):
        raise ValueError(
            "The map has data in no connected part of a hemisphere, so it has no eigenmodes; use --null spin."
        )
    stiffness, area = laplacian(points, faces)
    part = connected_components(stiffness, directed=False)[1]
    largest = np.bincount(part[faces[:, 0]]).argmax()
    rows = np.flatnonzero((part == largest) & (area > 0))
    scale = np.sqrt(area[rows])
    matrix = stiffness[rows][:, rows].toarray() / scale[:, None] / scale
    n_modes = min(N_GROUPS**2, len(rows))
    modes = eigh(matrix, subset_by_index=[0, n_modes - 1])[1] / scale[:, None]
    found = np.zeros((len(points), n_modes))
    found[rows] = np.linalg.qr(modes)[0]  # orthonormal over cells, in the order of wavelengths
    return found


def laplacian(points: Doubles, faces: Ints) -> tuple[sparse.csr_array, Doubles]:
    """Cotangent stiffness matrix (n, n) and the area of each vertex, (n,), a third of its triangles.

    Meyer, Desbrun, Schröder and Barr 2003; the eigenmodes S v = λ A v approximate those of the Laplacian.
    """
    n = len(points)
    rows, columns, weights, area = [], [], [], np.zeros(n)
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        first, second = (points[faces[:, corner]] - points[faces[:, c]] for corner in (a, b))
        twice = np.linalg.norm(np.cross(first, second), axis=1)
        cotangent = (first * second).sum(axis=1) / np.maximum(twice, 1e-12) / 2
        rows += [faces[:, a], faces[:, b]]
        columns += [faces[:, b], faces[:, a]]
        weights += [cotangent, cotangent]
        np.add.at(area, faces[:, c], twice / 6)
    between = sparse.csr_array((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=(n, n))
    return sparse.csr_array(sparse.diags_array(between.sum(axis=1)) - between), area
