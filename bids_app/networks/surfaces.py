"""Projection from any space to fsaverage5, where spin tests are computed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from nibabel.affines import apply_affine
from nibabel.cifti2 import BrainModelAxis
from nibabel.nifti1 import Nifti1Image
from numpy.typing import NDArray

from bids_app.grayordinates import cortex_of

if TYPE_CHECKING:  # nilearn takes more than a second to import, and nested surfaces do not need it
    from nilearn.surface import InMemoryMesh

# Vertices per hemisphere. The meshes are nested: the first vertices of a finer mesh are those of the coarser.
FSAVERAGE_VERTICES = {"fsaverage5": 10_242, "fsaverage6": 40_962, "fsaverage": 163_842}
N_VERTICES = FSAVERAGE_VERTICES["fsaverage5"]

# fsaverage's coordinates are MNI305; this is FreeSurfer's affine from MNI305 to MNI152 (its wiki, CoordinateSystems).
_MNI305_TO_MNI152 = np.array(
    [
        [0.9975, -0.0073, 0.0176, -0.0429],
        [0.0146, 1.0009, -0.0024, 1.5496],
        [-0.0130, -0.0093, 0.9971, 1.1840],
    ]
)
_MAPS_AT_ONCE = 16
_N_DEPTHS = 10  # points between white and pial surface, as in nilearn


def is_fsaverage(space: str) -> bool:
    """Whether a surface is fsaverage, of any density; a space without a name counts as fsaverage."""
    return space.startswith("fsaverage") or not space


def fsaverage_of(space: str, n_vertices: int) -> str:
    """The name of the fsaverage mesh with `n_vertices` per hemisphere; other spaces unchanged.

    >>> fsaverage_of("fsaverage", 40_962), fsaverage_of("fsLR", 32_492)
    ('fsaverage6', 'fsLR')
    """
    named = {n: name for name, n in FSAVERAGE_VERTICES.items()}
    return named.get(n_vertices, space) if is_fsaverage(space) else space


def to_fsaverage5(
    maps: NDArray[np.floating],
    kind: str,
    space: str,
    *,
    n_vertices: tuple[int, int] | None = None,
    affine: NDArray[np.floating] | None = None,
    mask: NDArray[np.bool_] | None = None,
    axis: BrainModelAxis | None = None,
    resources: Sequence[Path] | None = None,
) -> NDArray[np.float32]:
    """Maps on both hemispheres of fsaverage5, left then right.

    Surfaces: the first 10,242 vertices of each hemisphere of fsaverage; for fsLR, the nearest vertex on the sphere.
    Grayordinates: the same for the cortex. Volumes: the mean of ten points between the white and the pial surface,
    trilinear, over finite voxels inside `mask`.

    Parameters
    ----------
    maps : array of shape (n_maps, n_targets)
        For volumes, one column per voxel of `mask`, in its C order.
    kind : "surface", "volume" or "cifti"
    space : name of the space of the data, such as fsaverage6 or MNI152NLin6Asym
    n_vertices : vertices of the left and right hemisphere, for surfaces
    affine, mask : array of shape (4, 4) and of shape (x, y, z), for volumes
    axis : the brain models of grayordinates
    resources : folders with the spheres of fsLR, searched before TemplateFlow's own

    Returns
    -------
    array of shape (n_maps, 20484), NaN at vertices without data: for volumes, those with less than half of their
    points in the mask

    Raises
    ------
    ValueError for parcels, for surfaces that are neither fsaverage nor fsLR, and for volumes outside of MNI152 spaces;
    FileNotFoundError if the spheres of fsLR are not available
    """
    if kind == "cifti" and axis is not None:
        cortex = cortex_of(axis)
        maps, kind, n_vertices = cortex.on_mesh(np.asarray(maps, dtype=np.float32)), "surface", cortex.n_vertices
    if kind == "surface":
        return np.asarray(maps[:, _vertices_at_fsaverage5(space, n_vertices, resources)], dtype=np.float32)
    grid_affine, inside = _grid(kind, space, affine, mask)
    return np.vstack(
        [_project(chunk, grid_affine, inside) for chunk in _chunks(np.asarray(maps, dtype=np.float32))]
    )  # (n_maps, 20484)


def labels_to_fsaverage5(
    labels: NDArray[np.integer],
    kind: str,
    space: str,
    *,
    n_vertices: tuple[int, int] | None = None,
    affine: NDArray[np.floating] | None = None,
    mask: NDArray[np.bool_] | None = None,
    axis: BrainModelAxis | None = None,
    resources: Sequence[Path] | None = None,
) -> NDArray[np.int32]:
    """Labels (n_targets,) on fsaverage5, (20484,), 0 for none: the most frequent label between white and pial surface.

    Parameters and errors as in `to_fsaverage5`.
    """
    if kind == "cifti" and axis is not None:
        cortex = cortex_of(axis)
        labels = np.nan_to_num(cortex.on_mesh(np.asarray(labels, dtype=np.float32))).astype(np.int32)
        kind, n_vertices = "surface", cortex.n_vertices
    if kind == "surface":
        return np.asarray(labels[_vertices_at_fsaverage5(space, n_vertices, resources)], dtype=np.int32)
    grid_affine, inside = _grid(kind, space, affine, mask)
    volume = np.zeros(inside.shape, dtype=np.int32)
    volume[inside] = labels
    sides = [_most_frequent(volume, grid_affine, pial, white) for pial, white in _meshes()]
    projected = np.concatenate(sides)
    if (projected < 0).all():
        raise ValueError(
            f"The grid of the data (space {space}) does not reach the cortex: its position in the header (sform, "
            "qform) is wrong, or --space is; preprocess again, or leave the networks out (--atlas none)."
        )
    return np.maximum(projected, 0)


def _most_frequent(
    volume: NDArray[np.int32], affine: NDArray[np.float64], pial: InMemoryMesh, white: InMemoryMesh
) -> NDArray[np.int32]:
    """The most frequent value (the smallest of several) at ten points between two surfaces; -1 outside the grid.

    As nilearn's "nearest_most_frequent", which fails if a recording covers only a part of the cortex.
    """
    depths = np.linspace(0, 1, _N_DEPTHS)[:, None, None]
    points = white.coordinates + depths * (pial.coordinates - white.coordinates)  # (n_depths, n_vertices, 3)
    voxels = np.rint(apply_affine(np.linalg.inv(affine), points)).clip(-1, 1 << 30).astype(np.int64)
    inside = ((voxels >= 0) & (voxels < volume.shape)).all(axis=-1)
    values = np.full(inside.shape, -1, dtype=np.int32)
    values[inside] = volume[tuple(voxels[inside].T)]
    counts = np.where(inside, (values[:, None] == values[None]).sum(axis=1), 0)
    most = counts == counts.max(axis=0)
    return np.asarray(np.where(most, values, np.iinfo(np.int32).max).min(axis=0), dtype=np.int32)


def _vertices_at_fsaverage5(
    space: str, n_vertices: tuple[int, int] | None, resources: Sequence[Path] | None
) -> NDArray[np.int64]:
    if space == "fsLR" and n_vertices is not None and n_vertices[0] == n_vertices[1]:
        from bids_app.networks.fslr import as_key, fslr_at_fsaverage5

        return fslr_at_fsaverage5(n_vertices[0], as_key(resources))
    if not is_fsaverage(space) or n_vertices is None or not set(n_vertices) <= set(FSAVERAGE_VERTICES.values()):
        raise ValueError(
            f"Surface {space!r} with {n_vertices} vertices is not fsLR or one of {', '.join(FSAVERAGE_VERTICES)} "
            f"({', '.join(map(str, FSAVERAGE_VERTICES.values()))} per hemisphere); choose another with --space."
        )
    first = np.arange(N_VERTICES)
    return np.concatenate([first, n_vertices[0] + first])


def _grid(
    kind: str, space: str, affine: NDArray[np.floating] | None, mask: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if kind != "volume" or affine is None or mask is None:
        raise ValueError(
            f"Only surfaces and volumes (with affine and mask) can be projected to fsaverage5, not {kind!r}; "
            "regions are tested by relabelling instead."
        )
    if not space.startswith("MNI152"):
        raise ValueError(
            f"Volumes in {space!r} cannot be projected to fsaverage5: only MNI152 spaces can; choose one with --space."
        )
    return np.asarray(affine, dtype=np.float64), np.asarray(mask, dtype=bool)


def _chunks(maps: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    return (maps[start : start + _MAPS_AT_ONCE] for start in range(0, len(maps), _MAPS_AT_ONCE))


def _project(maps: NDArray[np.float32], affine: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weighted means over the finite voxels of the mask: projection of the values over projection of the weights."""
    from nilearn.surface import vol_to_surf

    finite = np.isfinite(maps).all(axis=0)  # (n_voxels,)
    volumes = np.zeros((*mask.shape, len(maps) + 1), dtype=np.float32)
    volumes[mask] = np.vstack([np.where(finite, maps, 0), finite]).T
    image = Nifti1Image(volumes, affine)
    # numpy warns of the intended NaN at vertices whose samples all lie outside the field of view.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        sides = [vol_to_surf(image, pial, inner_mesh=white, interpolation="linear") for pial, white in _meshes()]
    projected = np.vstack(sides).T  # (n_maps + 1, 20484)
    weights = np.nan_to_num(projected[-1])
    seen = weights >= 0.5
    return np.where(seen, projected[:-1] / np.where(seen, weights, 1), np.nan).astype(np.float32)


def _meshes() -> Iterator[tuple[InMemoryMesh, InMemoryMesh]]:
    """Pial and white surface of the left, then of the right hemisphere, in MNI152 coordinates."""
    from nilearn.datasets import load_fsaverage

    fsaverage5 = load_fsaverage("fsaverage5")
    for side in ("left", "right"):
        yield _in_mni152(fsaverage5["pial"].parts[side]), _in_mni152(fsaverage5["white_matter"].parts[side])


def _in_mni152(mesh: InMemoryMesh) -> InMemoryMesh:
    from nilearn.surface import InMemoryMesh

    return InMemoryMesh(to_mni152(mesh.coordinates), mesh.faces)


def to_mni152(coordinates: NDArray[np.floating]) -> NDArray[np.float64]:
    """Coordinates of fsaverage's surfaces (n, 3), in millimetres, moved from MNI305 to MNI152."""
    return np.asarray(coordinates @ _MNI305_TO_MNI152[:, :3].T + _MNI305_TO_MNI152[:, 3])
