"""The pieces of networks: neighbours whose responses are averaged, the same for all participants."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt

from bids_app.bids.geometry_base import Geometry
from bids_app.bids.targets import onto
from bids_app.inputs.atlases import find_atlas
from bids_app.machine.notices import notice
from bids_app.machine.resources import atlas_source
from bids_app.networks.conditional import MOST_PIECES, ROOM, consecutive_pieces
from bids_app.networks.partition import partition
from bids_app.settings import Settings

Labels = npt.NDArray[np.int64]


def network_pieces(geometry: Geometry, labels: npt.NDArray[np.integer], settings: Settings) -> Labels:
    """Piece of each target (n_targets,), at most 24 in a network; -1 outside the networks.

    They are cut on the whole grid, whatever a participant has data of, so that pieces mean the same in everybody.
    Regions, which have no place, are pieces in the order of their table.
    """
    whole = geometry.whole()
    if geometry.has_own_names:
        return consecutive_pieces(labels)
    atlas = find_atlas(whole, settings)
    everywhere = np.asarray(labels if atlas is None else atlas.labels)
    resources = atlas_source(settings.resources)["resources"]
    pieces = np.full(len(everywhere), -1.0, dtype=np.float32)
    try:
        for network in np.unique(everywhere[everywhere > 0]):
            members = np.flatnonzero(everywhere == network)
            size = max(1, -(-len(members) // MOST_PIECES))
            own = partition(members, whole.kind, whole.space_name, **whole.where(), resources=resources, size=size)
            pieces[members] = (network - 1) * ROOM + own
    except (ValueError, OSError) as error:
        notice(logging.INFO, f"pieces of networks are not cut by place: {error}")
        return consecutive_pieces(labels)
    placed = np.nan_to_num(onto(pieces[None], whole, geometry)[0], nan=-1)
    return np.asarray(np.where(labels > 0, placed, -1), dtype=np.int64)
