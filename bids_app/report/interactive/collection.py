"""The maps that the sections of a page draw, gathered for its interactive view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bids_app.bids.alignment import placed
from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.geometry import SurfaceGeometry, VolumeGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.report.interactive.maps import InteractiveMap
from bids_app.report.interactive.view import can_show
from bids_app.report.results import Results
from bids_app.report.scales import Scale

Key = tuple[tuple[str, str], ...]


@dataclass
class Collection:
    """Interactive maps by recording and model; `group` is the heading of the section that is being written.

    `charts` holds the first map on a scale of each recording that cannot be shown: parcels have no positions, and the
    mesh of a space may be missing.
    """

    group: str = ""
    found: dict[Key, list[InteractiveMap]] = field(default_factory=dict)
    charts: dict[Key, InteractiveMap] = field(default_factory=dict)

    def offer(self, results: Results, one: InteractiveMap) -> None:
        """Add a map to those of its recording, unless it cannot be shown or is there under the same name."""
        on_mesh = _on_mesh(replace(one, group=one.group or self.group))
        key = tuple(results.entities.items())
        if not can_show(on_mesh.geometry):
            if isinstance(one.colouring, Scale) and np.isfinite(one.values).any():
                self.charts.setdefault(key, one)
            return
        if not np.isfinite(on_mesh.values).any():
            return
        there = self.found.setdefault(key, [])
        if all((other.group, other.title) != (on_mesh.group, on_mesh.title) for other in there):
            there.append(on_mesh)

    def chart_of(self, results: Results) -> InteractiveMap | None:
        """The first map of a recording and model that cannot be shown."""
        return self.charts.get(tuple(results.entities.items()))

    def of(self, results: Results) -> list[InteractiveMap]:
        """The maps of a recording and model on the grid of the first one, at the targets that any of them has.

        The mask of a volume holds the voxels with values, so that maps of one grid may differ in it.
        """
        maps = self.found.get(tuple(results.entities.items()), [])
        on_grid = [one for one in maps if one.geometry.same_grid(maps[0].geometry)]
        if not on_grid:
            return []
        joint = _joint([one.geometry for one in on_grid])
        return [_placed(one, joint) for one in on_grid]


def _joint(geometries: Sequence[Geometry]) -> Geometry:
    """The targets that any of the geometries of one grid has; only volumes may differ in them."""
    volumes = [geometry for geometry in geometries if isinstance(geometry, VolumeGeometry)]
    return replace(volumes[0], mask=np.any([volume.mask for volume in volumes], axis=0)) if volumes else geometries[0]


def _placed(one: InteractiveMap, geometry: Geometry) -> InteractiveMap:
    """A map at the targets of another geometry of its grid, without a value where it has none."""
    if one.geometry.same_targets(geometry):
        return one
    values = placed(np.asarray(one.values, dtype=float)[None], one.geometry, geometry)
    passing = None if one.passing is None else placed(one.passing[None].astype(float), one.geometry, geometry)
    assert values is not None
    return replace(
        one, geometry=geometry, values=values[0], passing=None if passing is None else np.nan_to_num(passing[0]) > 0
    )


def _on_mesh(one: InteractiveMap) -> InteractiveMap:
    """Grayordinates as the surface of the cortex, which is the part that the view shows."""
    if not isinstance(one.geometry, CiftiGeometry):
        return one
    cortex = one.geometry.cortex
    passing = None if one.passing is None else np.nan_to_num(cortex.on_mesh(one.passing)) > 0
    surface = SurfaceGeometry(one.geometry.space, *cortex.n_vertices)
    note = (
        "The cortex is shown; deeper structures are in the pictures below."
        if one.geometry.axis.volume_mask.any()
        else ""
    )
    values = cortex.on_mesh(one.values)
    return replace(one, geometry=surface, values=values, passing=passing, note=note, whole=one.geometry)
