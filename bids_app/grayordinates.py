"""Grayordinates of CIFTI files: vertices of cortical meshes and voxels of structures."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
from nibabel.cifti2 import BrainModelAxis
from numpy.typing import NDArray

CORTEX = ("CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT")
_STRIDE = 1 << 32  # exceeds the vertices of any mesh and the voxels of any grid
# Maps are laid out on whole meshes and grids, so absurd sizes would fill the memory. The densest mesh in use has
# 163,842 vertices, a grid of 0.3 mm 300 million voxels.
_MOST_VERTICES, _MOST_VOXELS = 10_000_000, 300_000_000


@dataclass(frozen=True)
class Cortex:
    """The cortical part of an axis.

    Attributes
    ----------
    n_vertices : vertices of the left and the right mesh, medial wall included
    targets : (n,) positions on the axis
    vertices : (n,) vertex of each; the numbers of the right mesh continue those of the left
    """

    n_vertices: tuple[int, int]
    targets: NDArray[np.intp]
    vertices: NDArray[np.intp]

    def on_mesh(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Values (…, n_targets) on all vertices of both meshes (…, n_left + n_right), NaN without a target."""
        full = np.full((*values.shape[:-1], sum(self.n_vertices)), np.nan, dtype=np.float32)
        full[..., self.vertices] = values[..., self.targets]
        return full


def check_axis(axis: BrainModelAxis) -> None:
    """Raise ValueError if targets lie outside the meshes and the grid of an axis, or a mesh has no size."""
    on_surface = np.asarray(axis.surface_mask)
    for structure in sorted(set(np.asarray(axis.name)[on_surface])):
        size = axis.nvertices.get(structure)
        vertices = axis.vertex[on_surface & (np.asarray(axis.name) == structure)]
        if not isinstance(size, int) or not 0 < size <= _MOST_VERTICES:
            raise ValueError(f"the mesh of {structure} has {size} vertices")
        if vertices.min() < 0 or vertices.max() >= size:
            raise ValueError(f"{structure} has vertices that its mesh of {size} does not have")
    if on_surface.all():
        return
    shape, voxels = axis.volume_shape, axis.voxel[~on_surface]
    if shape is None or axis.affine is None:
        raise ValueError("its voxels are on no grid")
    grid = " × ".join(map(str, shape))
    if math.prod(shape) > _MOST_VOXELS:
        raise ValueError(f"its grid of {grid} voxels is larger than a brain")
    if (voxels < 0).any() or (voxels >= np.asarray(shape)).any():
        raise ValueError(f"it has voxels outside its grid of {grid}")


def cortex_of(axis: BrainModelAxis) -> Cortex:
    """The vertices of both hemispheres; an absent hemisphere has a mesh without vertices."""
    sizes = [int(axis.nvertices.get(structure, 0)) for structure in CORTEX]
    targets = [np.flatnonzero(np.asarray(axis.name) == structure) for structure in CORTEX]
    vertices = [axis.vertex[indices] + offset for indices, offset in zip(targets, (0, sizes[0]), strict=True)]
    return Cortex((sizes[0], sizes[1]), np.concatenate(targets), np.concatenate(vertices).astype(np.intp))


def keys_of(axis: BrainModelAxis) -> NDArray[np.int64]:
    """One number per target, the same in every axis of the same meshes and grid, from structure and vertex or voxel."""
    names = sorted(set(axis.name))
    # A checksum of the name: a structure has the same number in any axis, whatever other structures it has.
    codes = {name: zlib.crc32(name.encode()) >> 2 for name in names}
    if len(set(codes.values())) < len(names):
        raise ValueError(f"The structures {', '.join(names)} cannot be told apart.")
    index = np.asarray(axis.vertex, dtype=np.int64)
    in_volume = index < 0
    if in_volume.any():
        index = index.copy()
        index[in_volume] = np.ravel_multi_index(tuple(axis.voxel[in_volume].T), axis.volume_shape)
    return np.array([codes[name] for name in axis.name], dtype=np.int64) * _STRIDE + index


def same_grids(first: BrainModelAxis, second: BrainModelAxis) -> bool:
    """Whether both lie on the same meshes and the same grid of voxels, whichever of these targets they have."""
    shared = set(first.nvertices) & set(second.nvertices)
    if any(first.nvertices[name] != second.nvertices[name] for name in shared):
        return False
    if first.volume_shape is None or second.volume_shape is None:
        return True
    return first.volume_shape == second.volume_shape and np.allclose(first.affine, second.affine, atol=1e-3)
