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
    _refuse_different(geometries, names)
    first = geometries[0]
    shared = np.logical_and.reduce([np.isin(first.keys, geometry.keys) for geometry in geometries])
    if not shared.any():
        raise DatasetError(
            "The runs have no target (voxel, grayordinate) in common: check that they are in the same space and were "
            "made by the same pipeline."
        )
    common = first if shared.all() else first.only(np.flatnonzero(shared))
    return common, [positions(common.keys, geometry.keys) for geometry in geometries]


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


def _refuse_different(geometries: Sequence[Geometry], names: Sequence[str]) -> None:
    """Raise DatasetError if some geometries differ from those of the majority; the message lists their names."""
    kinds: list[tuple[Geometry, list[int]]] = []
    for number, geometry in enumerate(geometries):
        members = next((indices for other, indices in kinds if other.same_grid(geometry)), None)
        if members is None:
            kinds.append((geometry, members := []))
        members.append(number)
    if len(kinds) == 1:
        return
    kinds.sort(key=lambda kind: -len(kind[1]))
    described = [geometry.described() + _listed(indices, names) for geometry, indices in kinds[:3]]
    raise DatasetError(
        f"Runs lie on different targets: {' and '.join(described)}. "
        "Choose one with --space or --bids-filter-file, or leave out those that differ (--exclude-participant-label)."
    )


def _listed(numbers: Sequence[int], names: Sequence[str]) -> str:
    chosen = list(dict.fromkeys(names[number] for number in numbers)) if names else []
    return f" of {listed(chosen)}" if chosen else ""
