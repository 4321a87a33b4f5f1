"""The atlas of a run on the targets of its data, kept in OUT_DIR so that the group level finds it there."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.derivatives import read_sidecar, write_sidecar
from bids_app.bids.geometry import Geometry, ParcelGeometry, SurfaceGeometry, VolumeGeometry, load_map
from bids_app.networks.atlas import Atlas, load_atlas
from bids_app.networks.correspondence import correspond, labels_to_fsaverage5, to_fsaverage5
from bids_app.networks.spins import Spins
from bids_app.settings import Settings
from bids_app.workflow.targets import onto

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
DEFAULT = {"surface": "yeo7", "volume": "schaefer400", "parcels": "parcels"}


def find_atlas(geometry: Geometry, settings: Settings) -> Atlas | None:
    """The atlas for these data; None, with a message, where there can be none."""
    if settings.atlas == "none":
        return None
    name = settings.atlas or DEFAULT[geometry.kind]
    if isinstance(geometry, ParcelGeometry):
        if geometry.networks is None:
            log.info(
                "no network step: regions have no space, and their table names no network for each (column `network`)"
            )
            return None
        return load_atlas(name, "parcels", parcel_networks=geometry.networks)
    place = {**place_of(geometry), "allow_space_mismatch": settings.allow_space_mismatch}
    return load_atlas(name, geometry.kind, geometry.space or "", **place)


def place_of(geometry: Geometry) -> dict[str, Any]:
    """What the networks room wants to know of where the targets are."""
    if isinstance(geometry, SurfaceGeometry):
        return {"n_vertices": (geometry.n_vertices_left, geometry.n_vertices_right)}
    if isinstance(geometry, VolumeGeometry):
        return {"affine": geometry.affine, "mask": geometry.mask}
    return {}


def link_maps(maps: Floats, geometry: Geometry, atlas: Atlas, settings: Settings) -> pd.DataFrame:
    """Links of maps (n_atoms, n_targets) with the networks, see `networks.correspondence.link`; atoms from 0.

    Surfaces and volumes are tested on fsaverage5 by spins, regions by dealing their networks out again.
    """
    common: dict[str, Any] = {
        "threshold": settings.threshold,
        "top_percent": settings.top_percent,
        "n_permutations": settings.n_spins,
        "seed": settings.random_seed,
    }
    if isinstance(geometry, ParcelGeometry):
        return correspond(maps, atlas.labels, atlas.network_names, spins=None, **common)
    place = (geometry.kind, geometry.space or "")
    spins = Spins.cached(settings.n_spins, settings.random_seed, settings.work / "spins")
    labels = labels_to_fsaverage5(atlas.labels, *place, **place_of(geometry))
    projected = to_fsaverage5(maps, *place, **place_of(geometry))
    return correspond(projected, labels, atlas.network_names, spins=spins, **common)


def write_atlas(geometry: Geometry, settings: Settings) -> None:
    """Keep the labels, with names and colours, in OUT_DIR/atlases; of a volume those of the whole grid."""
    if isinstance(geometry, ParcelGeometry) or _stored(geometry, settings.out_dir):
        return  # the table of parcels names their networks itself
    if isinstance(geometry, VolumeGeometry):
        geometry = VolumeGeometry(geometry.space, geometry.affine, np.ones_like(geometry.mask))
    atlas = find_atlas(geometry, settings)
    assert atlas is not None
    colours = None if atlas.colours is None else np.round(atlas.colours, 4).tolist()
    extra = {"Networks": list(atlas.network_names), "Colours": colours, "Atlas": atlas.name}
    target = settings.out_dir / "atlases" / f"{_place_name(geometry)}_desc-atlas_dseg"
    for path in geometry.save(atlas.labels[None].astype(np.float32), target, ["network"]):
        write_sidecar(path, [], {}, description="Network of each target, in the order of Networks.", extra=extra)


def read_atlas(geometry: Geometry, out_dir: Path) -> Atlas | None:
    """The atlas that the participants' maps were compared with; None when there was none."""
    if isinstance(geometry, ParcelGeometry):
        if geometry.networks is None:
            return None
        return load_atlas("parcels", "parcels", parcel_networks=geometry.networks)
    paths = _stored(geometry, out_dir)
    if not paths:
        return None
    labels, stored = load_map(paths)
    content = json.loads(json.dumps(read_sidecar(paths[0])))
    values = np.nan_to_num(onto(labels, stored, geometry)[0]).astype(np.int32)
    colours = None if content["Colours"] is None else np.asarray(content["Colours"])
    return Atlas(content["Atlas"], tuple(content["Networks"]), values, colours)


def _place_name(geometry: Geometry) -> str:
    return "_".join(f"{key}-{value}" for key, value in geometry.space_entities().items())


def _stored(geometry: Geometry, out_dir: Path) -> list[Path]:
    return sorted((out_dir / "atlases").glob(f"*{_place_name(geometry)}_desc-atlas_dseg.*[iz]"))
