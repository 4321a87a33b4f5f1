"""What every kind of data answers about its targets: where they are, which they share with others, how they are named.

A new kind of data is a class here, a reader in `bids.recording`, and a drawer in `report.figures`.
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
    """Where targets (voxels, vertices, grayordinates, parcels) are.

    `has_own_names`: targets are parcels, which have names and no place in a space.
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
        """What tells the grid (mesh, set of parcels) from others of the same space, ready for JSON."""

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
        """How large it is, for messages."""
        return f"{self.n_targets:,} targets"

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets, where they have names."""
        return ()

    @property
    def target_networks(self) -> tuple[str, ...] | None:
        """The network of each target, where the data set tells it ("" = none)."""
        return None

    @property
    def columns(self) -> Mapping[str, str]:
        """Columns beside the maps in the files that `save` writes, with a description of each."""
        return {}

    @abc.abstractmethod
    def space_entities(self) -> dict[str, str]:
        """Entities that say where the targets are."""

    @abc.abstractmethod
    def paths(self, target: Path) -> list[Path]:
        """Files that `save` writes for a folder and name without hemisphere and ending."""

    @abc.abstractmethod
    def save(self, maps: npt.ArrayLike, target: Path, map_names: Sequence[str] | None = None) -> list[Path]:
        """Write maps (n_maps, n_targets); returns `paths`."""

    def same_grid(self, other: Geometry) -> bool:
        """Whether both lie on one mesh or grid, or have the same parcels, whatever they have of them."""
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
        """The geometry of some of the targets. Raises ValueError for a kind that always has all."""
        if len(targets) != self.n_targets:
            raise ValueError(f"a {self.kind} has all of its targets, or none")
        return self

    def whole(self) -> Geometry:
        """The geometry of the whole grid."""
        return self

    def limited(self, data: FloatArray, inside: npt.NDArray[np.bool_]) -> tuple[FloatArray, Geometry]:
        """Data (n_rows, n_targets) of the targets inside, NaN elsewhere, and where they lie then."""
        kept = data.copy()
        kept[:, ~inside] = np.nan
        return kept, self

    def where(self) -> dict[str, Any]:
        """What `networks.atlas.load_atlas` wants to know of where the targets are."""
        return {}

    def described(self) -> str:
        """What it is, for messages."""
        space = " ".join(self.space_entities().values()) or "the participant's own space"
        return f"{self.kind} {space} ({self.size})"

    def fingerprint(self) -> str:
        """The grid as text: equal for those that `same_grid` calls equal, affines apart."""
        return json.dumps([self.kind, *self.space_entities().items(), *self.extent], default=int)


def positions(wanted: Keys, keys: Keys) -> npt.NDArray[np.intp]:
    """Where each wanted key is among the keys, -1 where it is not there."""
    order = np.argsort(keys)
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return np.where(keys[order[at]] == wanted, order[at], -1)
