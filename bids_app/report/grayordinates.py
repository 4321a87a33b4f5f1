"""Grayordinates: the cortex as a surface, the deeper structures as slices of a volume."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.geometry import VolumeGeometry
from bids_app.report import surfaces, volumes
from bids_app.report.panels import Panel, Picture
from bids_app.report.scales import Colouring

Array = npt.NDArray[Any]


def why_not_drawn(geometry: CiftiGeometry) -> str | None:
    """The reason why nothing can be drawn, or None if at least the deeper structures can."""
    if _mesh(geometry) or geometry.axis.volume_mask.any():
        return None
    return surfaces.why_no_mesh(geometry.space, geometry.cortex.n_vertices[0])


def what_is_left_out(geometry: CiftiGeometry) -> str:
    """Sentence of the caption on the cortex if its mesh is not available."""
    if _mesh(geometry) or not len(geometry.cortex.targets):
        return ""
    return surfaces.why_no_mesh(geometry.space, geometry.cortex.n_vertices[0])


def paint(panel: Panel, geometry: CiftiGeometry, colouring: Colouring) -> list[Picture]:
    """Pictures of one map: both sides of both hemispheres, then slices; fewer slices beside a cortex."""
    mesh = _mesh(geometry)
    pictures = _cortex(panel, geometry, colouring, mesh) if mesh else []
    if geometry.axis.volume_mask.any():
        slices = _slices(panel, geometry, colouring, "L {} R" if mesh else "L  {} mm  R")
        pictures += slices[1::2] if mesh else slices
    return pictures


def _mesh(geometry: CiftiGeometry) -> str | None:
    left, right = geometry.cortex.n_vertices
    return surfaces.mesh_of(geometry.space, left) if left == right else None


def _cortex(panel: Panel, geometry: CiftiGeometry, colouring: Colouring, mesh: str) -> list[Picture]:
    cortex = geometry.cortex
    n_left = cortex.n_vertices[0]
    passing = None if panel.passing is None else np.nan_to_num(cortex.on_mesh(panel.passing)) > 0
    pictures = surfaces.paint(cortex.on_mesh(panel.values), n_left, colouring, passing, mesh)
    regions: list[Array | None] = [None] * len(pictures)
    if panel.outline is not None:
        regions = list(surfaces.cover(np.nan_to_num(cortex.on_mesh(panel.outline)) > 0, n_left, mesh))
    names = [f"{hemisphere} {side}" for hemisphere, side in surfaces.VIEWS]
    return [Picture(*fields) for fields in zip(names, pictures, regions, strict=True)]


def _slices(panel: Panel, geometry: CiftiGeometry, colouring: Colouring, label: str) -> list[Picture]:
    axis = geometry.axis
    targets = np.flatnonzero(axis.volume_mask)
    flat = np.ravel_multi_index(tuple(axis.voxel[targets].T), axis.volume_shape)
    order = targets[np.argsort(flat)]  # in the order of the voxels of a mask
    mask = np.zeros(axis.volume_shape, dtype=bool)
    mask.ravel()[flat] = True
    space = "MNI152NLin6Asym" if geometry.space == "fsLR" else geometry.space
    volume = VolumeGeometry(space, np.asarray(axis.affine), mask)
    passing = None if panel.passing is None else panel.passing[order]
    slices = volumes.paint(panel.values[order], volume, colouring, passing)
    regions: list[Array | None] = [None] * len(slices)
    if panel.outline is not None:
        regions = list(volumes.cover(panel.outline[order], volume))
    return [
        Picture(label.format(height), picture, region)
        for (height, picture), region in zip(slices, regions, strict=True)
    ]
