"""Regions of tables: the whole brain, networks, regions of the second atlas, parcels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_app.bids.geometry_base import Geometry
from bids_app.inputs.atlases import read_atlas, read_regions

Indices = npt.NDArray[np.int64]


def region_targets(
    geometry: Geometry, out_dir: Path, where: npt.NDArray[np.bool_] | None = None
) -> Iterator[tuple[str, str, Indices]]:
    """Atlas (`all`, `networks`, `regions`, `parcels`), name and targets of each region, from the atlases in OUT_DIR.

    With `where` (n_targets,), only those targets. Empty regions are left out, except for `all`.
    """
    inside = np.ones(geometry.n_targets, dtype=bool) if where is None else where
    yield "all", "all", np.flatnonzero(inside)
    for kind, atlas in (("networks", read_atlas(geometry, out_dir)), ("regions", read_regions(geometry, out_dir))):
        if atlas is None:
            continue
        for number, name in enumerate(atlas.network_names, start=1):
            targets = np.flatnonzero(inside & (atlas.labels == number))
            if len(targets):
                yield kind, name, targets
    if geometry.has_own_names:
        for target in np.flatnonzero(inside):
            yield "parcels", geometry.target_names[target], np.array([target])
