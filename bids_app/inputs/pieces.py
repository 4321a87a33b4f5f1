"""The pieces of networks: neighbours whose responses are averaged, the same for all participants."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.bids.geometry_base import Geometry
from bids_app.bids.targets import onto
from bids_app.inputs.atlases import find_atlas
from bids_app.machine.notices import notice
from bids_app.machine.once import key_of
from bids_app.machine.resources import atlas_source
from bids_app.networks.conditional import MOST_PIECES, STRIDE, consecutive_pieces
from bids_app.networks.partition import partition
from bids_app.shared_options.inputs import AtlasOptions
from bids_app.shared_options.run import Places

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """A partition of networks into pieces.

    Attributes
    ----------
    of_targets : array of shape (n_targets,), see `NetworkSeries.number`; -1 outside the networks
    key : equal for participants whose pieces with the same number cover the same locations
    """

    of_targets: Labels
    key: str


def network_pieces(geometry: Geometry, labels: npt.NDArray[np.integer], settings: AtlasOptions) -> Pieces:
    """At most 36 pieces in each network; labels (n_targets,) of all targets, whether or not they have data.

    They are cut on the whole grid, regardless of missing data, so that they are the same in all participants. Regions
    have no position and are taken in the order of their table.
    """
    if geometry.has_own_names:
        pieces = consecutive_pieces(labels)
        return Pieces(pieces, key_of([list(geometry.target_names), pieces.tolist()]))
    whole = geometry.whole()
    atlas = find_atlas(whole, settings)
    everywhere = np.asarray(labels if atlas is None else atlas.labels)
    try:
        pieces = _cut(whole, everywhere, settings)
    except (ValueError, OSError) as error:
        notice(logging.INFO, f"pieces of networks are cut in the order of targets, not by position: {error}")
        pieces = consecutive_pieces(everywhere)
    placed = np.nan_to_num(onto(pieces[None].astype(np.float32), whole, geometry)[0], nan=-1).astype(np.int64)
    return Pieces(np.where(labels > 0, placed, -1), key_of([whole.extent, pieces.tolist()]))


def _cut(whole: Geometry, labels: npt.NDArray[np.integer], settings: Places) -> Labels:
    """Pieces of neighbours. Raises ValueError or OSError if the positions of targets are unknown."""
    resources = atlas_source(settings.resources)["resources"]
    pieces = np.full(len(labels), -1)
    for network in np.unique(labels[labels > 0]):
        members = np.flatnonzero(labels == network)
        size = max(1, -(-len(members) // MOST_PIECES))
        own = partition(members, whole.kind, whole.space_name, **whole.where(), resources=resources, size=size)
        pieces[members] = (network - 1) * STRIDE + own
    return pieces
