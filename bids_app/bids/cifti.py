"""CIFTI files: grayordinates, which are vertices of both cortical hemispheres and voxels of deeper structures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import nibabel
import numpy as np
from nibabel.cifti2 import BrainModelAxis, ScalarAxis, SeriesAxis
from numpy.typing import ArrayLike, NDArray

from bids_app.atomic import atomic_path
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.image_files import check_size, reading
from bids_app.bids.maps import FloatArray, checked_maps
from bids_app.cifti_files import load_image
from bids_app.grayordinates import Cortex, check_axis, cortex_of, keys_of, same_grids

SERIES, SCALARS = ".dtseries.nii", ".dscalar.nii"


@dataclass(frozen=True, eq=False)
class CiftiGeometry(Geometry):
    """Targets of a CIFTI file, in the order of its axis of brain models; `density` is the entity `den` ("" = none)."""

    space: str
    density: str
    axis: BrainModelAxis
    kind: ClassVar[str] = "cifti"

    @property
    def n_targets(self) -> int:
        """Number of grayordinates."""
        return len(self.axis)

    @cached_property
    def cortex(self) -> Cortex:
        """Which targets are vertices of the cortex."""
        return cortex_of(self.axis)

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """One number for each target, the same in any geometry on the same meshes and grid."""
        return keys_of(self.axis)

    def space_entities(self) -> dict[str, str]:
        """Entities of the space of the targets."""
        entities = {"space": self.space, "den": self.density}
        return {key: value for key, value in entities.items() if value}

    @property
    def extent(self) -> Sequence[object]:
        """Vertices of each cortical structure, and the shape of the grid of voxels."""
        return [sorted(self.axis.nvertices.items()), self.axis.volume_shape]

    @property
    def grid_affine(self) -> NDArray[np.float64]:
        """From voxels to millimetres (4, 4); zeros where there are no voxels."""
        return np.zeros((4, 4)) if self.axis.affine is None else np.asarray(self.axis.affine)

    def same_grid(self, other: Geometry) -> bool:
        """Whether both lie on the same meshes and the same grid of voxels, whichever targets they have."""
        return (
            isinstance(other, CiftiGeometry)
            and self.space_entities() == other.space_entities()
            and same_grids(self.axis, other.axis)
        )

    @property
    def large_parts(self) -> Mapping[str, NDArray[np.bool_]]:
        """The structures: hemispheres of the cortex, and subcortical ones."""
        structures = np.asarray(self.axis.name)
        return {_readable(str(name)): structures == name for name in dict.fromkeys(structures)}

    def where(self) -> dict[str, Any]:
        """The axis of brain models."""
        return {"axis": self.axis}

    def only(self, targets: NDArray[np.intp]) -> "CiftiGeometry":
        """The geometry of some of the targets."""
        return CiftiGeometry(self.space, self.density, self.axis[targets])

    def paths(self, target: Path) -> list[Path]:
        """Files that `save` writes: one."""
        return [target.with_name(target.name + SCALARS)]

    def save(self, maps: ArrayLike, target: Path, map_names: Sequence[str] | None = None) -> list[Path]:
        """Write `target` + `.dscalar.nii`, one named scalar per map, on the same brain models."""
        values, names = checked_maps(maps, self.n_targets, map_names)
        image = nibabel.Cifti2Image(values, (ScalarAxis(names), self.axis))
        image.nifti_header.set_intent("ConnDenseScalar")
        (path,) = self.paths(target)
        with atomic_path(path) as partial:
            image.to_filename(partial)
        return [path]


def _readable(structure: str) -> str:
    """A CIFTI structure in words.

    >>> _readable("CIFTI_STRUCTURE_CORTEX_LEFT")
    'cortex left'
    """
    return structure.removeprefix("CIFTI_STRUCTURE_").replace("_", " ").lower()


def load_cifti(
    path: Path, space: str, density: str, memory: int | None = None
) -> tuple[FloatArray, CiftiGeometry, object]:
    """Rows (n_rows, n_targets) of a dense CIFTI file, the geometry, and the axis of the rows.

    Raises DatasetError for parcels or connectivity, and for a file that is truncated or larger than `memory`.
    """
    with reading(path):
        image = load_image(path)
        if not isinstance(image, nibabel.Cifti2Image) or len(image.shape) != 2:
            raise DatasetError(f"{path} is not a CIFTI file with rows of grayordinates: make it again.")
        rows, targets = (image.header.get_axis(dimension) for dimension in (0, 1))
        if not isinstance(targets, BrainModelAxis):
            raise DatasetError(
                f"{path} holds a {type(targets).__name__} where grayordinates are needed: give a dense file, whose "
                f"name ends in {SERIES}."
            )
        check_axis(targets)
        check_size(path, image, memory)
        if (len(rows), len(targets)) != image.shape:
            raise DatasetError(
                f"{path} holds {image.shape} values, but its header describes {len(rows)} × {len(targets)}: "
                "make it again."
            )
        values = np.array(image.get_fdata(caching="unchanged", dtype=np.float32))
        return values, CiftiGeometry(space, density, targets), rows


def series_step(path: Path) -> float | None:
    """Seconds from one row of a series to the next, None if the rows are not a time series; raises DatasetError."""
    with reading(path):
        image = load_image(path)
        axis = image.header.get_axis(0) if isinstance(image, nibabel.Cifti2Image) else None
    return float(axis.step) if isinstance(axis, SeriesAxis) and axis.unit == "SECOND" else None
