"""Align maps and recordings of several runs or participants on common targets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry_base import Geometry, positions
from bids_app.bids.maps import FloatArray
from bids_app.wording import listed

Indices = npt.NDArray[np.intp]


def align(geometries: Sequence[Geometry], names: Sequence[str] = ()) -> tuple[Geometry, list[Indices]]:
    """Common geometry, and for each geometry the indices (n_common,) of the common targets.

    Surfaces must be equal; so must parcels, but in any order. Volumes must lie on one grid, grayordinates on the same
    meshes and grid; the common targets are those that all of them have. `names` name the geometries in messages.
    Use: `common, columns = align([a.geometry, b.geometry]); a.data[:, columns[0]]`. Raises DatasetError otherwise.
    """
    if not geometries:
        raise DatasetError("There is nothing to align: no run has a geometry.")
    alignment = Alignment()
    found = [
        alignment.add(geometry, name)
        for geometry, name in zip(geometries, names or [""] * len(geometries), strict=True)
    ]
    common, shared = alignment.common()
    return common, [indices[shared] for indices in found]


class Alignment:
    """Common targets of geometries that come one by one, of which only the first is kept."""

    def __init__(self) -> None:
        """Start without any geometry."""
        self._kinds: list[tuple[Geometry, list[str]]] = []
        self._shared: npt.NDArray[np.bool_] = np.ones(0, dtype=bool)

    def add(self, geometry: Geometry, name: str = "") -> Indices:
        """For each target of the first geometry its index (n_first,) in this one, -1 if it is not there.

        A geometry of another surface, grid or set of parcels has none of them; `common` refuses it, by its name.
        """
        kind = next((kind for kind in self._kinds if kind[0].same_grid(geometry)), None)
        if kind is None:
            self._kinds.append(kind := (geometry, []))
        kind[1].append(name)
        first = self._kinds[0][0]
        if first is geometry:
            self._shared = np.ones(first.n_targets, dtype=bool)
        if kind[0] is not first:
            return np.full(first.n_targets, -1)
        same = np.array_equal(first.keys, geometry.keys)
        found = np.arange(first.n_targets) if same else positions(first.keys, geometry.keys)
        self._shared &= found >= 0
        return found

    def common(self) -> tuple[Geometry, Indices]:
        """The common geometry, and the indices of its targets in the first one. Raises DatasetError as `align`."""
        if len(self._kinds) > 1:
            _refuse(self._kinds)
        if not self._shared.any():
            raise DatasetError(
                "The runs have no target (voxel, grayordinate) in common: check that they are in the same space and "
                "were made by the same pipeline."
            )
        first, shared = self._kinds[0][0], np.flatnonzero(self._shared)
        return (first if len(shared) == first.n_targets else first.only(shared)), shared


def placed(values: FloatArray, geometry: Geometry, reference: Geometry) -> FloatArray | None:
    """Values (n_rows, n_targets of `geometry`) on the targets of `reference`, NaN where `geometry` has none.

    None if the two are not the same surface, grid or parcels.
    """
    if geometry.same_targets(reference):
        return values
    if not geometry.same_grid(reference):
        return None
    at = positions(reference.keys, geometry.keys)
    result = np.full((len(values), len(at)), np.nan, dtype=np.float32)
    result[:, at >= 0] = values[:, at[at >= 0]]
    return result


def stored_targets(geometry: Geometry) -> dict[str, npt.NDArray[Any]]:
    """The grid and its targets as arrays for `numpy.savez`; `positions_in` compares them with a geometry."""
    where = np.array(geometry.fingerprint())
    return {"where": where, "affine": geometry.grid_affine, "targets": geometry.keys}


def positions_in(stored: Mapping[str, npt.NDArray[Any]], geometry: Geometry) -> Indices | None:
    """For each target of a geometry its position (n_targets,) among `stored_targets`, -1 if it is not among them.

    None if the two are not the same surface, grid or parcels.
    """
    here = stored_targets(geometry)
    if str(here["where"]) != str(stored["where"]) or not np.allclose(here["affine"], stored["affine"], atol=1e-3):
        return None
    return positions(here["targets"], stored["targets"])


def _refuse(kinds: Sequence[tuple[Geometry, list[str]]]) -> None:
    """Raise DatasetError for geometries that differ from those of the majority; the message lists their names."""
    kinds = sorted(kinds, key=lambda kind: -len(kind[1]))
    described = [geometry.described() + _listed(names) for geometry, names in kinds[:3]]
    raise DatasetError(
        f"Runs lie on different targets: {' and '.join(described)}. "
        "Choose one with --space or --bids-filter-file, or leave out those that differ (--exclude-participant-label)."
    )


def _listed(names: Sequence[str]) -> str:
    chosen = [name for name in dict.fromkeys(names) if name]
    return f" of {listed(chosen)}" if chosen else ""
