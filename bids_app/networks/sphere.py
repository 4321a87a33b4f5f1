"""The sphere of fsaverage5: its vertices, and which of them is nearest to a point."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

# Voxels per edge of the cube around the sphere, and vertices kept per voxel: on fsaverage5 always enough (checked when
# it is built). With fewer voxels more vertices would have to be compared, with more the table would leave the cache.
_VOXELS = 160
_CANDIDATES = 4
_ASKED = 8  # how many vertices near a voxel are looked at to find those
_HALF_DIAGONAL = 3**0.5 / _VOXELS
_TOLERANCE = 1e-6  # points and vertices are float32


@lru_cache(maxsize=1)
def unit_sphere() -> NDArray[np.float64]:
    """Vertices of fsaverage5's sphere on the unit sphere, (10242, 3); the same for both hemispheres.

    The mesh is the one that nilearn carries, so no network is needed. x points to the right in both hemispheres: the
    lateral side is at negative x on the left, at positive x on the right.
    """
    from nilearn.datasets import load_fsaverage  # takes more than a second to import

    mesh = load_fsaverage("fsaverage5")["sphere"]
    left, right = (np.asarray(mesh.parts[side].coordinates, dtype=np.float64) for side in ("left", "right"))
    if not np.array_equal(left, right):
        raise RuntimeError("The spheres of nilearn's fsaverage5 differ between hemispheres; use nilearn 0.14.")
    return np.asarray(left / np.linalg.norm(left, axis=1, keepdims=True))


class NearestVertex:
    """Nearest vertex of a dense mesh on the unit sphere, several times faster than a k-d tree for many questions.

    Space is cut into voxels; for each that the sphere passes through it is found once which vertices can be nearest to
    a point in it, and a question compares only these.
    """

    def __init__(self, vertices: NDArray[np.float64]) -> None:
        """Vertices (n, 3) on the unit sphere, n ≤ 32,767. Raises ValueError where they lie too close together."""
        shell = _shell()
        self._axes = tuple(np.ascontiguousarray(axis) for axis in vertices.T.astype(np.float32))
        self._row = np.zeros(_VOXELS**3, dtype=np.int32)  # of each voxel in the lists of candidates
        self._row[shell] = np.arange(shell.size)
        self._candidates = tuple(np.ascontiguousarray(one) for one in _candidates(vertices, _centres(shell)).T)

    def __call__(self, points: NDArray[np.float32]) -> NDArray[np.int16]:
        """Index of the vertex nearest to each point; points (3, n) on the unit sphere → (n,)."""
        row = self._row.take(_voxel(points))
        best = self._candidates[0].take(row)
        closest = self._closeness(best, points)
        for candidates in self._candidates[1:]:
            rival = candidates.take(row)
            closeness = self._closeness(rival, points)
            best = np.where(closeness > closest, rival, best)
            np.maximum(closest, closeness, out=closest)
        return best

    def _closeness(self, vertex: NDArray[np.int16], points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosine of the angle between vertices (n,) and points (3, n)."""
        x, y, z = (axis.take(vertex) for axis in self._axes)
        return np.asarray(x * points[0] + y * points[1] + z * points[2])


def _voxel(points: NDArray[np.float32]) -> NDArray[np.int32]:
    """The voxel in which each of the points (3, n) of the sphere lies."""
    x, y, z = np.minimum((points + 1) * (_VOXELS / 2), _VOXELS - 1).astype(np.int32)
    return np.asarray((x * _VOXELS + y) * _VOXELS + z)


def _middles() -> NDArray[np.float64]:
    """Coordinate of the middle of each voxel along one edge of the cube."""
    return (np.arange(_VOXELS) + 0.5) * 2 / _VOXELS - 1


def _shell() -> NDArray[np.int64]:
    """The voxels that the sphere can pass through: none is farther from it than half a diagonal."""
    square = _middles() ** 2
    outer, inner = ((1 + side * _HALF_DIAGONAL) ** 2 for side in (1, -1))
    plane = square[:, None] + square
    return np.concatenate(
        [
            number * _VOXELS**2 + np.flatnonzero((inner <= plane + depth) & (plane + depth <= outer))
            for number, depth in enumerate(square)
        ]
    )


def _centres(voxels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Centres of voxels, (n, 3)."""
    places = np.unravel_index(voxels, (_VOXELS,) * 3)
    return np.stack([_middles()[place] for place in places], axis=1)


def _candidates(vertices: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int16]:
    """The vertices that can be nearest to a point of each voxel, the nearest to its centre first: (n, k), repeated.

    A vertex can where it is not farther than the first at some corner of the voxel (the border between the two is a
    plane), and only vertices that are at most two half diagonals farther from the centre have to be asked about.
    """
    distances, near = map(np.asarray, cKDTree(vertices).query(centres, k=_ASKED))
    ahead = vertices[near[:, :1]] - vertices[near]  # (n, asked, 3)
    least = np.einsum("nac,nc->na", ahead, centres) - np.abs(ahead).sum(axis=2) / _VOXELS
    possible = least <= _TOLERANCE
    enough = distances[:, -1] > distances[:, 0] + 2 * _HALF_DIAGONAL
    if not enough.all() or possible.sum(axis=1).max() > _CANDIDATES:
        raise ValueError(f"A mesh of {len(vertices)} vertices is too dense for this search; use fsaverage5.")
    first = np.argsort(~possible, axis=1, kind="stable")[:, :_CANDIDATES]
    chosen = np.where(np.take_along_axis(possible, first, axis=1), np.take_along_axis(near, first, axis=1), near[:, :1])
    return np.asarray(chosen, dtype=np.int16)
