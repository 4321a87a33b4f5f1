"""BOLD of cortical surfaces in pairs of GIFTI files."""

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import nibabel
import numpy as np

from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import STRUCTURES, SurfaceGeometry
from bids_app.bids.image_files import check_arrays, reading
from bids_app.bids.maps import FloatArray
from bids_app.bids.text import as_dataset_error
from bids_app.gifti_files import read_gifti

log = logging.getLogger("neurons2networks")

# Vertices of a hemisphere in spaces with one mesh, and in spaces with several, by density.
_VERTICES = {"fsaverage3": 642, "fsaverage4": 2_562, "fsaverage5": 10_242, "fsaverage6": 40_962, "fsaverage7": 163_842}
_DENSITIES = {
    "fsaverage": {"3k": 2_562, "10k": 10_242, "41k": 40_962, "164k": 163_842},
    "fsLR": {"4k": 4_002, "8k": 7_842, "32k": 32_492, "59k": 59_292, "164k": 163_842},
    "onavg": {"10k": 10_242, "41k": 40_962},
}
_EVERY_MESH = {*_VERTICES.values(), *(size for sizes in _DENSITIES.values() for size in sizes.values())}
_MESHES = ("NIFTI_INTENT_POINTSET", "NIFTI_INTENT_TRIANGLE")


def known_vertices(space: str, density: str = "") -> tuple[int, ...]:
    """Possible numbers of vertices of a hemisphere in a space; none if the mesh of the space is unknown.

    >>> known_vertices("fsaverage", "41k"), known_vertices("fsaverage5"), known_vertices("fsnative")
    ((40962,), (10242,), ())
    """
    if space in _VERTICES:
        return (_VERTICES[space],)
    densities = _DENSITIES.get(space, {})
    if density:
        return (densities[density],) if density in densities else ()
    return tuple(densities.values())


def read_surface(
    files: Sequence[Path], space: str, density: str = "", memory: int | None = None
) -> tuple[FloatArray, SurfaceGeometry]:
    """BOLD (n_volumes, n_vertices) of both hemispheres, left before right.

    Usually there is one data array per volume; some tools write a single one, (n_vertices, n_volumes) or transposed:
    the dimension that equals the vertices of the space decides. Raises DatasetError if both or neither dimension fits,
    if a file is of the other hemisphere or has the mesh of another space, and if the hemispheres differ in their number
    of volumes; warns of an unknown mesh.
    """
    arrays = [_read(path, side, memory) for path, side in zip(files, STRUCTURES, strict=True)]
    known = known_vertices(space, density)
    left, right = (
        _oriented(path, array, known, other) for path, array, other in zip(files, arrays, reversed(arrays), strict=True)
    )
    if len(left) != len(right):
        raise DatasetError(
            f"{files[0]} has {len(left)} volumes and {files[1].name} {len(right)}: "
            "one hemisphere is incomplete. Get or make both again."
        )
    for path, half in zip(files, (left, right), strict=True):
        _check_vertices(path, half.shape[1], known, f"{space} {density}".strip())
    if known and left.shape[1] != right.shape[1]:
        raise DatasetError(
            f"{files[0]} has {left.shape[1]:,} vertices and {files[1].name} {right.shape[1]:,}; in {space} both "
            "hemispheres have the same number: make both again."
        )
    geometry = SurfaceGeometry(space, left.shape[1], right.shape[1], density)
    return np.concatenate([left, right], axis=1), geometry


def _read(path: Path, side: str, memory: int | None) -> FloatArray:
    """Stacked data arrays (n_arrays, n), or a single two-dimensional array unchanged."""
    with reading(path):
        check_arrays(path, memory)
    with as_dataset_error():
        image = read_gifti(path)
    with reading(path):
        _check_hemisphere(path, image, side)
        if {nibabel.nifti1.intent_codes.niistring[array.intent] for array in image.darrays} & set(_MESHES):
            raise DatasetError(f"{path} holds the mesh of a surface, without BOLD: give the .func.gii of the run.")
        arrays = [np.asarray(array.data, dtype=np.float32) for array in image.darrays]
        if len(arrays) > 1 or arrays[0].ndim == 1:
            return np.stack([array.reshape(-1) if 1 in array.shape else array for array in arrays])
        if arrays[0].ndim != 2:
            raise DatasetError(f"{path} holds an array of the shape {arrays[0].shape}; it must have two dimensions.")
        return np.ascontiguousarray(arrays[0])[np.newaxis]  # (1, n, m), in either orientation


def _check_hemisphere(path: Path, image: nibabel.GiftiImage, side: str) -> None:
    metas = [image.meta, image.darrays[0].meta]
    structure = next(
        (meta["AnatomicalStructurePrimary"] for meta in metas if "AnatomicalStructurePrimary" in meta), None
    )
    if structure in STRUCTURES.values() and structure != STRUCTURES[side]:
        raise DatasetError(
            f"{path} is named hemi-{side}, but states that it is {structure}: the hemispheres were mixed up. "
            "Make both again."
        )


def _oriented(path: Path, array: FloatArray, known: Sequence[int], other: FloatArray) -> FloatArray:
    """(n_volumes, n_vertices), also if a single two-dimensional array was written transposed."""
    if array.ndim == 2:
        return array
    only: FloatArray = array[0]
    rows, columns = array.shape[1:]
    if known:
        is_vertices = [rows in known, columns in known]
    elif other.ndim == 3:  # both hemispheres have the same number of volumes
        is_vertices = [columns == other.shape[2], rows == other.shape[1]]
    else:
        is_vertices = [columns == len(other), rows == len(other)]
    if is_vertices == [True, False]:
        return np.ascontiguousarray(only.T)
    if is_vertices == [False, True]:
        return only
    fits = "both sides" if all(is_vertices) else "neither side"
    expected = " or ".join(f"{n:,}" for n in known) or "unknown"
    raise DatasetError(
        f"{path} holds one array of the shape {rows} × {columns}, of which {fits} may be the vertices of a hemisphere "
        f"({expected}): write one data array per volume."
    )


def _check_vertices(path: Path, n_vertices: int, known: Sequence[int], space: str) -> None:
    """Refuse the mesh of another space; warn of an unknown mesh, such as one without its medial wall."""
    if not known or n_vertices in known:
        return
    expected = " or ".join(f"{n:,}" for n in known)
    if n_vertices in _EVERY_MESH:
        raise DatasetError(
            f"{path} has {n_vertices:,} vertices; a hemisphere of {space} has {expected}: its name or its content is "
            "wrong."
        )
    _warn_once(
        f"{path} has {n_vertices:,} vertices; a hemisphere of {space} has {expected}: no atlas or picture fits it"
    )


@cache  # a file may be read again for the noise ceilings of others
def _warn_once(message: str) -> None:
    log.warning("%s", message)
