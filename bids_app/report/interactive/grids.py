"""Voxels for the interactive view: a grid whose axes run to the right, front and top of the head."""

from __future__ import annotations

from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from bids_app.bids.geometry import VolumeGeometry
from bids_app.report import volumes
from bids_app.report.interactive.maps import encoded, packed

Array = npt.NDArray[Any]


def grid_of(geometry: VolumeGeometry) -> tuple[dict[str, Any], Array]:
    """The grid as JSON, and the positions (n_targets,) of the targets in the order of its voxels.

    The grid is the box around the mask, its axes flipped and swapped to run as nearly as possible to the right, front
    and top; voxels are counted with the last axis fastest. `affine` (4, 4) leads from its voxels to millimetres.
    """
    turns = nibabel.orientations.io_orientation(geometry.affine)
    targets = np.full(geometry.mask.shape, -1, dtype=np.int64)
    targets[geometry.mask] = np.arange(geometry.n_targets)
    turned = nibabel.orientations.apply_orientation(targets, turns)
    affine = geometry.affine @ nibabel.orientations.inv_ornt_aff(turns, geometry.mask.shape)
    inside = np.argwhere(turned >= 0)
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    box = turned[tuple(slice(*ends) for ends in zip(low, high, strict=True))]
    affine = affine @ nibabel.affines.from_matvec(np.eye(3), low)
    background = np.round(255 * volumes.anatomy(geometry, box.shape, affine)).astype(np.uint8)
    described = {
        "shape": list(box.shape),
        "affine": affine.tolist(),
        "mask": packed(box.ravel() >= 0),
        "background": encoded(background),
    }
    return described, box[box >= 0]
