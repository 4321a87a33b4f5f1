"""The atlas stored in OUT_DIR: its networks on maps, and its colours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_hex

from bids_app.bids.derivatives import read_sidecar
from bids_app.bids.entities import parse_name
from bids_app.bids.geometry import load_map
from bids_app.bids.geometry_base import Geometry
from bids_app.report.results import Maps, values_at

Array = npt.NDArray[Any]

_OF_SPACE = ("space", "den")
_NAMES = {"atlas": "Networks", "regions": "Regions"}  # fields of the sidecars of the stored atlases


def region_labels(out_dir: Path, geometry: Geometry, atlas: str = "atlas") -> tuple[list[str], Array] | None:
    """Names of the networks (or of the `regions`), and the number of each target's (n_targets,), from 1; 0 is none.

    None if OUT_DIR has no such atlas for the geometry.
    """
    if geometry.has_own_names:
        return None
    paths = _atlas(out_dir, geometry.space_entities(), atlas)
    names = read_sidecar(paths[0]).get(_NAMES[atlas]) if paths else None
    if not isinstance(names, list):
        return None
    values, stored = load_map(paths)
    labels = values_at(Maps("label", values, ("network",), stored), geometry)
    if labels is None:
        return None
    whole = np.nan_to_num(labels[0]).astype(int)
    return [str(name) for name in names], np.where((whole >= 1) & (whole <= len(names)), whole, 0)


def network_regions(out_dir: Path, geometry: Geometry) -> dict[str, Array]:
    """The targets (n_targets,) bool of each network; empty if OUT_DIR has no atlas for the geometry."""
    found = region_labels(out_dir, geometry)
    if found is None:
        return {}
    names, labels = found
    return {name: np.asarray(labels == number) for number, name in enumerate(names, start=1)}


def parts_of(out_dir: Path, geometry: Geometry) -> tuple[Mapping[str, Array], str]:
    """The targets (n_targets,) bool of parts of the brain by their names, and what these are.

    Networks of the stored atlas; without it, what the geometry has.
    """
    networks = network_regions(out_dir, geometry)
    return (networks, "networks") if networks else (geometry.large_parts, "parts of the brain")


def atlas_networks(out_dir: Path, entities: Mapping[str, str]) -> list[str]:
    """Names of the networks in the atlas of the space of `entities`, in its order; empty if OUT_DIR has none."""
    names = _atlas_sidecar(out_dir, entities).get("Networks")
    return [str(name) for name in names] if isinstance(names, list) else []


def atlas_colours(out_dir: Path, entities: Mapping[str, str]) -> dict[str, str]:
    """Hexadecimal colour of each network in the atlas of the space of `entities`.

    Empty if OUT_DIR has no atlas, or the atlas has no colours or only one.
    """
    sidecar = _atlas_sidecar(out_dir, entities)
    names, colours = sidecar.get("Networks"), sidecar.get("Colours")
    if not (isinstance(names, list) and isinstance(colours, list)):
        return {}
    by_name = {str(name): to_hex(colour) for name, colour in zip(names, colours, strict=True)}
    return by_name if len(by_name) == 1 or len(set(by_name.values())) > 1 else {}


def _atlas_sidecar(out_dir: Path, entities: Mapping[str, str]) -> Mapping[str, Any]:
    """The sidecar of the atlas of networks; empty without one, and for parcels, which bring their own networks."""
    paths = [] if "seg" in entities else _atlas(out_dir, entities)
    return read_sidecar(paths[0]) if paths else {}


def _atlas(out_dir: Path, entities: Mapping[str, str], atlas: str = "atlas") -> list[Path]:
    """The files of an atlas in the space of `entities`, left hemisphere first; empty without one."""
    wanted = {key: entities[key] for key in _OF_SPACE if key in entities}
    files = sorted((out_dir / "atlases").glob(f"*desc-{atlas}_dseg.*[iz]"))
    return [path for path in files if _space(path) == wanted]


def _space(path: Path) -> dict[str, str]:
    entities = parse_name(path).entities
    return {key: entities[key] for key in _OF_SPACE if key in entities}
