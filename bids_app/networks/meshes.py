"""Meshes of the cortex between white matter and pia, from nilearn or TemplateFlow."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from bids_app.networks.surfaces import FSAVERAGE_VERTICES
from bids_app.networks.template_files import locate

Mesh = tuple[NDArray[np.float64], NDArray[np.int64]]

_FSAVERAGE = "tpl-fsaverage_hemi-{hemi}_den-{density}_{surface}.surf.gii"
_DENSITIES = {40_962: "41k", 163_842: "164k"}
INFLATED = "tpl-fsLR_den-32k_hemi-{hemi}_inflated.surf.gii"
_FSLR = {32_492: "tpl-fsLR_den-32k_hemi-{hemi}_midthickness.surf.gii"}


def mesh_files(space: str, n_vertices: int) -> list[list[str]]:
    """File names in TemplateFlow whose mean is the mesh of the left, then of the right hemisphere; none for fsaverage5.

    Raises ValueError for spaces whose mesh is unknown.
    """
    if space.startswith("fsaverage") and n_vertices in FSAVERAGE_VERTICES.values():
        density = _DENSITIES.get(n_vertices)
        surfaces = ("white", "pial") if density else ()
        return [[_FSAVERAGE.format(hemi=h, density=density, surface=surface) for surface in surfaces] for h in "LR"]
    if space == "fsLR" and n_vertices in _FSLR:
        return [[_FSLR[n_vertices].format(hemi=hemi)] for hemi in "LR"]
    raise ValueError(
        f"The mesh of {space or 'this surface'}{f' with {n_vertices:,} vertices' if n_vertices else ''} is not known; "
        "known are fsaverage5, fsaverage6, fsaverage and fsLR with 32,492 vertices per hemisphere."
    )


def meshes_of(space: str) -> list[str]:
    """File names in TemplateFlow of the meshes of a space: those for smoothing, and for fsLR those for pictures.

    Raises ValueError for spaces whose mesh is unknown.
    """
    n_vertices = {**FSAVERAGE_VERTICES, "fsLR": 32_492}.get(space, 0)
    drawn = [INFLATED.format(hemi=hemi) for hemi in "LR"] if space == "fsLR" else []
    return [name for side in mesh_files(space, n_vertices) for name in side] + drawn


@lru_cache(maxsize=2)
def load_meshes(space: str, n_vertices: int, resources: tuple[Path, ...] | None = None) -> tuple[Mesh, Mesh]:
    """Vertices (n, 3) in mm and triangles (m, 3) of the left and the right hemisphere.

    Raises ValueError for spaces whose mesh is unknown, FileNotFoundError if it is not available.
    """
    left, right = mesh_files(space, n_vertices)
    if not left:
        return _of_nilearn("left"), _of_nilearn("right")
    return _mean_mesh(left, resources), _mean_mesh(right, resources)


def _of_nilearn(side: str) -> Mesh:
    from nilearn.datasets import load_fsaverage  # takes more than a second to import

    fsaverage5 = load_fsaverage("fsaverage5")
    surfaces = [fsaverage5[name].parts[side] for name in ("white_matter", "pial")]
    return _mean([(surface.coordinates, surface.faces) for surface in surfaces])


def _mean_mesh(names: list[str], resources: Sequence[Path] | None) -> Mesh:
    return _mean([read_mesh(path) for path in locate(names, resources)])


def _mean(meshes: Sequence[Mesh]) -> Mesh:
    coordinates = np.mean([np.asarray(points, dtype=np.float64) for points, _ in meshes], axis=0)
    return coordinates, np.asarray(meshes[0][1], dtype=np.int64)


def read_mesh(path: Path) -> Mesh:
    """Vertices (n, 3) and triangles (m, 3) of a `.surf.gii`."""
    points, triangles = nibabel.load(path).agg_data(("pointset", "triangle"))
    return np.asarray(points, dtype=np.float64), np.asarray(triangles, dtype=np.int64)
