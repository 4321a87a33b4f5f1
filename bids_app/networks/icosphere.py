"""The spheres of fsaverage, of any density, from that of fsaverage5."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bids_app.networks.sphere import unit_sphere
from bids_app.networks.surfaces import FSAVERAGE_VERTICES, N_VERTICES

Points = NDArray[np.float64]
Faces = NDArray[np.int64]


@lru_cache(maxsize=1)
def fsaverage_sphere(n_vertices: int) -> Points:
    """Vertices (n_vertices, 3) of fsaverage on the unit sphere, in FreeSurfer's order; the same for both hemispheres.

    Raises ValueError for another number of vertices than that of fsaverage5, fsaverage6 or fsaverage.
    """
    if n_vertices not in FSAVERAGE_VERTICES.values():
        raise ValueError(f"fsaverage has no {n_vertices:,} vertices per hemisphere")
    points, faces = unit_sphere(), _faces()
    while len(points) < n_vertices:
        points, faces = subdivide(points, faces)
    return points


def _faces() -> Faces:
    from nilearn.datasets import load_fsaverage  # takes more than a second to import

    faces = np.asarray(load_fsaverage("fsaverage5")["sphere"].parts["left"].faces, dtype=np.int64)
    if faces.max() + 1 != N_VERTICES:
        raise RuntimeError("The sphere of nilearn's fsaverage5 has another number of vertices; use nilearn 0.14.")
    return faces


def subdivide(points: Points, faces: Faces) -> tuple[Points, Faces]:
    """The next icosahedron: a vertex at the middle of each edge, projected onto the sphere, and four faces per face.

    New vertices are numbered in the order in which their edges first occur in the faces, a face (a, b, c) with its
    edges ca, bc, ab. The faces (a, ab, ca) come first, then for each face its other three. This is FreeSurfer's
    numbering: one step back from fsaverage5's sphere and one step forward reproduce it exactly.

    Parameters
    ----------
    points : (n, 3) on the unit sphere
    faces : (m, 3) triangles
    """
    a, b, c = faces.T
    edges = np.sort(np.stack([[c, a], [b, c], [a, b]]).transpose(2, 0, 1).reshape(-1, 2), axis=1)  # (3 m, 2)
    key = edges[:, 0] * len(points) + edges[:, 1]
    _, first, edge = np.unique(key, return_index=True, return_inverse=True)
    number = np.empty_like(first)
    number[np.argsort(first)] = np.arange(len(first))
    ca, bc, ab = len(points) + number[edge].reshape(-1, 3).T
    middles = points[edges[np.sort(first)]].sum(axis=1)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    others = np.stack([np.stack(face, axis=1) for face in ((ca, bc, c), (ab, bc, ca), (ab, b, bc))], axis=1)
    return np.concatenate([points, middles]), np.concatenate([np.stack([a, ab, ca], axis=1), others.reshape(-1, 3)])
