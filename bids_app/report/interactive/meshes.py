"""Shapes of the cortex for the interactive view: inflated, and flat where the template has it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from nilearn import datasets, surface

from bids_app.report import surfaces
from bids_app.report.interactive.maps import encoded, quantised

Array = npt.NDArray[Any]


@functools.cache
def hemispheres(mesh: str) -> tuple[dict[str, Any], ...]:
    """Left and right hemisphere as JSON: shapes with vertices in mm and triangles, and the grey of the cortex.

    Raises OSError if a file of the mesh is missing.
    """
    return tuple(_hemisphere(side, mesh) for side in ("left", "right"))


def _hemisphere(side: str, mesh: str) -> dict[str, Any]:
    coordinates, faces, depth = surfaces.shape_of(side, mesh)
    shapes = {"inflated": _shape(coordinates - (coordinates.max(axis=0) + coordinates.min(axis=0)) / 2, faces)}
    flat = _flat(side, mesh)
    if flat is not None:
        shapes["flat"] = _shape(*flat)
    grey = np.round(255 * (0.80 - 0.11 * np.tanh(2.5 * depth))).astype(np.uint8)
    return {"side": side, "vertices": len(coordinates), "shapes": shapes, "grey": encoded(grey)}


def _shape(coordinates: Array, faces: Array) -> dict[str, Any]:
    if len(coordinates) > np.iinfo(np.uint16).max:
        raise ValueError(f"a mesh of {len(coordinates):,} vertices is too fine for the page; at most 65,535")
    return {"vertices": quantised(coordinates.ravel()), "faces": encoded(faces.astype("<u2"))}


def _flat(side: str, mesh: str) -> tuple[Array, Array] | None:
    """Vertices (n, 3) in a plane, with 0 as their third coordinate, and triangles (m, 3); None without a flat shape."""
    if mesh != "fsaverage5":
        return None
    flat = surface.load_surf_mesh(datasets.fetch_surf_fsaverage("fsaverage5")[f"flat_{side}"])
    coordinates = np.asarray(flat.coordinates, dtype=np.float32) * [1, 1, 0]
    return coordinates - (coordinates.max(axis=0) + coordinates.min(axis=0)) / 2, np.asarray(flat.faces)
