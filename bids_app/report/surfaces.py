"""Cortical surfaces: a picture of an inflated mesh from any values per vertex, in milliseconds.

The vertices behind each pixel never change, so they are computed once per view; drawing a map is then
one sparse product. The mesh of fsaverage5 is part of nilearn; that of fsLR is used if the folder of TemplateFlow or
of N2N_HOME has it. Nothing is downloaded.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from nilearn import datasets, surface
from scipy import sparse

from bids_app.report.scales import Colouring
from bids_app.template_home import local_template

Array = npt.NDArray[Any]

N_VERTICES = 10_242  # of one hemisphere of fsaverage5; the first ones of fsaverage6 and fsaverage
FSLR_VERTICES = 32_492
FSAVERAGE = (N_VERTICES, 40_962, 163_842)
VIEWS = (("left", "lateral"), ("left", "medial"), ("right", "medial"), ("right", "lateral"))
SIDES = ("lateral", "medial", "dorsal", "ventral")
_SUPERSAMPLING = 2
_MM_PER_PIXEL = 0.6
_MARGIN_MM = 2.0


@dataclass(frozen=True)
class View:
    """One side of one hemisphere, as sparse products that convert values per vertex to values per pixel.

    `lit` (h · w, n_vertices) gives the shaded colour of a map, `hidden` (h · w, n_vertices) the grey hidden by an
    opaque map; `grey` (h, w) is the shaded cortex, `opaque` (h, w) its coverage of each pixel.
    """

    lit: Any
    hidden: Any
    grey: Array
    opaque: Array


def mesh_of(space: str, n_vertices: int) -> str | None:
    """Name of the mesh on which data with so many vertices per hemisphere are drawn; None if not available."""
    if space.startswith("fsaverage"):
        return "fsaverage5" if n_vertices in FSAVERAGE else None
    is_fslr = space == "fsLR" and n_vertices == FSLR_VERTICES
    return "fsLR" if is_fslr and all(_inflated_fslr(side) for side in ("left", "right")) else None


def why_no_mesh(space: str, n_vertices: int) -> str:
    """The reason why data are not drawn on a surface."""
    if space == "fsLR" and n_vertices == FSLR_VERTICES:
        return (
            "The cortex in the space fsLR is not drawn: its mesh is not available. Fetch it with n2n fetch --space "
            "fsLR --to DIR, and set N2N_HOME to DIR."
        )
    return (
        f"Maps in the space {space} are not drawn: only those of fsaverage5, fsaverage6, fsaverage, and fsLR with "
        f"{FSLR_VERTICES:,} vertices per hemisphere are. Resample the data to one of these and run again, or open the "
        "files in a viewer that has the mesh."
    )


def _inflated_fslr(side: str) -> Path | None:
    home = os.environ.get("N2N_HOME")
    folders = [Path(home).expanduser() / "templateflow"] if home else []
    return local_template(f"tpl-fsLR_den-32k_hemi-{'L' if side == 'left' else 'R'}_inflated.surf.gii", folders)


def hemispheres(values: Array, n_left: int, mesh: str = "fsaverage5") -> tuple[Array, Array]:
    """Split values (n_targets, …), left hemisphere first, and keep the vertices of the mesh.

    fsaverage5, 6 and 7 are nested: they share the first 10,242 vertices of each hemisphere.
    """
    kept = N_VERTICES if mesh == "fsaverage5" else FSLR_VERTICES
    return values[:n_left][:kept], values[n_left:][:kept]


def paint(
    values: Array,
    n_left: int,
    colouring: Colouring,
    passing: Array | None = None,
    mesh: str = "fsaverage5",
    views: Sequence[tuple[str, str]] = VIEWS,
) -> list[Array]:
    """RGBA pictures (h, w, 4) of values (n_targets,), one for each of the views (hemisphere, side)."""
    sides = dict(zip(("left", "right"), hemispheres(colouring.colours(values, passing), n_left, mesh), strict=True))
    return [_paint_view(sides[hemisphere], view_of(hemisphere, side, mesh)) for hemisphere, side in views]


def cover(region: Array, n_left: int, mesh: str = "fsaverage5") -> list[Array]:
    """Coverage of each pixel (h, w) by a region (n_targets,) bool, one picture for each of `VIEWS`."""
    sides = dict(zip(("left", "right"), hemispheres(region.astype(np.float32), n_left, mesh), strict=True))
    pictures = []
    for hemisphere, side in VIEWS:
        view = view_of(hemisphere, side, mesh)
        light = view.lit @ np.ones_like(sides[hemisphere])
        filled = (view.lit @ sides[hemisphere]) / np.maximum(light, 1e-6)
        pictures.append(filled.reshape(view.grey.shape))
    return pictures


def _paint_view(rgba: Array, view: View) -> Array:
    """Lay colours (n_vertices, 4) over the cortex, mixed by opacity so that transparent ones leave no tint."""
    colour = view.lit @ (rgba[:, :3] * rgba[:, 3:]).astype(np.float32)
    cortex = view.grey.ravel() - view.hidden @ rgba[:, 3].astype(np.float32)
    picture = np.empty((*view.grey.shape, 4), dtype=np.float32)
    picture[..., :3] = (colour + cortex[:, None]).reshape(*view.grey.shape, 3)
    picture[..., 3] = view.opaque
    return np.clip(picture, 0, 1)


@functools.cache
def view_of(hemisphere: str, side: str, mesh: str = "fsaverage5") -> View:
    """The view of one hemisphere from one side, on nilearn's inflated fsaverage5 or on TemplateFlow's inflated fsLR."""
    coordinates, faces, depth_of_sulci = shape_of(hemisphere, mesh)
    seen = _turn(coordinates, hemisphere, side)
    brightness = _brightness(seen, faces)
    corners, weights, inside = _rasterise(seen, faces)
    pixel, count, shape = _blocks(inside)
    corners, weights = corners[inside], weights[inside]
    light = (brightness[corners] * weights).sum(axis=1)
    grey = light * (0.80 - 0.11 * np.tanh(2.5 * (depth_of_sulci[corners] * weights).sum(axis=1)))
    share = 1 / np.maximum(count, 1)[pixel]

    def product(strength: Array) -> Any:
        entries = (weights * (strength * share)[:, None]).ravel()
        indices = (np.repeat(pixel, 3), corners.ravel())
        return sparse.coo_array((entries, indices), shape=(count.size, len(seen)), dtype=np.float32).tocsr()

    shaded = np.bincount(pixel, grey * share, minlength=count.size).reshape(shape)
    return View(product(light), product(grey), shaded, (count / _SUPERSAMPLING**2).reshape(shape))


def shape_of(hemisphere: str, mesh: str) -> tuple[Array, Array, Array]:
    """Vertices (n, 3) in mm, triangles (m, 3), and sulcal depth (n,), which is unknown for fsLR."""
    if mesh == "fsaverage5":
        files = datasets.fetch_surf_fsaverage("fsaverage5")
        inflated = surface.load_surf_mesh(files[f"infl_{hemisphere}"])
        depth = np.asarray(surface.load_surf_data(files[f"sulc_{hemisphere}"]), dtype=np.float32)
    else:
        inflated = surface.load_surf_mesh(str(_inflated_fslr(hemisphere)))
        depth = np.zeros(len(inflated.coordinates), dtype=np.float32)
    return np.asarray(inflated.coordinates, dtype=np.float32), np.asarray(inflated.faces), depth


def _blocks(inside: Array) -> tuple[Array, Array, tuple[int, int]]:
    """Gather fine pixels into blocks, for smooth outlines: the block of each pixel inside, their count, the shape."""
    height, width = inside.shape[0] // _SUPERSAMPLING, inside.shape[1] // _SUPERSAMPLING
    row, column = np.nonzero(inside)
    pixel = (row // _SUPERSAMPLING) * width + column // _SUPERSAMPLING
    return pixel, np.bincount(pixel, minlength=height * width), (height, width)


def _turn(coordinates: Array, hemisphere: str, side: str) -> Array:
    """Coordinates (n, 3) of the viewer: to the right, up, towards the viewer (mm)."""
    x, y, z = coordinates.T
    if side in ("dorsal", "ventral"):  # the front of the head on top; seen from below, left is on the right
        return np.stack([x, y, z] if side == "dorsal" else [-x, y, -z], axis=1)
    from_left = (hemisphere == "left") == (side == "lateral")
    return np.stack([-y, z, -x] if from_left else [y, z, x], axis=1)


def _brightness(seen: Array, faces: Array) -> Array:
    """Brightness per vertex: light from the viewer, a little from above."""
    corner = seen[faces]
    normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    sums = np.zeros_like(seen)
    for which in range(3):
        np.add.at(sums, faces[:, which], normals)
    unit = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    lamp = np.array([0.0, 0.35, 1.0]) / np.hypot(0.35, 1.0)
    brightness: Array = 0.55 + 0.47 * np.clip(unit @ lamp, 0, 1) ** 0.8
    return brightness


def _rasterise(seen: Array, faces: Array) -> tuple[Array, Array, Array]:
    """The front triangle of each pixel: its corners (h, w, 3), their weights (h, w, 3), and whether it exists (h, w).

    Triangles are drawn from back to front; for repeated indices, numpy keeps the last, which is the nearest.
    """
    pixel = _MM_PER_PIXEL / _SUPERSAMPLING
    low = seen[:, :2].min(axis=0) - _MARGIN_MM
    size = np.ceil((seen[:, :2].max(axis=0) + _MARGIN_MM - low) / (pixel * _SUPERSAMPLING)).astype(int) * _SUPERSAMPLING
    width, height = (int(n) for n in size)
    flat = (seen[:, :2] - low) / pixel
    front = _facing(flat, faces)
    front = front[np.argsort(seen[front, 2].mean(axis=1), kind="stable")]
    owner, column, row = _boxes(flat[front])
    weight = _barycentric(flat[front][owner], np.stack([column + 0.5, row + 0.5], axis=1))
    hit = (weight >= -1e-4).all(axis=1)
    owner, column, row, weight = owner[hit], column[hit], row[hit], weight[hit]
    corners = np.zeros((height, width, 3), dtype=np.int32)
    weights = np.zeros((height, width, 3), dtype=np.float32)
    inside = np.zeros((height, width), dtype=bool)
    pixels = (height - 1 - row, column)
    corners[pixels], weights[pixels], inside[pixels] = front[owner], weight, True
    return corners, weights, inside


def _facing(flat: Array, faces: Array) -> Array:
    """The faces (n, 3) that face the viewer: counter-clockwise in the picture (n_vertices, 2)."""
    a, b, c = (flat[faces[:, which]] for which in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    front: Array = faces[area > 0]
    return front


def _boxes(triangles: Array) -> tuple[Array, Array, Array]:
    """All pixels of the bounding boxes of triangles (n, 3, 2): owner, column, row of each, owners ascending."""
    low = np.floor(triangles.min(axis=1)).astype(int)
    widths, heights = (np.ceil(triangles.max(axis=1)).astype(int) - low).T
    counts = widths * heights
    owner = np.repeat(np.arange(len(triangles)), counts)
    position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, low[owner, 0] + position % widths[owner], low[owner, 1] + position // widths[owner]


def _barycentric(triangles: Array, points: Array) -> Array:
    """Weights (n, 3) of the corners of triangles (n, 3, 2) at points (n, 2)."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    second = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area
    third = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area
    return np.stack([1 - second - third, second, third], axis=1).astype(np.float32)
