"""Base class of geometries: positions of targets, common targets, names.

A new kind of data needs a subclass, a reader in `bids.recording`, and a drawer in `report.figures`.
"""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from bids_app.bids.maps import FloatArray

Keys = npt.NDArray[np.int64]


class Geometry(abc.ABC):
    """Positions of targets (voxels, vertices, grayordinates, parcels).

    `has_own_names`: the targets are parcels, which have names instead of positions in a space.
    """

    kind: ClassVar[str]
    has_own_names: ClassVar[bool] = False

    @property
    @abc.abstractmethod
    def n_targets(self) -> int:
        """Number of targets."""

    @property
    @abc.abstractmethod
    def keys(self) -> Keys:
        """A number for each target (n_targets,), the same in every geometry on the same grid."""

    @property
    @abc.abstractmethod
    def extent(self) -> Sequence[object]:
        """What distinguishes the grid (mesh, set of parcels) from others of the same space, ready for JSON."""

    @property
    def grid_affine(self) -> npt.NDArray[np.float64]:
        """From voxels to millimetres (4, 4); zeros where there are no voxels."""
        return np.zeros((4, 4))

    @property
    def space_name(self) -> str:
        """Name of the space, "" for none."""
        return self.space_entities().get("space", "")

    @property
    def size(self) -> str:
        """Size of the grid, for messages."""
        return f"{self.n_targets:,} targets"

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets if they have names."""
        return ()

    @property
    def target_networks(self) -> tuple[str, ...] | None:
        """The network of each target if the data set provides it ("" = none)."""
        return None

    @property
    def large_parts(self) -> Mapping[str, npt.NDArray[np.bool_]]:
        """Targets (n_targets,) of hemispheres or structures by their names; all together where there are none."""
        return {"all": np.ones(self.n_targets, dtype=bool)}

    @property
    def columns(self) -> Mapping[str, str]:
        """Columns beside the maps in the files that `save` writes, with a description of each."""
        return {}

    @abc.abstractmethod
    def space_entities(self) -> dict[str, str]:
        """Entities of the space of the targets."""

    @abc.abstractmethod
    def paths(self, target: Path) -> list[Path]:
        """Files that `save` writes for a folder and name without hemisphere and ending."""

    @abc.abstractmethod
    def save(self, maps: npt.ArrayLike, target: Path, map_names: Sequence[str] | None = None) -> list[Path]:
        """Write maps (n_maps, n_targets); returns `paths`."""

    def same_grid(self, other: Geometry) -> bool:
        """Whether both lie on one mesh or grid, or have the same parcels, whichever targets they have."""
        return (
            type(self) is type(other)
            and self.space_entities() == other.space_entities()
            and self.extent == other.extent
            and bool(np.allclose(self.grid_affine, other.grid_affine, atol=1e-3))
        )

    def same_targets(self, other: Geometry) -> bool:
        """Whether maps of both may be compared target by target."""
        return self.same_grid(other) and np.array_equal(self.keys, other.keys)

    def only(self, targets: npt.NDArray[np.intp]) -> Self:
        """The geometry of some of the targets. Raises ValueError for kinds that always have all."""
        if len(targets) != self.n_targets:
            raise ValueError(f"a {self.kind} has all of its targets, or none")
        return self

    def whole(self) -> Geometry:
        """The geometry of the whole grid."""
        return self

    def limited(self, data: FloatArray, inside: npt.NDArray[np.bool_]) -> tuple[FloatArray, Geometry]:
        """Data (n_rows, n_targets) of the targets inside, NaN elsewhere, and the resulting geometry."""
        kept = data.copy()
        kept[:, ~inside] = np.nan
        return kept, self

    def where(self) -> dict[str, Any]:
        """Arguments of `networks.atlas.load_atlas` that describe the grid."""
        return {}

    def described(self) -> str:
        """Description for messages."""
        space = " ".join(self.space_entities().values()) or "the participant's own space"
        return f"{self.kind} {space} ({self.size})"

    def fingerprint(self) -> str:
        """The grid as text: equal for grids that `same_grid` calls equal, apart from affines."""
        return json.dumps([self.kind, *self.space_entities().items(), *self.extent], default=int)


def positions(wanted: Keys, keys: Keys) -> npt.NDArray[np.intp]:
    """Position of each wanted key among the keys, -1 if absent."""
    order = np.argsort(keys)
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return np.where(keys[order[at]] == wanted, order[at], -1)
