"""The interactive view of a page: which maps it holds, as JSON and HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.geometry import SurfaceGeometry, VolumeGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.report import html, surfaces
from bids_app.report.interactive import grids, meshes
from bids_app.report.interactive.maps import InteractiveMap, described, encoded

Array = npt.NDArray[Any]

MOST_BYTES = 6_500_000  # of all maps of a page in base64; shapes, pictures and cards need as much again
_BASE64 = 4 / 3


@dataclass(frozen=True)
class Regions:
    """Regions of a map: their names and colours, and the region (n_targets,) of each target, from 1; 0 is none."""

    names: tuple[str, ...]
    colours: tuple[str, ...]
    labels: Array


@dataclass(frozen=True)
class View:
    """The maps of one recording and model that a reader can choose from, all on one grid.

    `networks` and `parcels` name what is clicked; `families` has, by number, the words that drive each family and
    what it is linked to; `left_out` names maps that the page has no room for.
    """

    title: str
    maps: tuple[InteractiveMap, ...]
    networks: Regions | None = None
    parcels: Regions | None = None
    families: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def geometry(self) -> Geometry:
        """The common geometry."""
        return self.maps[0].geometry


def can_show(geometry: Geometry) -> bool:
    """Whether the interactive view can show maps of this geometry."""
    if isinstance(geometry, SurfaceGeometry):
        return _mesh(geometry) is not None
    return isinstance(geometry, VolumeGeometry) and bool(geometry.mask.any())


def _mesh(geometry: SurfaceGeometry) -> str | None:
    left, right = geometry.n_vertices_left, geometry.n_vertices_right
    return surfaces.mesh_of(geometry.space, left) if left == right else None


def limited(views: Sequence[View], most_bytes: int = MOST_BYTES) -> tuple[list[View], int]:
    """Views that fit into a page, and the bytes per value of maps of families.

    Maps of families take one byte per value where two are too many; the last ones are left out where one is.
    """
    for n_bytes in (2, 1):
        if sum(_size(view, n_bytes) for view in views) <= most_bytes:
            return list(views), n_bytes
    return [_shortened(view, most_bytes / len(views)) for view in views], 1


def _size(view: View, n_bytes: int) -> float:
    """Bytes of the maps of a view in base64."""
    shown = len(_shown(view.geometry))
    each = [shown * (n_bytes if one.family else 2) + shown / 8 * (one.passing is not None) for one in view.maps]
    return _BASE64 * sum(each)


def _shortened(view: View, most_bytes: float) -> View:
    kept = list(view.maps)
    left_out: list[str] = []
    while len(kept) > 1 and _size(replace(view, maps=tuple(kept)), 1) > most_bytes:
        left_out.insert(0, kept.pop().title)
    return replace(view, maps=tuple(kept), left_out=tuple(left_out))


def _shown(geometry: Geometry) -> Array:
    """The positions (n,) of the targets that the view shows, in its order."""
    if isinstance(geometry, VolumeGeometry):
        return grids.grid_of(geometry)[1]
    assert isinstance(geometry, SurfaceGeometry)
    left, right = surfaces.hemispheres(np.arange(geometry.n_targets), geometry.n_vertices_left, _mesh(geometry) or "")
    return np.concatenate([left, right])


def as_json(views: Sequence[View]) -> str:
    """All that the scripts need, as JSON that can stand inside a script element."""
    kept, n_bytes = limited(views)
    shapes: dict[str, Any] = {}
    recordings = []
    for view in kept:
        shown = _shown(view.geometry)
        key = view.geometry.fingerprint()
        shapes.setdefault(key, _shape(view.geometry))
        maps = [described(one, shown, n_bytes if one.family else 2) for one in view.maps]
        recordings.append(
            {
                "title": view.title,
                "shape": key,
                "maps": maps,
                "networks": _regions(view.networks, shown),
                "parcels": _regions(view.parcels, shown),
                "families": dict(view.families),
                "leftOut": view.left_out,
                "note": view.maps[0].note,
            }
        )
    text = json.dumps({"shapes": shapes, "recordings": recordings}, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _shape(geometry: Geometry) -> dict[str, Any]:
    if isinstance(geometry, VolumeGeometry):
        return {"kind": "volume", **grids.grid_of(geometry)[0]}
    assert isinstance(geometry, SurfaceGeometry)
    finer = geometry.n_vertices_left > surfaces.N_VERTICES and geometry.space.startswith("fsaverage")
    hemispheres = meshes.hemispheres(_mesh(geometry) or "")
    return {"kind": "surface", "space": geometry.space, "finer": finer, "hemispheres": hemispheres}


def _regions(regions: Regions | None, shown: Array) -> dict[str, Any] | None:
    if regions is None:
        return None
    labels = encoded(np.asarray(regions.labels)[shown].astype("<u2"))
    return {"names": regions.names, "colours": regions.colours, "labels": labels}


def draw(views: Sequence[View], static: str) -> str:
    """HTML of the view; `static` is the picture that stands in for it in print and without scripts."""
    if not views:
        return static
    folder = html.templates()
    frame = (folder / "view.html").read_text(encoding="utf-8")
    data = f'<script type="application/json" id="view-data">{as_json(views)}</script>'
    return f'<div class="view" id="view">\n<div class="still">{static}</div>\n{frame}\n{data}\n</div>'
