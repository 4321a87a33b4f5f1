"""Volumes and nuisance regressors of a run, from small files, before its BOLD is read."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bids_app.bids.errors import DatasetError
from bids_app.bids.runs import Run
from bids_app.bids.timeline import n_interpolated, read_timeline
from bids_app.inputs.nuisance import Cleaning, Nuisance, read_nuisance
from bids_app.inputs.presentations import heard_in
from bids_app.inputs.timing import StimulusTiming, Story
from bids_app.machine.notices import notice


def plan_run(
    run: Run,
    n_rows: int,
    stories: Mapping[str, Story],
    cleaning: Cleaning,
    is_empty: npt.NDArray[np.bool_] | None = None,
) -> tuple[StimulusTiming, npt.NDArray[np.int64], Nuisance]:
    """Stimulus timing of a run, kept rows of its BOLD, and nuisance regressors, without reading the BOLD.

    `is_empty` (n_rows,) marks rows without data, which are censored; None where the BOLD was not read. Raises
    DatasetError if the files of the run, whose BOLD has `n_rows` volumes, are inconsistent.
    """
    timeline = read_timeline(run, n_rows)
    if filled := n_interpolated(run, n_rows):
        notice(
            logging.WARNING,
            f"{run.label}: {filled} of {n_rows} volumes are marked in …_outliers.tsv and still in the series, where "
            "XCP-D interpolates them: they are analysed as they are; give the censored series to leave them out",
        )
    nuisance = read_nuisance(run, n_rows, cleaning)
    is_censored = timeline.is_missing
    is_censored[timeline.volumes[nuisance.is_censored]] = True
    if is_empty is not None and is_empty.any():
        notice(
            logging.WARNING,
            f"{run.label}: {is_empty.sum()} of {n_rows} volumes of {run.files[0].name} hold no data (0 or missing "
            "everywhere): they count as censored",
        )
        is_censored[timeline.volumes[is_empty]] = True
    timing = heard_in(run, stories, run.repetition_time, timeline.n_volumes, is_censored)
    if len(timing.volumes) == 0:
        raise DatasetError(f"{run.files[0].name}: every volume of its story is censored; leave the run out")
    kept = np.searchsorted(timeline.volumes, timing.volumes)
    nuisance.require_freedom(run, kept)
    return timing, kept, nuisance
