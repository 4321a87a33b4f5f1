"""Limit a recording to the targets of `--mask`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.alignment import placed
from bids_app.bids.cifti import CiftiGeometry, load_cifti
from bids_app.bids.content import require_content
from bids_app.bids.entities import parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.text import as_dataset_error, read_rows, read_text
from bids_app.bids.volumes import read_mask
from bids_app.gifti_files import read_gifti
from bids_app.networks.label_files import hemisphere_pair
from bids_app.wording import listed

Floats = npt.NDArray[np.float32]
Booleans = npt.NDArray[np.bool_]

_NAMES = ("name", "label", "parcel", "region")
_FORMATS = {
    "volume": "a volume on the grid of the BOLD (.nii, .nii.gz)",
    "surface": "one of a pair of GIFTI files, hemi-L and hemi-R, on the mesh of the BOLD",
    "cifti": "a CIFTI file of the same grayordinates (.dscalar.nii, .dlabel.nii), or one of a pair of GIFTI files",
    "parcels": "a list of the names of parcels, one a line (.txt), or a table with a column `name` (.tsv)",
}


def limit(data: Floats, geometry: Geometry, mask: Path | None) -> tuple[Floats, Geometry]:
    """Data (n_volumes, n_targets) inside a mask, and their geometry.

    A volume keeps only the voxels of the mask; in other data, targets outside it become NaN. Raises DatasetError for a
    mask of another kind, on other targets, or without any target of the data.
    """
    if mask is None:
        return data, geometry
    inside = inside_mask(mask, geometry)
    if not inside.any():
        raise DatasetError(f"--mask {mask} has no target in common with the data: give another, or leave it out.")
    return geometry.limited(data, inside)


def files_of_mask(path: Path) -> list[Path]:
    """Every file that is read for the mask `path`: both hemispheres of a surface."""
    try:
        return list(hemisphere_pair(path))
    except (ValueError, OSError):
        return [path]


def inside_mask(path: Path, geometry: Geometry) -> Booleans:
    """Which targets (n_targets,) of the data lie in a mask. Raises DatasetError as `limit` does."""
    require_content(path)
    extension = parse_name(path).extension
    for endings, read in _READERS[geometry.kind]:
        if extension.endswith(endings):
            return read(path, geometry)
    raise DatasetError(
        f"--mask {path} does not fit data of the kind '{geometry.kind}': give {_FORMATS[geometry.kind]}."
    )


def _volume_mask(path: Path, geometry: VolumeGeometry) -> Booleans:
    return np.asarray(read_mask(path, geometry.mask.shape, geometry.affine)[geometry.mask])


def _vertex_mask(path: Path, geometry: SurfaceGeometry) -> Booleans:
    return _surface_mask(path, (geometry.n_vertices_left, geometry.n_vertices_right))


def _cortex_mask(path: Path, geometry: CiftiGeometry) -> Booleans:
    cortex = geometry.cortex
    inside = np.zeros(geometry.n_targets, dtype=bool)
    inside[cortex.targets] = _surface_mask(path, cortex.n_vertices)[cortex.vertices]
    return inside


def _surface_mask(path: Path, n_vertices: tuple[int, int]) -> Booleans:
    try:
        pair = hemisphere_pair(path)
    except (ValueError, OSError) as error:
        raise DatasetError(f"--mask {path}: {error}") from error
    halves = []
    for file, expected in zip(pair, n_vertices, strict=True):
        with as_dataset_error():
            values = np.asarray(read_gifti(file).darrays[0].data)
        if values.shape != (expected,):
            raise DatasetError(
                f"--mask {file} has {values.size:,} vertices and the data have {expected:,}: "
                "give a mask on the same surface."
            )
        halves.append(values > 0)
    return np.concatenate(halves)


def _grayordinate_mask(path: Path, geometry: CiftiGeometry) -> Booleans:
    values, axis, _ = load_cifti(path, geometry.space, geometry.density)
    laid = placed(values[:1], axis, geometry)
    if laid is None:
        raise DatasetError(f"--mask {path} lies on another mesh or grid than the data: give {_FORMATS['cifti']}.")
    return np.asarray(laid[0] > 0)


def _parcel_mask(path: Path, geometry: ParcelGeometry) -> Booleans:
    names = geometry.names
    asked = _listed_names(path)
    unknown = sorted(set(asked) - set(names))
    if unknown:
        raise DatasetError(
            f"--mask {path} lists parcels that the data do not have: {listed(unknown, 5)}; they have "
            f"{listed(names, 5)}."
        )
    return np.isin(names, asked)


def _listed_names(path: Path) -> list[str]:
    if path.suffix == ".txt":
        return [name for line in read_text(path).splitlines() if (name := line.strip())]
    rows = [row for row in read_rows(path) if any(cell.strip() for cell in row)]
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    column = next((header.index(name) for name in _NAMES if name in header), None)
    if column is None:
        raise DatasetError(f"--mask {path} has no column {' or '.join(_NAMES)}: add one with the names of the parcels.")
    return [row[column].strip() for row in rows[1:] if len(row) > column and row[column].strip()]


# For each kind of data: extensions of its mask files, and their reader.
_READERS: dict[str, tuple[tuple[tuple[str, ...], Callable[[Path, Any], Booleans]], ...]] = {
    "volume": (((".nii", ".nii.gz"), _volume_mask),),
    "surface": (((".gii",), _vertex_mask),),
    "cifti": (((".gii",), _cortex_mask), ((".nii",), _grayordinate_mask)),
    "parcels": (((".txt", ".tsv"), _parcel_mask),),
}
