"""The brain side of a fit: the runs that are fitted together, read, cleaned, cut to the story and z-scored."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bids_app.bids.alignment import align
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
from bids_app.settings import Settings
from bids_app.stats.standardise import zscore

__all__ = ["CleanRun", "Responses", "confound_strategy", "plan_run", "read_responses", "read_run"]

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Responses:
    """Responses of one unit.

    Attributes
    ----------
    data : (n_volumes, n_valid) float32, the runs' kept volumes one after another, z-scored within each run
    valid : (n_targets,) whether a target has finite, varying data in every run
    listenings : what each run heard; their kept volumes are the rows of `data`
    nuisance : of each run, what was regressed out (n_kept, n_regressors), None where nothing was
    cleaning : by name of the run, how it was cleaned, for the sidecars
    content : (n_volumes,) a number for what each volume heard, equal where the same was heard again; None where
        nothing was, see `repeats.heard_content`
    averaged : where runs were averaged, those that each of `listenings` stands for
    unusable : of each run, by its label, how many targets its BOLD has (whatever `--mask` keeps), how many of them are
        constant, and how many have missing values
    """

    data: Floats
    valid: npt.NDArray[np.bool_]
    geometry: Geometry
    listenings: tuple[StimulusTiming, ...]
    nuisance: tuple[Floats | None, ...]
    cleaning: dict[str, dict[str, object]] = field(default_factory=dict)
    content: npt.NDArray[np.int64] | None = None
    averaged: tuple[tuple[RunSource, ...], ...] = ()
    unusable: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def run_lengths(self) -> tuple[int, ...]:
        """Kept volumes of each run."""
        return tuple(len(listening.volumes) for listening in self.listenings)

    @property
    def sources(self) -> tuple[tuple[RunSource, ...], ...]:
        """For each of `listenings` the runs whose mean its rows are: one run, unless runs were averaged."""
        single = (
            (RunSource(run, np.arange(length), nuisance),)
            for run, (length, nuisance) in enumerate(zip(self.run_lengths, self.nuisance, strict=True))
        )
        return self.averaged or tuple(single)

    @property
    def rows_of_runs(self) -> npt.NDArray[np.int64]:
        """The row of `data` to which each volume of the runs went (n_volumes of all runs,), one after another."""
        starts = np.cumsum([0, *self.run_lengths])
        found = [
            (source.run, start + source.rows)
            for start, sources in zip(starts, self.sources, strict=False)
            for source in sources
        ]
        return np.concatenate([rows for _, rows in sorted(found, key=lambda one: one[0])])


@dataclass(frozen=True)
class RunSource:
    """A run that went into a mean: its number, the rows of the mean that it covers, and what was regressed out."""

    run: int
    rows: npt.NDArray[np.int64]
    nuisance: Floats | None


def mean_of_runs(parts: Sequence[tuple[npt.NDArray[np.int64], Floats]], n_rows: int) -> Floats:
    """Mean over runs of z-scored series, z-scored: of each the rows that it covers and (n_covered, n_targets)."""
    total = np.zeros((n_rows, parts[0][1].shape[1]), dtype=np.float32)
    count = np.zeros((n_rows, 1), dtype=np.float32)
    for rows, series in parts:
        total[rows] += series
        count[rows] += 1
    total /= count
    return zscore(total)


def read_responses(unit: Fit, stories: dict[str, Story], settings: Settings) -> Responses:
    """Read all runs of a unit. Raises DatasetError when no target is usable in all of them."""
    parts = [read_run(run, stories, settings) for run in unit.runs]
    for run, part in zip(unit.runs, parts, strict=True):
        log.info("%s: %s", run.label, part.note)
    unusable = {run.label: part.unusable for run, part in zip(unit.runs, parts, strict=True)}
    _say_what_is_left_out(unusable, parts[0].geometry)
    geometry, columns = align([part.geometry for part in parts], [run.label for run in unit.runs])
    cut = [part.data[:, own] for part, own in zip(parts, columns, strict=True)]
    valid = np.all([np.isfinite(data).all(axis=0) & (np.ptp(data, axis=0) > 0) for data in cut], axis=0)
    if not valid.any():
        raise DatasetError(f"{unit.name}: no voxel, vertex or parcel has data that vary in every run")
    data = np.concatenate([zscore(part[:, valid]) for part in cut])
    listenings, nuisance = tuple(part.listening for part in parts), tuple(part.nuisance for part in parts)
    cleaning = {run.label: part.cleaning for run, part in zip(unit.runs, parts, strict=True)}
    content = heard_content(listenings, stories)
    return Responses(data, valid, geometry, listenings, nuisance, cleaning, content, unusable=unusable)


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
    """One run: data (n_kept, n_targets), cleaned and cut to the story but not z-scored, and what was regressed out.

    `note` says for the log how it was cleaned, `cleaning` for the sidecars. `unusable` counts the targets, those that
    are constant and those with missing values.
    """

    data: Floats
    listening: StimulusTiming
    geometry: Geometry
    nuisance: Floats | None
    note: str = ""
    cleaning: dict[str, object] = field(default_factory=dict)
    unusable: dict[str, int] = field(default_factory=dict)


def read_run(run: Run, stories: dict[str, Story], settings: Settings) -> CleanRun:
    """Read one run, cut it to its story, and regress out confounds and slow drifts."""
    recording = read_recording(run, free_for_data(settings.mem_mb))
    listening, kept, nuisance = plan_run(run, recording.n_volumes, stories, Cleaning.of(settings))
    smoothed = smooth(recording.data[kept], recording.geometry, settings.smoothing_fwhm, settings.resources)
    data, geometry = limit(smoothed, recording.geometry, settings.mask)
    regressors = None
    if nuisance.regressors is not None:
        regressors = nuisance.regressors[kept]
        data = clean(data, recording.repetition_time, regressors, None)
    note = nuisance.note
    if len(listening.censored):
        note += f"; {len(listening.censored)} of {len(listening.is_kept)} volumes of the story left out (censored)"
    cleaning = {
        "Confounds": list(nuisance.names),
        "HighPassCosines": nuisance.n_cosines,
        "CleanedBefore": run.is_clean,
        "CensoredVolumes": len(listening.censored),
        "InterpolatedVolumes": n_interpolated(run, recording.n_volumes),
    }
    unusable = {
        "Targets": recording.geometry.n_targets,
        "Constant": recording.n_constant,
        "Missing": recording.n_missing,
    }
    return CleanRun(data, listening, geometry, regressors, note, cleaning, unusable)
