"""Geometries of targets (vertices, voxels, parcels): positions, and reading and writing of maps.

Maps are arrays of shape (n_maps, n_targets). A target without a value is NaN: in surfaces and volumes it is stored as
NaN (volumes are NaN outside the mask too), in tables of parcels as `n/a`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import nibabel
import numpy as np
import numpy.typing as npt

from bids_app.atomic import atomic_path, write_text
from bids_app.bids.catalogue import PARCEL_COLUMNS
from bids_app.bids.cifti import SCALARS, load_cifti
from bids_app.bids.entities import build_name, parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry_base import Geometry, Keys
from bids_app.bids.maps import FloatArray, checked_maps
from bids_app.bids.text import read_rows

STRUCTURES = {"L": "CortexLeft", "R": "CortexRight"}


@dataclass(frozen=True)
class SurfaceGeometry(Geometry):
    """Vertices of both hemispheres, left before right; `density` is the entity `den` of their files ("" = none)."""

    space: str
    n_vertices_left: int
    n_vertices_right: int
    density: str = ""
    kind: ClassVar[str] = "surface"

    @property
    def n_targets(self) -> int:
        """Number of vertices of both hemispheres."""
        return self.n_vertices_left + self.n_vertices_right

    @property
    def keys(self) -> Keys:
        """Number of each vertex, left before right."""
        return np.arange(self.n_targets)

    @property
    def extent(self) -> Sequence[object]:
        """Vertices of the left and the right hemisphere."""
        return [self.n_vertices_left, self.n_vertices_right]

    @property
    def large_parts(self) -> Mapping[str, npt.NDArray[np.bool_]]:
        """The hemispheres."""
        left = np.arange(self.n_targets) < self.n_vertices_left
        return {"left hemisphere": left, "right hemisphere": ~left}

    def where(self) -> dict[str, Any]:
        """Vertices of the hemispheres."""
        return {"n_vertices": (self.n_vertices_left, self.n_vertices_right)}

    def space_entities(self) -> dict[str, str]:
        """Entities of the space of the targets."""
        return {"space": self.space} | ({"den": self.density} if self.density else {})

    def paths(self, target: Path) -> list[Path]:
        """Files that `save` writes: [left, right]."""
        name = parse_name(target)
        names = [build_name(name.entities | {"hemi": hemi}, name.suffix, ".func.gii") for hemi in STRUCTURES]
        return [target.with_name(name) for name in names]

    def save(self, maps: npt.ArrayLike, target: Path, map_names: Sequence[str] | None = None) -> list[Path]:
        """Write hemi-L and hemi-R `.func.gii`, one data array per map; returns `paths`.

        `target` is a folder and a name without hemisphere and ending (`…/sub-001_space-fsaverage5_…_statmap`).
        """
        values, names = checked_maps(maps, self.n_targets, map_names)
        paths = self.paths(target)
        halves = np.split(values, [self.n_vertices_left], axis=1)
        for path, half, structure in zip(paths, halves, STRUCTURES.values(), strict=True):
            with atomic_path(path) as partial:
                _gifti(half, names, structure).to_filename(partial)
        return paths


@dataclass(frozen=True, eq=False)
class VolumeGeometry(Geometry):
    """Voxels inside a mask (x, y, z), in the order of `mask.nonzero()`; affine (4, 4) from voxels to millimetres."""

    space: str | None
    affine: npt.NDArray[np.float64]
    mask: npt.NDArray[np.bool_]
    kind: ClassVar[str] = "volume"

    @property
    def n_targets(self) -> int:
        """Number of voxels inside the mask."""
        return int(self.mask.sum())

    def space_entities(self) -> dict[str, str]:
        """Entities of the space of the targets; empty for the participant's own BOLD space."""
        return {"space": self.space} if self.space else {}

    @property
    def keys(self) -> Keys:
        """Position of each voxel in the whole grid."""
        return np.flatnonzero(self.mask)

    @property
    def extent(self) -> Sequence[object]:
        """Shape of the grid."""
        return list(self.mask.shape)

    @property
    def grid_affine(self) -> npt.NDArray[np.float64]:
        """From voxels to millimetres (4, 4)."""
        return self.affine

    @property
    def size(self) -> str:
        """Shape of the grid, voxel size and origin, for messages."""
        sizes = " × ".join(f"{size:.3g}" for size in np.linalg.norm(self.affine[:3, :3], axis=0))
        origin = ", ".join(f"{coordinate:.4g}" for coordinate in self.affine[:3, 3])
        return f"grid {self.mask.shape} of {sizes} mm from ({origin})"

    def only(self, targets: npt.NDArray[np.intp]) -> VolumeGeometry:
        """The geometry of some of the voxels."""
        mask = np.zeros_like(self.mask)
        mask.ravel()[self.keys[targets]] = True
        return VolumeGeometry(self.space, self.affine, mask)

    def whole(self) -> VolumeGeometry:
        """All voxels of the grid."""
        return VolumeGeometry(self.space, self.affine, np.ones_like(self.mask))

    def limited(self, data: FloatArray, inside: npt.NDArray[np.bool_]) -> tuple[FloatArray, VolumeGeometry]:
        """Data of only the voxels inside."""
        return np.ascontiguousarray(data[:, inside]), self.only(np.flatnonzero(inside))

    def where(self) -> dict[str, Any]:
        """Grid and mask."""
        return {"affine": self.affine, "mask": self.mask}

    def paths(self, target: Path) -> list[Path]:
        """Files that `save` writes: one."""
        return [target.with_name(target.name + ".nii.gz")]

    def save(self, maps: npt.ArrayLike, target: Path, map_names: Sequence[str] | None = None) -> list[Path]:
        """Write `target` + `.nii.gz`, 3-D for one map and 4-D for several, NaN outside the mask."""
        values, _ = checked_maps(maps, self.n_targets, map_names)
        grid = np.full((*self.mask.shape, len(values)), np.nan, dtype=np.float32)
        grid[self.mask] = values.T
        image = nibabel.Nifti1Image(grid[..., 0] if len(values) == 1 else grid, self.affine)
        image.header.set_xyzt_units("mm", "sec")
        code = "mni" if (self.space or "").startswith("MNI") else "aligned"
        image.set_sform(self.affine, code=code)
        image.set_qform(self.affine, code=code)
        (path,) = self.paths(target)
        with atomic_path(path) as partial:
            image.to_filename(partial)
        return [path]


@dataclass(frozen=True)
class ParcelGeometry(Geometry):
    """Named regions of a segmentation, with the network of each if the data set provides it ("" = none)."""

    seg: str
    names: tuple[str, ...]
    networks: tuple[str, ...] | None = None
    kind: ClassVar[str] = "parcels"
    has_own_names: ClassVar[bool] = True

    @property
    def n_targets(self) -> int:
        """Number of parcels."""
        return len(self.names)

    def space_entities(self) -> dict[str, str]:
        """Entities of the space of the targets."""
        return {"seg": self.seg}

    @property
    def keys(self) -> Keys:
        """Rank of each parcel's name among all names."""
        return np.searchsorted(np.sort(self.names), self.names)

    @property
    def extent(self) -> Sequence[object]:
        """Names of the parcels, in alphabetical order."""
        return sorted(self.names)

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the parcels."""
        return self.names

    @property
    def target_networks(self) -> tuple[str, ...] | None:
        """The network of each parcel if the table provides it."""
        return self.networks

    @property
    def columns(self) -> Mapping[str, str]:
        """The parcel and its network if known."""
        return {name: text for name, text in PARCEL_COLUMNS.items() if name != "network" or self.networks is not None}

    def paths(self, target: Path) -> list[Path]:
        """Files that `save` writes: one."""
        return [target.with_name(target.name + ".tsv")]

    def save(self, maps: npt.ArrayLike, target: Path, map_names: Sequence[str] | None = None) -> list[Path]:
        """Write `target` + `.tsv`: one row per parcel, columns `name`, `network` (where known), one per map."""
        values, names = checked_maps(maps, self.n_targets, map_names)
        if {"name", "network"} & set(names):
            raise ValueError("A map of parcels cannot be called 'name' or 'network'; these names are reserved.")
        labels = [self.names] if self.networks is None else [self.names, self.networks]
        header = ["name", "network"][: len(labels)] + names
        cells = [["n/a" if np.isnan(value) else str(value) for value in row] for row in values]
        columns = [[label or "n/a" for label in column] for column in labels] + cells
        rows = [header, *(list(row) for row in zip(*columns, strict=True))]
        (path,) = self.paths(target)
        return [write_text(path, "".join("\t".join(row) + "\n" for row in rows))]


# Spaces of one person's brain, which hold nobody else's targets.
OWN_SPACES = ("", "T1w", "T2w", "fsnative", "orig", "anat", "func", "boldref", "native", "individual")


def is_own_space(space: str | None) -> bool:
    """Whether a space is that of one participant's brain, in which participants cannot be compared."""
    return (space or "") in OWN_SPACES


def _gifti(maps: FloatArray, names: Sequence[str], structure: str) -> nibabel.gifti.GiftiImage:
    arrays = [
        nibabel.gifti.GiftiDataArray(
            row, intent="NIFTI_INTENT_NONE", datatype="NIFTI_TYPE_FLOAT32", meta=nibabel.gifti.GiftiMetaData(Name=name)
        )
        for row, name in zip(maps, names, strict=True)
    ]
    meta = nibabel.gifti.GiftiMetaData(AnatomicalStructurePrimary=structure)
    return nibabel.gifti.GiftiImage(meta=meta, darrays=arrays)


def load_map(paths: Sequence[Path] | Path) -> tuple[FloatArray, Geometry]:
    """Read maps written by `save`: (n_maps, n_targets) and the geometry.

    `paths` are those returned by `save`: left and right hemisphere, one NIfTI or CIFTI file, or one table. The mask of
    a volume holds the voxels with a value in at least one map. Raises DatasetError for anything else.
    """
    files = sorted([paths] if isinstance(paths, Path) else paths)
    names = [parse_name(path) for path in files]
    extensions = [name.extension for name in names]
    if extensions == [".func.gii"] * 2 and [name.entities.get("hemi") for name in names] == ["L", "R"]:
        return _load_surface(files, names[0].entities.get("space", ""), names[0].entities.get("den", ""))
    if extensions == [SCALARS]:
        return load_cifti(files[0], names[0].entities.get("space", ""), names[0].entities.get("den", ""))[:2]
    if extensions in ([".nii.gz"], [".nii"]):
        return _load_volume(files[0], names[0].entities.get("space"))
    if extensions == [".tsv"]:
        return _load_parcels(files[0], names[0].entities.get("seg", ""))
    listed = ", ".join(path.name for path in files) or "none"
    raise DatasetError(
        f"A map is hemi-L and hemi-R .func.gii, one .nii.gz, one {SCALARS} or one .tsv; these files came: {listed}."
    )


def _load_surface(files: Sequence[Path], space: str, density: str) -> tuple[FloatArray, Geometry]:
    left, right = (np.stack([array.data for array in nibabel.load(path).darrays]) for path in files)
    if len(left) != len(right):
        raise DatasetError(
            f"{files[0].name} holds {len(left)} maps and {files[1].name} {len(right)}: write both again."
        )
    maps = np.concatenate([left, right], axis=1, dtype=np.float32)
    return maps, SurfaceGeometry(space, left.shape[1], right.shape[1], density)


def _load_volume(path: Path, space: str | None) -> tuple[FloatArray, Geometry]:
    image = nibabel.load(path)
    grid = image.get_fdata(dtype=np.float32)
    grid = grid[..., np.newaxis] if grid.ndim == 3 else grid
    mask = np.isfinite(grid).any(axis=3)
    return np.ascontiguousarray(grid[mask].T), VolumeGeometry(space, image.affine, mask)


def _load_parcels(path: Path, seg: str) -> tuple[FloatArray, Geometry]:
    header, *rows = read_rows(path)
    n_labels = 2 if header[1:2] == ["network"] else 1
    values = [[np.nan if cell == "n/a" else float(cell) for cell in row[n_labels:]] for row in rows]
    networks = tuple(row[1].replace("n/a", "") for row in rows) if n_labels == 2 else None
    maps = np.array(values, dtype=np.float32).reshape(len(rows), len(header) - n_labels)
    return np.ascontiguousarray(maps.T), ParcelGeometry(seg, tuple(row[0] for row in rows), networks)
