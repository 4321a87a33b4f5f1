"""The brain side of a fit: the runs that are fitted together, read, cleaned, cut to the story and z-scored."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bids_app.bids.alignment import align
from bids_app.bids.confounds import Strategy, read_confounds
from bids_app.bids.dataset import Run
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import read_events
from bids_app.bids.geometry import Geometry
from bids_app.bids.recording import Recording, read_recording
from bids_app.encoding.cleaning import clean
from bids_app.encoding.haemodynamics import zscore
from bids_app.settings import Settings
from bids_app.workflow.masking import limit
from bids_app.workflow.memory import free_for_data
from bids_app.workflow.smoothing import smooth
from bids_app.workflow.stories import Listening, Story, listen
from bids_app.workflow.units import Unit

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
    unusable : of each run, by its label, how many targets there are, are constant, and have missing values
    """

    data: Floats
    valid: npt.NDArray[np.bool_]
    geometry: Geometry
    listenings: tuple[Listening, ...]
    nuisance: tuple[Floats | None, ...]
    unusable: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def run_lengths(self) -> tuple[int, ...]:
        """Kept volumes of each run."""
        return tuple(len(listening.volumes) for listening in self.listenings)


def read_responses(unit: Unit, stories: dict[str, Story], settings: Settings) -> Responses:
    """Read all runs of a unit. Raises DatasetError when no target is usable in all of them."""
    parts = [read_run(run, stories, settings) for run in unit.runs]
    unusable = {run.label: part.unusable for run, part in zip(unit.runs, parts, strict=True)}
    _say_what_is_left_out(unusable, parts[0].geometry)
    geometry, columns = align([part.geometry for part in parts], [run.label for run in unit.runs])
    cut = [part.data[:, own] for part, own in zip(parts, columns, strict=True)]
    valid = np.all([np.isfinite(data).all(axis=0) & (np.ptp(data, axis=0) > 0) for data in cut], axis=0)
    if not valid.any():
        raise DatasetError(f"{unit.name}: no voxel, vertex or parcel has data that vary in every run")
    data = np.concatenate([zscore(part[:, valid]) for part in cut])
    listenings, nuisance = tuple(part.listening for part in parts), tuple(part.nuisance for part in parts)
    return Responses(data, valid, geometry, listenings, nuisance, unusable)


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

    `unusable` counts the targets, those that are constant and those with missing values.
    """

    data: Floats
    listening: Listening
    geometry: Geometry
    nuisance: Floats | None
    unusable: dict[str, int] = field(default_factory=dict)


def read_run(run: Run, stories: dict[str, Story], settings: Settings) -> CleanRun:
    """Read one run, cut it to its story, and regress out confounds and slow drifts."""
    recording = read_recording(run, free_for_data(settings))
    stimuli = [s for s in read_events(run.events) if s.stem in stories]
    listening = listen(stimuli, recording.repetition_time, recording.n_volumes)
    if len(listening.volumes) == 0:
        raise DatasetError(
            f"{run.files[0].name}: none of its {recording.n_volumes} volumes lies inside a story event of "
            f"{run.events.name}; check onsets (seconds) and repetition time ({recording.repetition_time:g} s)"
        )
    kept = listening.volumes
    smoothed = smooth(recording.data[kept], recording.geometry, settings)
    data, geometry = limit(smoothed, recording.geometry, settings.mask)
    nuisance = _nuisance(recording, run, settings)
    if nuisance is not None:
        nuisance = nuisance[kept]
        data = clean(data, recording.repetition_time, nuisance, None)
    unusable = {"Targets": geometry.n_targets, "Constant": recording.n_constant, "Missing": recording.n_missing}
    return CleanRun(data, listening, geometry, nuisance, unusable)


def _nuisance(recording: Recording, run: Run, settings: Settings) -> Floats | None:
    """Confounds and slow cosines of the whole run (n_volumes, n_regressors), None for data that are clean."""
    strategy = confound_strategy(run, settings)
    confounds = read_confounds(run.confounds, strategy)
    # The confounds of the Narratives paper hold cosines already.
    if confounds is not None or run.is_clean or not settings.high_pass:
        return confounds
    from nilearn.glm.first_level.design_matrix import create_cosine_drift  # takes more than a second to import

    times = np.arange(recording.n_volumes) * recording.repetition_time
    cosines = create_cosine_drift(settings.high_pass, times)[:, :-1]  # without the constant
    return np.asarray(cosines, dtype=np.float32) if cosines.shape[1] else None


def confound_strategy(run: Run, settings: Settings) -> Strategy:
    """Which confounds are regressed out of this run."""
    if settings.confounds == "auto":
        return "narratives" if run.confounds and not run.is_clean else "none"
    return "narratives" if settings.confounds == "narratives" else "none"
