"""Bring maps and recordings of several runs or participants to the same targets."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import Geometry, VolumeGeometry


def align(geometries: Sequence[Geometry]) -> tuple[Geometry, list[npt.NDArray[np.intp]]]:
    """Common geometry, and for each geometry the indices (n_common,) of its targets in it.

    Surfaces and parcels must be the same. Volumes must lie on one grid; the common mask is where all of them have a
    voxel. Use: `common, columns = align([a.geometry, b.geometry]); a.data[:, columns[0]]`. Raises DatasetError else.
    """
    if not geometries:
        raise DatasetError("There is nothing to align: no run has a geometry.")
    first = geometries[0]
    for other in geometries:
        fits = first.same_grid(other) if isinstance(first, VolumeGeometry) else first.same_targets(other)
        if not fits:
            raise DatasetError(
                f"Runs lie on different targets: {_describe(first)} and {_describe(other)}. "
                "Choose one with --space or --bids-filter-file."
            )
    volumes = [geometry for geometry in geometries if isinstance(geometry, VolumeGeometry)]
    if not volumes:
        return first, [np.arange(geometry.n_targets) for geometry in geometries]
    mask = np.logical_and.reduce([volume.mask for volume in volumes])
    if not mask.any():
        raise DatasetError("The masks of the runs have no voxel in common: check that they are in the same space.")
    common = VolumeGeometry(volumes[0].space, volumes[0].affine, mask)
    return common, [np.flatnonzero(mask[volume.mask]) for volume in volumes]


def _describe(geometry: Geometry) -> str:
    place = " ".join(geometry.space_entities().values()) or "the participant's own space"
    grid = f"grid {geometry.mask.shape}" if isinstance(geometry, VolumeGeometry) else f"{geometry.n_targets} targets"
    return f"{geometry.kind} {place} ({grid})"
