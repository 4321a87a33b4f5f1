"""Lag between words and responses of a run: the only step of a check that reads BOLD."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bids_app.bids.errors import DatasetError
from bids_app.bids.runs import Run
from bids_app.encoding.design.haemodynamics import convolve, word_sums
from bids_app.encoding.timing import Lag, response_lag
from bids_app.inputs.responses import read_run
from bids_app.inputs.timing import StimulusTiming, Story, timed_words
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
        return response_lag(_word_rate(clean_run.timing, stories), clean_run.data[:, usable])
    except ValueError as error:
        log.info("%s: no lag: %s", run.label, error)
        return None


def _word_rate(timing: StimulusTiming, stories: Mapping[str, Story]) -> npt.NDArray[np.float32]:
    """Words per volume, convolved with the haemodynamic response, on the kept volumes (n_kept,)."""
    onset = np.concatenate([onset for _, _, onset, _ in timed_words(timing, stories)])
    grid = np.arange(int(timing.volumes[-1]) + 1)
    words = word_sums(np.ones((len(onset), 1), dtype=np.float32), onset, timing.repetition_time, grid)
    return np.asarray(convolve(words, timing.repetition_time)[timing.volumes, 0], dtype=np.float32)
