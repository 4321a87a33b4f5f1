"""Map between fsLR and fsaverage by nearest vertices on the sphere of fsaverage."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bids_app.networks.meshes import read_mesh
from bids_app.networks.template_files import locate

Points = NDArray[np.float64]

# Vertices of a hemisphere, and TemplateFlow's name of that density.
FSLR_DENSITIES = {32_492: "32k", 59_292: "59k", 163_842: "164k"}
_FSLR_SPHERE = "tpl-fsLR_space-fsaverage_hemi-{hemi}_den-{density}_sphere.surf.gii"
_FSAVERAGE_SPHERE = "tpl-fsaverage_hemi-{hemi}_den-164k_sphere.surf.gii"


def sphere_files(n_vertices: int = 32_492, *, fsaverage: bool = False) -> list[str]:
    """File names in TemplateFlow of the spheres of fsLR, left and right, and with `fsaverage` also those of fsaverage.

    Raises ValueError for an unknown number of vertices.
    """
    if n_vertices not in FSLR_DENSITIES:
        known = ", ".join(f"{n:,}" for n in FSLR_DENSITIES)
        raise ValueError(f"fsLR with {n_vertices:,} vertices per hemisphere is not known; known are {known}.")
    names = [_FSLR_SPHERE.format(hemi=hemi, density=FSLR_DENSITIES[n_vertices]) for hemi in "LR"]
    return names + ([_FSAVERAGE_SPHERE.format(hemi=hemi) for hemi in "LR"] if fsaverage else [])


def fslr_spheres(n_vertices: int, resources: tuple[Path, ...] | None = None) -> tuple[Points, Points]:
    """Vertices (n_vertices, 3) of the left and the right hemisphere of fsLR on the unit sphere of fsaverage.

    Raises FileNotFoundError if the spheres are not available, ValueError for an unknown density.
    """
    left, right = (_on_unit_sphere(path) for path in locate(sphere_files(n_vertices), resources))
    return left, right


@lru_cache(maxsize=2)
def fslr_at_fsaverage5(n_vertices: int, resources: tuple[Path, ...] | None = None) -> NDArray[np.int64]:
    """The fsLR vertex nearest to each vertex of fsaverage5 (20484,); the right hemisphere continues the numbers.

    Raises FileNotFoundError if the spheres of fsLR are not available.
    """
    from bids_app.networks.sphere import unit_sphere

    left, right = fslr_spheres(n_vertices, resources)
    points = unit_sphere()  # the same for both hemispheres
    return np.concatenate([_nearest(left, points), _nearest(right, points) + n_vertices])


@lru_cache(maxsize=2)
def fsaverage_at_fslr(n_vertices: int, resources: tuple[Path, ...] | None = None) -> NDArray[np.int64]:
    """The vertex of fsaverage (163,842) nearest to each vertex of fsLR; the right hemisphere continues the numbers.

    Raises FileNotFoundError if the spheres of either are not available.
    """
    paths = locate(sphere_files(n_vertices, fsaverage=True), resources)
    left, right, fsaverage_left, fsaverage_right = (_on_unit_sphere(path) for path in paths)
    return np.concatenate([_nearest(fsaverage_left, left), _nearest(fsaverage_right, right) + len(fsaverage_left)])


def as_key(resources: Sequence[Path] | None) -> tuple[Path, ...] | None:
    """Folders as a hashable key of a cache."""
    return None if resources is None else tuple(resources)


def _on_unit_sphere(path: Path) -> Points:
    points, _ = read_mesh(path)
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def _nearest(vertices: Points, points: Points) -> NDArray[np.int64]:
    return np.asarray(cKDTree(vertices).query(points)[1], dtype=np.int64)
