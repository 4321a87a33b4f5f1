"""Lag between words and responses of a run: the only step of a check that reads BOLD."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from bids_app.bids.errors import DatasetError
from bids_app.bids.runs import Run
from bids_app.encoding.timing import Lag, response_lag
from bids_app.inputs.band import word_rate
from bids_app.inputs.responses import read_run
from bids_app.inputs.timing import Story
from bids_app.settings import Settings

log = logging.getLogger("neurons2networks")


def lag_of_run(run: Run, stories: Mapping[str, Story], settings: Settings) -> Lag | None:
    """The lag with the best fit of the word rate to the targets that follow it most; None for a short run.

    Raises DatasetError for unreadable data.
    """
    clean_run = read_run(run, dict(stories), settings)
    usable = np.isfinite(clean_run.data).all(axis=0) & (np.ptp(clean_run.data, axis=0) > 0)
    if not usable.any():
        raise DatasetError(f"{run.files[0].name} has no voxel, vertex or parcel with finite, varying data.")
    try:
        return response_lag(word_rate(clean_run.timing, stories), clean_run.data[:, usable])
    except ValueError as error:
        log.info("%s: no lag: %s", run.label, error)
        return None
