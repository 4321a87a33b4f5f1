"""Cells of the cortex: vertices of fsaverage5 by their nearest vertex on a coarser mesh, and the distances of cells."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from bids_app.atomic import atomic_path
from bids_app.checksums import artefact_damage, manifest_path, write_manifest
from bids_app.networks.meshes import load_meshes
from bids_app.networks.sphere import unit_sphere
from bids_app.networks.surfaces import N_VERTICES
from bids_app.stats.arrays import Doubles, Ints

N_COARSE = 642  # vertices of fsaverage3, per hemisphere


@lru_cache(maxsize=2)
def cell_of_vertices(n_cells: int) -> Ints:
    """The cell of each vertex of both hemispheres, (20484,), 0 … n_cells - 1 on the left, from n_cells on the right."""
    points = unit_sphere()
    nearest = np.asarray(cKDTree(points[:n_cells]).query(points)[1], dtype=np.int64)
    return np.concatenate([nearest, nearest + n_cells])


@lru_cache(maxsize=2)
def mirrored(n_cells: int) -> Ints:
    """For each cell of one hemisphere, the cell at its mirror image in the other, (n_cells,)."""
    points = unit_sphere()[:n_cells]
    return np.asarray(cKDTree(points).query(points * [-1, 1, 1])[1], dtype=np.int64)


def distances(folder: Path | None = None) -> Doubles:
    """Distances along the cortex between the cells of each hemisphere in mm, (2, 642, 642), stored in a folder.

    Shortest paths along the edges of fsaverage5 halfway between white matter and pia.
    """
    if folder is None:
        return _measured()
    path = folder / f"distances-{N_COARSE}.npy"
    if artefact_damage(path) is not None:
        with atomic_path(path) as draft:
            with draft.open("wb") as file:
                np.save(file, _measured())
            write_manifest(draft, manifest_path(path), path.name)
    return np.asarray(np.load(path, allow_pickle=False))


@lru_cache(maxsize=1)
def _measured() -> Doubles:
    found = []
    for points, faces in load_meshes("fsaverage5", N_VERTICES):
        pairs = np.unique(
            np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0
        )
        length = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
        edges = sparse.csr_array((length, (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
        rows = dijkstra(edges, directed=False, indices=np.arange(N_COARSE))[:, :N_COARSE]
        found.append((rows + rows.T) / 2)
    return np.stack(found)


def coarse_faces(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """The triangles of the icosahedron before the last subdivision; see `icosphere.subdivide` for their order."""
    m = len(faces) // 4
    return np.stack([faces[:m, 0], faces[m + 2 :: 3, 1], faces[m::3, 2]], axis=1)
