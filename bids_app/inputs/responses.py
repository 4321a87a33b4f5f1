"""The responses of a fit: its runs, read, cleaned, cut to the story and z-scored."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bids_app.bids.alignment import align
from bids_app.bids.confounds import mean_displacement
from bids_app.bids.dataset import Run
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.recording import read_recording
from bids_app.bids.timeline import n_interpolated
from bids_app.encoding.cleaning import clean
from bids_app.inputs.fits import Fit
from bids_app.inputs.masking import limit
from bids_app.inputs.nuisance import Cleaning, confound_strategy
from bids_app.inputs.repeats import heard_content
from bids_app.inputs.run_plan import plan_run
from bids_app.inputs.smoothing import smooth
from bids_app.inputs.timing import StimulusTiming, Story
from bids_app.machine.memory import free_for_data
from bids_app.shared_options.inputs import ResponseOptions
from bids_app.stats.standardise import zscore

__all__ = ["CleanRun", "Responses", "confound_strategy", "plan_run", "read_responses", "read_run"]

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Responses:
    """Responses of one fit.

    Attributes
    ----------
    data : (n_volumes, n_valid) float32, kept volumes of all runs, concatenated, z-scored within each run
    valid : (n_targets,) whether a target has finite, varying data in every run
    timings : stimulus timing of each run; the kept volumes are the rows of `data`
    nuisance : regressors removed from each run (n_kept, n_regressors), None without any
    cleaning : cleaning of each run, by its label, for the sidecars
    content : (n_volumes,) a number for the content of each volume, equal for repeated passages; None without any, see
        `repeats.heard_content`
    averaged : if runs were averaged, the runs behind each of `timings`
    unusable : for each run, by its label, the number of targets of its BOLD (before `--mask`), of constant targets, and
        of targets with missing values
    """

    data: Floats
    valid: npt.NDArray[np.bool_]
    geometry: Geometry
    timings: tuple[StimulusTiming, ...]
    nuisance: tuple[Floats | None, ...]
    cleaning: dict[str, dict[str, object]] = field(default_factory=dict)
    content: npt.NDArray[np.int64] | None = None
    averaged: tuple[tuple[RunSource, ...], ...] = ()
    unusable: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def run_lengths(self) -> tuple[int, ...]:
        """Kept volumes of each run."""
        return tuple(len(timing.volumes) for timing in self.timings)

    @property
    def sources(self) -> tuple[tuple[RunSource, ...], ...]:
        """For each of `timings`, the runs in the mean: one run, unless runs were averaged."""
        single = (
            (RunSource(run, np.arange(length), nuisance),)
            for run, (length, nuisance) in enumerate(zip(self.run_lengths, self.nuisance, strict=True))
        )
        return self.averaged or tuple(single)

    @property
    def rows_of_runs(self) -> npt.NDArray[np.int64]:
        """The row of `data` for each volume of the runs (n_volumes of all runs,)."""
        starts = np.cumsum([0, *self.run_lengths])
        pieces = [
            (source.run, start + source.rows)
            for start, sources in zip(starts, self.sources, strict=False)
            for source in sources
        ]
        return np.concatenate([rows for _, rows in sorted(pieces, key=lambda piece: piece[0])])


@dataclass(frozen=True)
class RunSource:
    """A run in a mean: its number, the rows of the mean that it covers, and its nuisance regressors."""

    run: int
    rows: npt.NDArray[np.int64]
    nuisance: Floats | None


def mean_of_runs(runs: Sequence[tuple[npt.NDArray[np.int64], Floats]], n_rows: int) -> Floats:
    """Z-scored mean of z-scored runs, each given by the rows that it covers and its data (n_covered, n_targets)."""
    total = np.zeros((n_rows, runs[0][1].shape[1]), dtype=np.float32)
    count = np.zeros((n_rows, 1), dtype=np.float32)
    for rows, series in runs:
        total[rows] += series
        count[rows] += 1
    total /= count
    return zscore(total)


def read_responses(fit: Fit, stories: dict[str, Story], settings: ResponseOptions) -> Responses:
    """Read all runs of a fit. Raises DatasetError if no target is usable in all of them."""
    clean_runs = [read_run(run, stories, settings) for run in fit.runs]
    for run, clean_run in zip(fit.runs, clean_runs, strict=True):
        log.info("%s: %s", run.label, clean_run.note)
    unusable = {run.label: clean_run.unusable for run, clean_run in zip(fit.runs, clean_runs, strict=True)}
    _say_what_is_left_out(unusable, clean_runs[0].geometry)
    geometry, columns = align([clean_run.geometry for clean_run in clean_runs], [run.label for run in fit.runs])
    shared = [clean_run.data[:, kept] for clean_run, kept in zip(clean_runs, columns, strict=True)]
    valid = np.all([np.isfinite(data).all(axis=0) & (np.ptp(data, axis=0) > 0) for data in shared], axis=0)
    if not valid.any():
        raise DatasetError(f"{fit.name}: no voxel, vertex or parcel has data that vary in every run")
    data = np.concatenate([zscore(data[:, valid]) for data in shared])
    timings = tuple(clean_run.timing for clean_run in clean_runs)
    nuisance = tuple(clean_run.nuisance for clean_run in clean_runs)
    cleaning = {run.label: clean_run.cleaning for run, clean_run in zip(fit.runs, clean_runs, strict=True)}
    content = heard_content(timings, stories)
    return Responses(data, valid, geometry, timings, nuisance, cleaning, content, unusable=unusable)


def _say_what_is_left_out(unusable: dict[str, dict[str, int]], geometry: Geometry) -> None:
    for label, counts in unusable.items():
        if counts["Constant"] or counts["Missing"]:
            log.info(
                "%s: of %d targets (%s), %d are constant and %d have missing values; they are left out",
                label,
                counts["Targets"],
                geometry.kind,
                counts["Constant"],
                counts["Missing"],
            )


@dataclass(frozen=True)
class CleanRun:
    """One run: data (n_kept, n_targets), cleaned and cut to the story but not z-scored, and its nuisance regressors.

    `note` describes the cleaning for the log, `cleaning` for the sidecars. `unusable` counts all targets, constant
    targets and targets with missing values.
    """

    data: Floats
    timing: StimulusTiming
    geometry: Geometry
    nuisance: Floats | None
    note: str = ""
    cleaning: dict[str, object] = field(default_factory=dict)
    unusable: dict[str, int] = field(default_factory=dict)


def read_run(run: Run, stories: dict[str, Story], settings: ResponseOptions) -> CleanRun:
    """Read one run, cut it to its story, and regress out confounds and slow drifts."""
    recording = read_recording(run, free_for_data(settings.mem_mb))
    timing, kept, nuisance = plan_run(run, recording.n_volumes, stories, Cleaning.of(settings), recording.is_empty)
    smoothed = smooth(recording.data[kept], recording.geometry, settings.smoothing_fwhm, settings.resources)
    data, geometry = limit(smoothed, recording.geometry, settings.mask)
    regressors = None
    if nuisance.regressors is not None:
        regressors = nuisance.regressors[kept]
        data = clean(data, recording.repetition_time, regressors, None)
    note = nuisance.note
    if len(timing.censored):
        note += f"; {len(timing.censored)} of {len(timing.is_kept)} volumes of the story left out (censored)"
    words = [stories[stem].words for stem in dict.fromkeys(stimulus.stem for stimulus in timing.stimuli)]
    cleaning: dict[str, object] = {
        "Volumes": len(timing.volumes),
        "MeanFramewiseDisplacement": mean_displacement(run.confounds, timing.volumes),
        "Words": sum(len(one) for one in words),
        "UnalignedWords": sum(int((~one.is_timed).sum()) for one in words),
        "Confounds": list(nuisance.names),
        "HighPassCosines": nuisance.n_cosines,
        "CleanedBefore": run.is_clean,
        "CensoredVolumes": len(timing.censored),
        "InterpolatedVolumes": n_interpolated(run, recording.n_volumes),
    }
    unusable = {
        "Targets": recording.geometry.n_targets,
        "Constant": recording.n_constant,
        "Missing": recording.n_missing,
    }
    return CleanRun(data, timing, geometry, regressors, note, cleaning, unusable)
