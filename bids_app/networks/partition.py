"""A partition of the targets into parcels of about 50 neighbours, from their positions alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from nibabel.affines import apply_affine
from nibabel.cifti2 import BrainModelAxis
from numpy.typing import NDArray

from bids_app.grayordinates import CORTEX
from bids_app.networks.surfaces import is_fsaverage

SIZE = 50  # targets of a parcel
Labels = NDArray[np.int64]
Points = NDArray[np.float64]


def partition(
    targets: NDArray[np.integer],
    kind: str,
    space: str,
    *,
    n_vertices: tuple[int, int] | None = None,
    affine: NDArray[np.floating] | None = None,
    mask: NDArray[np.bool_] | None = None,
    axis: BrainModelAxis | None = None,
    resources: Sequence[Path] | None = None,
    size: int = SIZE,
) -> Labels:
    """Parcel of each of the targets, (len(targets),) numbers from 0 without gaps; same targets, same parcels.

    Hemispheres and deeper structures are divided separately: surfaces on their sphere, voxels in millimetres, see
    `bisect`. Each target without a position is one parcel.

    Parameters
    ----------
    targets : (n,) numbers of the targets to parcel, ascending
    kind : "surface", "volume", "cifti" or "parcels"
    space : name of the data's space, such as fsaverage6
    n_vertices : vertices of the left and right hemisphere, for surfaces
    affine, mask : array of shape (4, 4) and of shape (x, y, z), for volumes
    axis : the brain models of grayordinates
    resources : folders with the spheres of fsLR, searched before TemplateFlow's own
    size : targets of a parcel

    Raises
    ------
    ValueError for a surface with an unknown sphere; FileNotFoundError if that of fsLR is not available
    """
    if kind == "parcels":
        return np.arange(len(targets))
    if axis is not None:
        pieces = _structures(axis, targets, space, resources)
    elif n_vertices is not None:
        pieces = _hemispheres(n_vertices, targets, space, resources)
    elif affine is not None and mask is not None:
        pieces = iter([(np.arange(len(targets)), apply_affine(affine, np.argwhere(mask)[targets]))])
    else:
        raise ValueError(f"{kind} without n_vertices, affine and mask, or axis has no positions")
    labels, n_parcels = np.zeros(len(targets), dtype=np.int64), 0
    for members, points in pieces:
        labels[members] = n_parcels + bisect(points, size)
        n_parcels = labels.max(initial=-1) + 1
    return labels


def bisect(points: Points, size: int) -> Labels:
    """Parts of about `size` neighbours, (n,) numbers from 0: points (n, 3) are halved along their longest extent.

    Parts are halved again until they are small enough; all parts have the same size up to rounding. Only comparisons
    decide, so that all machines return the same parts.
    """
    labels, n_labels = np.zeros(len(points), dtype=np.int64), 0
    waiting = [(np.arange(len(points)), max(1, round(len(points) / size)))]
    while waiting:
        members, n_parts = waiting.pop()
        if n_parts == 1:
            labels[members], n_labels = n_labels, n_labels + 1
            continue
        own = points[members]
        order = members[np.argsort(own[:, np.argmax(np.ptp(own, axis=0))], kind="stable")]
        n_first = n_parts // 2
        cut = round(len(members) * n_first / n_parts)
        waiting += [(np.sort(order[cut:]), n_parts - n_first), (np.sort(order[:cut]), n_first)]
    return labels


def _hemispheres(
    n_vertices: tuple[int, int], targets: NDArray[np.integer], space: str, resources: Sequence[Path] | None
) -> Iterator[tuple[Labels, Points]]:
    """For each hemisphere with targets: their indices in `targets` and their positions on the sphere."""
    spheres = _spheres(space, n_vertices, resources)
    for sphere, first, n in zip(spheres, (0, n_vertices[0]), n_vertices, strict=True):
        members = np.flatnonzero((targets >= first) & (targets < first + n))
        if len(members):
            yield members, sphere[targets[members] - first]


def _structures(
    axis: BrainModelAxis, targets: NDArray[np.integer], space: str, resources: Sequence[Path] | None
) -> Iterator[tuple[Labels, Points]]:
    """The same for each structure of CIFTI: the hemispheres, then those of voxels."""
    names = np.asarray(axis.name)[targets]
    sizes = tuple(int(axis.nvertices.get(structure, 0)) for structure in CORTEX)
    if np.isin(names, CORTEX).any():
        for structure, sphere in zip(CORTEX, _spheres(space, (sizes[0], sizes[1]), resources), strict=True):
            members = np.flatnonzero(names == structure)
            if len(members):
                yield members, sphere[axis.vertex[targets[members]]]
    for structure in sorted(set(names) - set(CORTEX)):
        members = np.flatnonzero(names == structure)
        yield members, apply_affine(axis.affine, axis.voxel[targets[members]])


def _spheres(space: str, n_vertices: tuple[int, int], resources: Sequence[Path] | None) -> tuple[Points, Points]:
    """Unit sphere of the left and the right hemisphere; a hemisphere without vertices takes the other's."""
    n = max(n_vertices)
    if space == "fsLR":
        from bids_app.networks.fslr import as_key, fslr_spheres

        return fslr_spheres(n, as_key(resources))
    if not is_fsaverage(space):
        raise ValueError(f"the sphere of {space} is not known")
    from bids_app.networks.icosphere import fsaverage_sphere

    return fsaverage_sphere(n), fsaverage_sphere(n)
