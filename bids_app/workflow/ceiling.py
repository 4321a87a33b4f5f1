"""Mean responses to each story, shared by all participants, for the noise ceiling."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_app.bids.dataset import Run
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import Geometry, VolumeGeometry
from bids_app.encoding.haemodynamics import zscore
from bids_app.settings import numbers_of
from bids_app.workflow.responses import Responses, read_run
from bids_app.workflow.shared import computed_once, key_of
from bids_app.workflow.sources import Sources
from bids_app.workflow.stories import Listening
from bids_app.workflow.targets import onto
from bids_app.workflow.units import Unit

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
NAMES = ("space", "session_label", "run_id", "confounds", "high_pass", "smoothing_fwhm", "mask")


@dataclass(frozen=True)
class Others:
    """Mean response of the other participants.

    Attributes
    ----------
    data : (n_rows, n_valid), NaN at targets that no other participant has
    rows : (n_rows,) rows of the participant's own responses that the mean covers
    n_others : how many participants the mean holds, at most
    """

    data: Floats
    rows: npt.NDArray[np.int64]
    n_others: int


@dataclass(frozen=True)
class StoryMeans:
    """Sums over participants of the responses of each story, for one unit's runs."""

    unit: Unit
    sources: Sources

    def others(self, responses: Responses) -> Others | None:
        """Mean of the others, or None when some story of the unit was heard by nobody else."""
        if len(self.sources.dataset.participants()) < 2:
            return None
        data, rows, start, most = [], [], 0, 0
        for run, listening in zip(self.unit.runs, responses.listenings, strict=True):
            total, count = _read_sums(self._sums(run, listening, responses.geometry), responses.geometry)
            own = self._own(listening, responses)
            n = min(len(total), len(own))
            present = count[responses.valid]
            if present.max(initial=0) < 2:
                return None
            with np.errstate(divide="ignore", invalid="ignore"):
                mean = (total[:n, responses.valid] - own[:n]) / (present - 1)
            mean[:, present < 2] = np.nan
            data.append(zscore(mean))
            rows.append(np.arange(start, start + n))
            start += len(listening.volumes)
            most = max(most, int(present.max()) - 1)
        return Others(np.concatenate(data), np.concatenate(rows), most)

    def _own(self, listening: Listening, responses: Responses) -> Floats:
        """This participant's own share of the sum: the mean over the unit's runs of the same story."""
        borders = np.cumsum([0, *responses.run_lengths])
        same = [
            responses.data[borders[i] : borders[i + 1]]
            for i, other in enumerate(responses.listenings)
            if _stems(other) == _stems(listening)
        ]
        n = min(len(part) for part in same)
        return np.asarray(np.mean([part[:n] for part in same], axis=0, dtype=np.float32))

    def _sums(self, run: Run, listening: Listening, geometry: Geometry) -> Path:
        settings = self.sources.settings
        key = key_of(
            {
                "stems": _stems(listening),
                "repetition time": round(listening.repetition_time, 4),
                "task": run.task,
                "place": geometry.space_entities(),
                "derivatives": {n: str(p) for n, p in self.sources.dataset.derivatives.items()},
                **{name: numbers_of(settings, "brainscore")[name] for name in NAMES},
            }
        )
        path = settings.work / "story-means" / f"{'-'.join(_stems(listening))}-{key}.npz"
        return computed_once(path, lambda draft: self._add_up(draft, run, listening))

    def _add_up(self, draft: Path, like: Run, listening: Listening) -> None:
        log.info("mean response of all participants to %s, for the noise ceiling", ", ".join(_stems(listening)))
        total, count, reference, who = None, np.zeros(0, dtype=np.int64), None, []
        for participant in self.sources.dataset.participants():
            found = self._participant_mean(participant, like, listening)
            if found is None:
                continue
            who.append(participant)
            reference = reference or found[1]  # voxels outside the first participant's mask get no ceiling
            series = onto(*found, reference)
            usable = np.isfinite(series).all(axis=0) & (np.ptp(series, axis=0) > 0)
            series = np.where(usable, series, 0).astype(np.float32)
            n = len(series) if total is None else min(len(total), len(series))
            total = series if total is None else total[:n] + series[:n]
            count = usable.astype(np.int64) if len(count) == 0 else count + usable
        assert total is not None
        mask = reference.mask if isinstance(reference, VolumeGeometry) else np.zeros(0, dtype=bool)
        with draft.open("wb") as file:
            np.savez(file, total=total, count=count, mask=mask, participants=json.dumps(who))

    def _participant_mean(self, participant: str, like: Run, listening: Listening) -> tuple[Floats, Geometry] | None:
        """Mean over a participant's runs of the story (n_kept, n_targets); None without such a run."""
        parts: list[tuple[Floats, Geometry]] = []
        try:
            runs = self.sources.dataset.runs(
                participant,
                tasks=[like.task],
                sessions=self.sources.settings.session_label or None,
                run_ids=self.sources.settings.run_id or None,
                space=like.space or like.seg,
                filters=self.sources.filters,
            ).runs
        except DatasetError:
            return None  # has not heard this story
        for run in runs:
            try:
                part = read_run(run, self.sources.stories, self.sources.settings)
            except DatasetError as error:
                log.warning("noise ceiling without %s: %s", run.label, error)
                continue
            same_time = abs(part.listening.repetition_time - listening.repetition_time) < 1e-4
            if _stems(part.listening) == _stems(listening) and same_time:
                parts.append((zscore(part.data), part.geometry))
        if not parts:
            return None
        geometry = parts[0][1]
        n = min(len(part) for part, _ in parts)
        aligned = [onto(part[:n], own, geometry) for part, own in parts]
        return np.mean(aligned, axis=0, dtype=np.float32), geometry


def _read_sums(path: Path, geometry: Geometry) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Sum (n_volumes, n_targets) and number of participants (n_targets,) on the targets of `geometry`."""
    with np.load(path) as content:
        total, count, mask = content["total"], content["count"], content["mask"]
    if not isinstance(geometry, VolumeGeometry):
        return total, count
    stored = VolumeGeometry(geometry.space, geometry.affine, mask)
    placed = np.nan_to_num(onto(count[None].astype(np.float32), stored, geometry))[0]
    return onto(total, stored, geometry), placed.astype(np.int64)


def _stems(listening: Listening) -> list[str]:
    return [stimulus.stem for stimulus in listening.stimuli]
