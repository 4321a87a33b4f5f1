"""The atlas that the run kept in OUT_DIR, to outline networks on maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.derivatives import read_sidecar
from bids_app.bids.geometry import load_map
from bids_app.bids.geometry_base import Geometry
from bids_app.report.results import Maps, values_at

Array = npt.NDArray[Any]


def network_regions(out_dir: Path, geometry: Geometry) -> dict[str, Array]:
    """The targets (n_targets,) bool of each network; empty where OUT_DIR has no atlas for the geometry."""
    if geometry.has_own_names:
        return {}
    place = "_".join(f"{key}-{value}" for key, value in geometry.space_entities().items())
    paths = sorted((out_dir / "atlases").glob(f"*{place}_desc-atlas_dseg.*[iz]"))
    names = read_sidecar(paths[0]).get("Networks") if paths else None
    if not isinstance(names, list):
        return {}
    values, stored = load_map(paths)
    labels = values_at(Maps("label", values, ("network",), stored), geometry)
    if labels is None:
        return {}
    return {str(name): np.asarray(labels[0] == number) for number, name in enumerate(names, start=1)}
