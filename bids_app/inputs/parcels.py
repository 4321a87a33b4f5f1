"""Parcels of neighbouring targets, whose mean responses are tested before their targets."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt

from bids_app.inputs.responses import Responses
from bids_app.machine.notices import notice
from bids_app.machine.resources import atlas_source
from bids_app.networks.partition import partition
from bids_app.shared_options.scores import ScoreOptions
from bids_app.stats.standardise import zscore

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def find_parcels(responses: Responses, settings: ScoreOptions) -> Labels | None:
    """Parcel of each valid target, (n_valid,) numbers from 0; None if all targets are corrected together.

    They are with `--correction targets`, for regions, if all targets lie in one parcel, and, with a message, on a
    surface whose sphere is not available.
    """
    geometry, targets = responses.geometry, np.flatnonzero(responses.valid)
    if settings.correction == "targets" or geometry.has_own_names:
        return None
    resources = atlas_source(settings.resources)["resources"]
    try:
        parcels = partition(targets, geometry.kind, geometry.space_name, **geometry.where(), resources=resources)
    except (ValueError, OSError) as error:
        notice(logging.INFO, f"scores are corrected over all targets at once, without parcels: {error}")
        return None
    return parcels if parcels.any() else None


def mean_responses(responses: Responses, parcels: Labels) -> Floats:
    """Mean over the targets of each parcel, z-scored within each run, (n_volumes, n_parcels)."""
    counts = np.bincount(parcels)
    means = np.stack([np.bincount(parcels, volume) / counts for volume in responses.data]).astype(np.float32)
    return np.concatenate([zscore(run) for run in np.split(means, np.cumsum(responses.run_lengths)[:-1])])
