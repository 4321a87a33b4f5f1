"""The cortex of the demo: fsaverage5, its medial wall, a partition into networks, and the same in a volume grid."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from nilearn import datasets, surface
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.spatial import cKDTree

from bids_app.networks.surfaces import to_mni152

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Int = NDArray[np.int64]

N_VERTICES = 10242  # of one hemisphere of fsaverage5
NETWORK_NAMES = ("Amber", "Birch", "Cobalt", "Dune", "Ember", "Fern", "Glacier")
_PATCHES_PER_NETWORK = (2, 2, 3, 3, 3, 4, 4)  # of one hemisphere; all patches have about the same area
VOXEL_SIZE = 4.0  # mm
_RIBBON = 3.0  # mm: voxels whose centre is this close to the cortex carry its response
_BRAIN = 5.0  # mm: voxels this close to the cortex, and all that they enclose, are brain
_COINCIDE = 0.5  # mm: where pial and white surface are closer there is no cortex between them


@dataclass(frozen=True)
class Cortex:
    """Both hemispheres of fsaverage5, left before right.

    sphere: (n_vertices, 3), unit length. middle: (n_vertices, 3) mm in the MNI152
    space, half-way between the pial and white surface.
    is_cortex: (n_vertices,), False on the medial wall. faces: (n_faces, 3).
    """

    sphere: Float
    middle: Float
    is_cortex: Bool
    faces: Int

    @cached_property
    def averaging(self) -> sparse.csr_array:
        """Matrix (n_vertices, n_vertices) that replaces the value of a vertex by the mean of it and its neighbours."""
        edges = np.concatenate([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]]])
        n_vertices = len(self.sphere)
        ones = np.ones(2 * len(edges) + n_vertices)
        rows = np.concatenate([edges[:, 0], edges[:, 1], np.arange(n_vertices)])
        columns = np.concatenate([edges[:, 1], edges[:, 0], np.arange(n_vertices)])
        touching = sparse.csr_array((ones, (rows, columns)), shape=(n_vertices, n_vertices))
        touching.data[:] = 1.0  # an edge belongs to two faces and was counted twice
        return sparse.csr_array(sparse.diags_array(1 / touching.sum(axis=1)) @ touching)


def load_cortex() -> Cortex:
    """Read fsaverage5 from nilearn's own files; no network is needed."""
    files = datasets.fetch_surf_fsaverage("fsaverage5")
    spheres, middles, walls, faces = [], [], [], []
    for index, side in enumerate(("left", "right")):
        sphere, pial, white = (surface.load_surf_mesh(files[f"{kind}_{side}"]) for kind in ("sphere", "pial", "white"))
        spheres.append(sphere.coordinates / np.linalg.norm(sphere.coordinates, axis=1, keepdims=True))
        middle = (pial.coordinates + white.coordinates) / 2
        middles.append(to_mni152(middle))
        walls.append(np.linalg.norm(pial.coordinates - white.coordinates, axis=1) < _COINCIDE)
        faces.append(sphere.faces + index * N_VERTICES)
    cortex = Cortex(
        np.concatenate(spheres).astype(float),
        np.concatenate(middles).astype(float),
        np.ones(2 * N_VERTICES, dtype=bool),
        np.concatenate(faces).astype(np.int64),
    )
    # The surfaces part again before the rim of the medial wall is reached: two rings of vertices more
    wall = cortex.averaging @ (cortex.averaging @ np.concatenate(walls).astype(float)) > 0
    return Cortex(cortex.sphere, cortex.middle, ~wall, cortex.faces)


def smooth_fields(cortex: Cortex, n_fields: int, n_rings: int, rng: np.random.Generator) -> Float:
    """Return (n_fields, n_vertices): Gaussian fields, mean 0 and standard deviation 1, smooth over about `n_rings`."""
    fields = rng.standard_normal((len(cortex.sphere), n_fields))
    for _ in range(n_rings):
        fields = cortex.averaging @ fields
    return np.asarray(((fields - fields.mean(axis=0)) / fields.std(axis=0)).T)


def partition(cortex: Cortex, rng: np.random.Generator) -> Int:
    """Return (n_vertices,): the network of each vertex, 1 … 7, and 0 on the medial wall.

    Each network has several patches of about equal area in each hemisphere; the right ones mirror the left ones with
    small differences.
    """
    left_cortex = cortex.sphere[:N_VERTICES][cortex.is_cortex[:N_VERTICES]]
    centres = _even_centres(left_cortex, sum(_PATCHES_PER_NETWORK), rng)
    networks = _far_apart(centres, rng)
    mirrored = centres * [-1, 1, 1] + rng.normal(0, 0.05, centres.shape)
    labels = np.zeros(2 * N_VERTICES, dtype=np.int64)
    for index, middle in enumerate((centres, mirrored)):
        here = slice(index * N_VERTICES, (index + 1) * N_VERTICES)
        labels[here] = networks[cKDTree(middle).query(cortex.sphere[here])[1]]
    labels[~cortex.is_cortex] = 0
    return labels


def _even_centres(points: Float, n_centres: int, rng: np.random.Generator) -> Float:
    """Return (n_centres, 3) points on the sphere whose cells have about the same area (Lloyd's iteration)."""
    centres = points[rng.choice(len(points), n_centres, replace=False)]
    for _ in range(30):
        nearest = cKDTree(centres).query(points)[1]
        sums = np.stack([points[nearest == cell].sum(axis=0) for cell in range(n_centres)])
        centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return centres


def _far_apart(centres: Float, rng: np.random.Generator) -> Int:
    """Return the network (1 … 7) of each patch: of many shuffles the one that keeps a network's patches far apart."""
    networks = np.repeat(np.arange(1, len(_PATCHES_PER_NETWORK) + 1), _PATCHES_PER_NETWORK)
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 10.0 * np.eye(len(centres))
    shuffles = [rng.permutation(networks) for _ in range(300)]
    return max(shuffles, key=lambda order: float(distance[order[:, None] == order[None]].min()))


@dataclass(frozen=True)
class Grid:
    """A volume grid around the cortex.

    affine: (4, 4) voxel → mm. brain: (x, y, z). nearest: (n_brain,) the vertex nearest to each brain voxel.
    in_ribbon: (n_brain,) whether that vertex is close enough to lend the voxel its response and its network.
    """

    affine: Float
    brain: Bool
    nearest: Int
    in_ribbon: Bool

    def fill(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the volume (x, y, z, …) that holds `values` (n_brain, …) in the brain and zeros outside."""
        volume = np.zeros((*self.brain.shape, *values.shape[1:]), dtype=values.dtype)
        volume[self.brain] = values
        return volume

    def sampling(self, points: Float) -> sparse.csr_array:
        """Return (n_points, n_voxels of the whole grid): trilinear interpolation at the points (mm)."""
        index = (points - self.affine[:3, 3]) / VOXEL_SIZE
        lower = np.floor(index).astype(int)
        fraction = index - lower
        rows, columns, weights = [], [], []
        for corner in np.ndindex(2, 2, 2):
            weights.append(np.prod(np.where(corner, fraction, 1 - fraction), axis=1))
            columns.append(np.ravel_multi_index(tuple((lower + corner).T), self.brain.shape))
            rows.append(np.arange(len(points)))
        entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
        return sparse.csr_array(entries, shape=(len(points), self.brain.size))


def make_grid(cortex: Cortex) -> Grid:
    """Lay a grid of 4 mm voxels over the cortex."""
    low = np.floor((cortex.middle.min(axis=0) - 8) / VOXEL_SIZE) * VOXEL_SIZE
    high = cortex.middle.max(axis=0) + 12
    shape = tuple(int(n) for n in np.ceil((high - low) / VOXEL_SIZE))
    affine = np.diag([VOXEL_SIZE, VOXEL_SIZE, VOXEL_SIZE, 1.0])
    affine[:3, 3] = low
    centres = np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 3) * VOXEL_SIZE + low
    distance, nearest = cKDTree(cortex.middle).query(centres)
    near = np.reshape(distance < _BRAIN, shape)
    brain: Bool = np.asarray(ndimage.binary_fill_holes(ndimage.binary_closing(near, iterations=2)))
    inside, nearest = brain.ravel(), np.asarray(nearest)
    in_ribbon = (distance < _RIBBON) & cortex.is_cortex[nearest]
    return Grid(affine, brain, nearest[inside], in_ribbon[inside])
