"""Smoothing of a recording along the cortical surface or within the mask of a volume."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import SurfaceGeometry, VolumeGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.encoding.smoothing import SurfaceSmoother, smooth_volume
from bids_app.grayordinates import CORTEX
from bids_app.machine.resources import atlas_source
from bids_app.networks.meshes import load_meshes

Floats = npt.NDArray[np.float32]


def smooth(data: Floats, geometry: Geometry, fwhm: float, resources: Path | None = None) -> Floats:
    """Data (n_volumes, n_targets) smoothed by `fwhm` mm, 0 for none; targets without values are ignored.

    `resources` is searched for meshes before TemplateFlow's own folder.

    Raises DatasetError for parcels and for surfaces whose mesh is not available.
    """
    if not fwhm:
        return data
    if geometry.kind not in _SMOOTHERS:
        raise DatasetError("--smoothing-fwhm: regions have no neighbours; leave it out, or choose voxels or vertices.")
    folders = atlas_source(resources)["resources"]
    return _SMOOTHERS[geometry.kind](data, geometry, fwhm, None if folders is None else tuple(folders))


def _voxels(data: Floats, geometry: VolumeGeometry, fwhm: float, _: tuple[Path, ...] | None) -> Floats:
    return smooth_volume(data, geometry.mask, _voxel_sizes(geometry.affine), fwhm)


def _vertices(data: Floats, geometry: SurfaceGeometry, fwhm: float, resources: tuple[Path, ...] | None) -> Floats:
    sizes = (geometry.n_vertices_left, geometry.n_vertices_right)
    return _along_surface(data, geometry.space, sizes, fwhm, resources)


def _voxel_sizes(affine: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    return np.asarray(np.linalg.norm(affine[:3, :3], axis=0))


def _along_surface(
    data: Floats, space: str, sizes: tuple[int, int], fwhm: float, resources: tuple[Path, ...] | None
) -> Floats:
    halves = np.split(data, [sizes[0]], axis=1)
    smoothers = _smoothers(space, max(sizes), fwhm, resources)
    return np.concatenate(
        [smoother(half) if half.size else half for smoother, half in zip(smoothers, halves, strict=True)], axis=1
    )


@lru_cache(maxsize=1)
def _smoothers(
    space: str, n_vertices: int, fwhm: float, resources: tuple[Path, ...] | None
) -> tuple[SurfaceSmoother, SurfaceSmoother]:
    """Smoothers of both hemispheres; cached, because all runs share the meshes."""
    try:
        left, right = load_meshes(space, n_vertices, resources)
    except (ValueError, OSError) as error:
        raise DatasetError(
            f"--smoothing-fwhm {fwhm:g} needs the mesh of {space}, along which to smooth. {error} "
            "Or leave it out and give a derivative that is smoothed already."
        ) from error
    return SurfaceSmoother.make(*left, fwhm), SurfaceSmoother.make(*right, fwhm)


def _grayordinates(data: Floats, geometry: CiftiGeometry, fwhm: float, resources: tuple[Path, ...] | None) -> Floats:
    """Smooth the cortex along its surface, and each deeper structure separately."""
    result, axis, cortex = data.copy(), geometry.axis, geometry.cortex
    if len(cortex.targets):
        smoothed = _along_surface(cortex.on_mesh(data), geometry.space, cortex.n_vertices, fwhm, resources)
        result[:, cortex.targets] = smoothed[:, cortex.vertices]
    for structure in sorted(set(axis.name) - set(CORTEX)):
        targets = np.flatnonzero(np.asarray(axis.name) == structure)
        mask = np.zeros(axis.volume_shape, dtype=bool)
        mask[tuple(axis.voxel[targets].T)] = True
        order = np.argsort(np.ravel_multi_index(tuple(axis.voxel[targets].T), axis.volume_shape))
        voxels = targets[order]  # in the order of the voxels of a mask
        result[:, voxels] = smooth_volume(data[:, voxels], mask, _voxel_sizes(axis.affine), fwhm)
    return result


_SMOOTHERS: dict[str, Callable[[Floats, Any, float, tuple[Path, ...] | None], Floats]] = {
    "volume": _voxels,
    "surface": _vertices,
    "cifti": _grayordinates,
}
