"""The sphere of fsaverage5: its vertices, and the vertex nearest to a point.

Import this module where it is used: numba takes a quarter of a second.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bids_app.encoding.compiled import compiled

# Voxels per edge of the cube around the sphere, and vertices kept per voxel: enough for fsaverage5 (checked when the
# table is built).
_VOXELS = 80
_CANDIDATES = 16
_HALF_DIAGONAL = 3**0.5 / _VOXELS
_TOLERANCE = 1e-6  # points and vertices are float32


@lru_cache(maxsize=1)
def unit_sphere() -> NDArray[np.float64]:
    """Vertices of fsaverage5's sphere on the unit sphere, (10242, 3); the same for both hemispheres.

    The mesh is part of nilearn, so it needs no network. x points to the right in both hemispheres: the
    lateral side is at negative x on the left, at positive x on the right.
    """
    from nilearn.datasets import load_fsaverage  # takes more than a second to import

    mesh = load_fsaverage("fsaverage5")["sphere"]
    left, right = (np.asarray(mesh.parts[side].coordinates, dtype=np.float64) for side in ("left", "right"))
    if not np.array_equal(left, right):
        raise RuntimeError("The spheres of nilearn's fsaverage5 differ between hemispheres; use nilearn 0.14.")
    return np.asarray(left / np.linalg.norm(left, axis=1, keepdims=True))


class NearestVertex:
    """Nearest vertex of a mesh on the unit sphere, eight times faster than a k-d tree for many queries.

    Space is divided into voxels; for each voxel on the sphere, a k-d tree finds once the vertices that can be nearest
    to a point in it, and a query compares only these.
    """

    def __init__(self, vertices: NDArray[np.float64]) -> None:
        """Vertices (n, 3) on the unit sphere, n ≤ 32,767. Raises ValueError if they lie too close together."""
        middles = (np.arange(_VOXELS) + 0.5) * 2 / _VOXELS - 1
        centres = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1).reshape(-1, 3)
        shell = np.flatnonzero(np.abs(np.linalg.norm(centres, axis=1) - 1) <= _HALF_DIAGONAL)
        distances, near = map(np.asarray, cKDTree(vertices).query(centres[shell], k=_CANDIDATES + 1))
        # The vertex nearest to a point in a voxel is at most this much farther from the centre than any other.
        possible = distances <= distances[:, :1] + 2 * _HALF_DIAGONAL + _TOLERANCE
        if possible[:, -1].any():
            raise ValueError(f"A mesh of {len(vertices)} vertices is too dense for this search; use fsaverage5.")
        self._vertices = vertices.astype(np.float32)
        self._row = np.zeros(len(centres), dtype=np.int32)  # row of each voxel in the lists of candidates
        self._row[shell] = np.arange(shell.size)
        self._candidates = np.where(possible, near, -1).astype(np.int16)

    def __call__(self, points: NDArray[np.floating]) -> NDArray[np.int16]:
        """Index of the vertex nearest to each point; points (n, 3) on the unit sphere → (n,)."""
        nearest = np.empty(len(points), dtype=np.int16)
        _compare(points.astype(np.float32), self._vertices, self._row, self._candidates, nearest)
        return nearest


@compiled
def _compare(
    points: NDArray[np.float32],
    vertices: NDArray[np.float32],
    row: NDArray[np.int32],
    candidates: NDArray[np.int16],
    nearest: NDArray[np.int16],
) -> None:
    """Fill `nearest` with the nearest candidate in the voxel of each point; the lists end with -1."""
    for i in range(len(points)):
        voxel = 0
        for axis in range(3):
            voxel = voxel * _VOXELS + min(int((points[i, axis] + 1) * (_VOXELS / 2)), _VOXELS - 1)
        closest = np.float32(-2)
        for j in range(_CANDIDATES):
            rival = candidates[row[voxel], j]
            if rival < 0:
                break
            closeness = np.float32(0)
            for axis in range(3):
                closeness += points[i, axis] * vertices[rival, axis]
            if closeness > closest:
                closest, nearest[i] = closeness, rival
