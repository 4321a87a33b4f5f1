"""Bring maps and recordings of several runs or participants to the same targets."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import Geometry, ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.bids.maps import FloatArray
from bids_app.wording import listed

Indices = npt.NDArray[np.intp]


def align(geometries: Sequence[Geometry], names: Sequence[str] = ()) -> tuple[Geometry, list[Indices]]:
    """Common geometry, and for each geometry the indices (n_common,) of its targets in it.

    Surfaces must be the same, and parcels, whose order may differ. Volumes must lie on one grid, grayordinates on the
    same meshes and grid; the common targets are those that all of them have. `names` say what each geometry is of, for
    messages. Use: `common, columns = align([a.geometry, b.geometry]); a.data[:, columns[0]]`. Raises DatasetError else.
    """
    if not geometries:
        raise DatasetError("There is nothing to align: no run has a geometry.")
    _refuse_different(geometries, names)
    first = geometries[0]
    if isinstance(first, VolumeGeometry):
        return _shared_voxels([geometry for geometry in geometries if isinstance(geometry, VolumeGeometry)])
    if isinstance(first, CiftiGeometry):
        return _shared_grayordinates([geometry for geometry in geometries if isinstance(geometry, CiftiGeometry)])
    if isinstance(first, ParcelGeometry):
        parcels = [geometry for geometry in geometries if isinstance(geometry, ParcelGeometry)]
        return first, [_of_names(first.names, geometry.names) for geometry in parcels]
    return first, [np.arange(geometry.n_targets) for geometry in geometries]


def _shared_voxels(volumes: Sequence[VolumeGeometry]) -> tuple[Geometry, list[Indices]]:
    mask = np.logical_and.reduce([volume.mask for volume in volumes])
    if not mask.any():
        raise DatasetError("The masks of the runs have no voxel in common: check that they are in the same space.")
    common = VolumeGeometry(volumes[0].space, volumes[0].affine, mask)
    return common, [np.flatnonzero(mask[volume.mask]) for volume in volumes]


def _shared_grayordinates(geometries: Sequence[CiftiGeometry]) -> tuple[Geometry, list[Indices]]:
    first = geometries[0]
    shared = np.logical_and.reduce([np.isin(first.keys, geometry.keys) for geometry in geometries])
    if not shared.any():
        raise DatasetError("The runs have no grayordinate in common: check that they were made by the same pipeline.")
    common = first if shared.all() else first.only(np.flatnonzero(shared))
    return common, [_positions(common.keys, geometry.keys) for geometry in geometries]


def placed(values: FloatArray, geometry: Geometry, reference: Geometry) -> FloatArray | None:
    """Values (n_rows, n_targets of `geometry`) on the targets of `reference`, NaN where `geometry` has none.

    None when the two are not the same surface, grid or parcels.
    """
    if geometry.same_targets(reference):
        return values
    if isinstance(geometry, CiftiGeometry) and geometry.same_grid(reference):
        assert isinstance(reference, CiftiGeometry)
        positions = _positions(reference.keys, geometry.keys)
    elif isinstance(geometry, VolumeGeometry) and geometry.same_grid(reference):
        assert isinstance(reference, VolumeGeometry)
        numbers = np.full(geometry.mask.shape, -1, dtype=np.intp)
        numbers[geometry.mask] = np.arange(geometry.n_targets)
        positions = numbers[reference.mask]
    elif isinstance(geometry, ParcelGeometry) and geometry.same_grid(reference):
        assert isinstance(reference, ParcelGeometry)
        positions = _of_names(reference.names, geometry.names)
    else:
        return None
    return _at(values, positions)


def _at(values: FloatArray, positions: Indices) -> FloatArray:
    """Columns of `values` at these positions, NaN where a position is -1."""
    found = np.full((len(values), len(positions)), np.nan, dtype=np.float32)
    found[:, positions >= 0] = values[:, positions[positions >= 0]]
    return found


def _of_names(wanted: Sequence[str], names: Sequence[str]) -> Indices:
    """Where each wanted parcel is among the names."""
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[name] for name in wanted], dtype=np.intp)


def stored_targets(geometry: Geometry) -> dict[str, npt.NDArray[Any]]:
    """Where the targets lie, as arrays for `numpy.savez`: `positions_in` compares them with those of a geometry."""
    where: list[object] = [geometry.kind, *geometry.space_entities().items()]
    affine, targets = np.zeros((4, 4)), np.arange(geometry.n_targets)
    if isinstance(geometry, VolumeGeometry):
        where += geometry.mask.shape
        affine, targets = geometry.affine, np.flatnonzero(geometry.mask)
    elif isinstance(geometry, CiftiGeometry):
        axis = geometry.axis
        where += [sorted(axis.nvertices.items()), axis.volume_shape]
        affine, targets = affine if axis.affine is None else axis.affine, geometry.keys
    elif isinstance(geometry, SurfaceGeometry):
        where += [geometry.n_vertices_left, geometry.n_vertices_right]
    else:  # parcels are matched by name, whatever their order
        where += sorted(geometry.names)
        targets = np.searchsorted(np.sort(geometry.names), geometry.names)
    return {"where": np.array(json.dumps(where, default=int)), "affine": affine, "targets": targets}


def positions_in(stored: Mapping[str, npt.NDArray[Any]], geometry: Geometry) -> Indices | None:
    """For each target of a geometry its position (n_targets,) among those of `stored_targets`, -1 where there is none.

    None when the two are not the same surface, grid or parcels.
    """
    own = stored_targets(geometry)
    if str(own["where"]) != str(stored["where"]) or not np.allclose(own["affine"], stored["affine"], atol=1e-3):
        return None
    return _positions(own["targets"], stored["targets"])


def _positions(wanted: npt.NDArray[np.int64], keys: npt.NDArray[np.int64]) -> Indices:
    """Where each wanted key is among the keys, -1 where it is not there."""
    order = np.argsort(keys)
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return np.where(keys[order[at]] == wanted, order[at], -1)


def _refuse_different(geometries: Sequence[Geometry], names: Sequence[str]) -> None:
    """Raise DatasetError where some geometries differ from what most have, with their names where there are any."""
    kinds: list[tuple[Geometry, list[int]]] = []
    for number, geometry in enumerate(geometries):
        members = next((own for other, own in kinds if _is_comparable(other, geometry)), None)
        if members is None:
            kinds.append((geometry, members := []))
        members.append(number)
    if len(kinds) == 1:
        return
    kinds.sort(key=lambda kind: -len(kind[1]))
    described = [_describe(geometry) + _listed(own, names) for geometry, own in kinds[:3]]
    raise DatasetError(
        f"Runs lie on different targets: {' and '.join(described)}. "
        "Choose one with --space or --bids-filter-file, or leave out those that differ (--exclude-participant-label)."
    )


def _is_comparable(first: Geometry, second: Geometry) -> bool:
    if isinstance(first, VolumeGeometry | CiftiGeometry | ParcelGeometry):
        return first.same_grid(second)
    return first.same_targets(second)


def _listed(numbers: Sequence[int], names: Sequence[str]) -> str:
    own = list(dict.fromkeys(names[number] for number in numbers)) if names else []
    return f" of {listed(own)}" if own else ""


def _describe(geometry: Geometry) -> str:
    place = " ".join(geometry.space_entities().values()) or "the participant's own space"
    grid = f"grid {geometry.mask.shape}" if isinstance(geometry, VolumeGeometry) else f"{geometry.n_targets:,} targets"
    return f"{geometry.kind} {place} ({grid})"
