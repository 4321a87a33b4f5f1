"""Volumes: a row of axial slices over nilearn's bundled MNI152 brain, or over the data's own mask in other spaces."""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from nilearn import datasets
from scipy import ndimage

from bids_app.bids.geometry import VolumeGeometry
from bids_app.report.scales import Colouring

Array = npt.NDArray[Any]

N_SLICES = 8
_MM_PER_PIXEL = 1.0
_MARGIN_MM = 4.0
_BRAIN = 0.2  # brightness of the template, which fades out far beyond the brain


def paint(
    values: Array, geometry: VolumeGeometry, colouring: Colouring, passing: Array | None = None
) -> list[tuple[int, Array]]:
    """Axial slices of values (n_targets,): (height in mm, RGBA (h, w, 4)) of each.

    The left of the brain is on the left. Voxels are shown without interpolation.
    """
    colours = np.concatenate([colouring.colours(values, passing), np.zeros((1, 4))])
    targets = np.full(geometry.mask.shape, -1)  # -1 is the last row of `colours`, which is transparent
    targets[geometry.mask] = np.arange(geometry.n_targets)
    pictures = []
    for height, points in _slices(geometry):
        over = colours[_sample(targets, geometry.affine, points, outside=-1).astype(int)]
        picture = _background(geometry, points)
        picture[..., :3] = over[..., :3] * over[..., 3:] + picture[..., :3] * (1 - over[..., 3:])
        picture[..., 3] = np.maximum(picture[..., 3], over[..., 3])
        pictures.append((height, picture))
    return pictures


def cover(region: Array, geometry: VolumeGeometry) -> list[Array]:
    """Whether each pixel (h, w) is in a region (n_targets,) bool, one picture for each slice of `paint`."""
    grid = np.zeros(geometry.mask.shape, dtype=np.float32)
    grid[geometry.mask] = region
    return [_sample(grid, geometry.affine, points) for _, points in _slices(geometry)]


def _slices(geometry: VolumeGeometry) -> list[tuple[int, Array]]:
    """Height in mm of each slice, and the coordinates (h, w, 3) in mm of its pixels."""
    low, high = extent(geometry)
    return [(height, _plane(low, high, height)) for height in slice_heights(geometry)]


def slice_heights(geometry: VolumeGeometry) -> list[int]:
    """Heights in mm of the slices, evenly spaced through the mask."""
    heights = _points_of(geometry.mask, geometry.affine)[:, 2]
    return [int(h) for h in np.round(np.quantile(heights, [0.02, 0.98]) @ _shares())]


def _shares() -> Array:
    upper = (np.arange(N_SLICES) + 0.5) / N_SLICES
    return np.stack([1 - upper, upper])


def extent(geometry: VolumeGeometry) -> tuple[Array, Array]:
    """Lowest and highest coordinates (mm) of a picture: those of the template brain, or of the mask without one."""
    if _is_mni(geometry):
        brain, affine = template()
        points = _points_of(brain > _BRAIN, affine)
    else:
        points = _points_of(geometry.mask, geometry.affine)
    return points.min(axis=0) - _MARGIN_MM, points.max(axis=0) + _MARGIN_MM


def _is_mni(geometry: VolumeGeometry) -> bool:
    return (geometry.space or "").startswith("MNI")


def _points_of(mask: Array, affine: Array) -> Array:
    points: Array = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    return points


def _plane(low: Array, high: Array, height: float) -> Array:
    """Coordinates (h, w, 3) in mm of the pixels of an axial slice, front of the brain on top."""
    x = np.arange(low[0], high[0], _MM_PER_PIXEL)
    y = np.arange(high[1], low[1], -_MM_PER_PIXEL)
    columns, rows = np.meshgrid(x, y)
    return np.stack([columns, rows, np.full_like(columns, height)], axis=-1)


def _sample(volume: Array, affine: Array, points: Array, outside: float = 0.0, *, smooth: bool = False) -> Array:
    """Values of a volume at coordinates (h, w, 3) in mm: of the nearest voxel, or interpolated if `smooth`."""
    inverse = np.linalg.inv(affine)
    voxels = np.moveaxis(points @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
    order: Literal[0, 1] = 1 if smooth else 0
    sampled: Array = ndimage.map_coordinates(volume, voxels, order=order, mode="constant", cval=outside)
    return sampled


def _background(geometry: VolumeGeometry, points: Array) -> Array:
    """Grey RGBA (h, w, 4) of the anatomy at coordinates (h, w, 3)."""
    if _is_mni(geometry):
        brain, affine = template()
        grey = _sample(brain, affine, points, smooth=True)
        opaque = np.clip(grey / 0.15, 0, 1)
        grey = 0.35 + 0.6 * grey
    else:
        opaque = _sample(geometry.mask.astype(np.float32), geometry.affine, points)
        grey = np.full_like(opaque, 0.88)
    return np.stack([grey, grey, grey, opaque], axis=-1)


def anatomy(geometry: VolumeGeometry, shape: tuple[int, ...], affine: Array) -> Array:
    """Brightness (*shape) in 0–1 of the anatomy at the voxels of a grid: 0 outside the head."""
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    points = voxels @ affine[:3, :3].T + affine[:3, 3]
    slices = [_background(geometry, points[..., height, :]) for height in range(shape[2])]
    return np.stack([grey[..., 0] * grey[..., 3] for grey in slices], axis=-1)


@functools.cache
def template() -> tuple[Array, Array]:
    """nilearn's MNI152 brain at 2 mm, values 0–1, and its affine."""
    image = datasets.load_mni152_template(resolution=2)
    return np.asarray(image.dataobj, dtype=np.float32), np.asarray(image.affine)
