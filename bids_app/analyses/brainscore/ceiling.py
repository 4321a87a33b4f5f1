"""Mean responses to each story, shared by all participants, for the noise ceiling.

Participants are matched by the time of the story: a volume of one goes with the volumes in which the others heard the
same moment, to the nearest volume, whenever their scans began or stopped.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.alignment import positions_in, stored_targets
from bids_app.bids.dataset import Run
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import is_own_space
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.targets import onto
from bids_app.inputs.fits import Fit
from bids_app.inputs.responses import Responses, read_run
from bids_app.inputs.shares import common_of, share_of
from bids_app.inputs.sources import Sources
from bids_app.inputs.timing import StimulusTiming, story_time
from bids_app.machine.once import computed_once, key_of
from bids_app.settings_fields import result_settings
from bids_app.stats.standardise import zscore
from bids_app.wording import listed

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
NAMES = ("confounds", "high_pass", "smoothing_fwhm")


class NoCeilingError(ValueError):
    """There can be no noise ceiling; the message says why."""


@dataclass(frozen=True)
class Others:
    """Mean response of the other participants.

    Attributes
    ----------
    data : (n_rows, n_valid), NaN at targets that no other participant has in that volume
    rows : (n_rows,) rows of the participant's own responses that at least one other participant heard
    participants : labels of the others
    n_others : how many of them a volume's mean holds at most
    """

    data: Floats
    rows: Integers
    participants: tuple[str, ...]
    n_others: int


@dataclass(frozen=True)
class StorySeries:
    """A series on the time line of a story: row i is `first + i` repetition times after the audio file began.

    Attributes
    ----------
    values : (n_steps, n_targets), zero where `count` is
    count : (n_steps, n_targets), how many went into each value
    first : steps from the start of the audio file to the first row
    """

    values: Floats
    count: npt.NDArray[np.int16]
    first: int

    def at(self, steps: Integers) -> tuple[Floats, npt.NDArray[np.int16]]:
        """Values and counts (len(steps), n_targets) at these steps of the story; zero where the series has none."""
        index = steps - self.first
        here = (index >= 0) & (index < len(self.values))
        values = np.zeros((len(steps), self.values.shape[1]), dtype=np.float32)
        count = np.zeros(values.shape, dtype=np.int16)
        values[here], count[here] = self.values[index[here]], self.count[index[here]]
        return values, count

    def plus(self, other: StorySeries) -> StorySeries:
        """The sum of both, over all steps of either."""
        first = min(self.first, other.first)
        last = max(self.first + len(self.values), other.first + len(other.values))
        steps = np.arange(first, last)
        (a, n), (b, m) = self.at(steps), other.at(steps)
        return StorySeries(a + b, n + m, first)


def presentations_mean(parts: Sequence[tuple[Floats, Integers]]) -> StorySeries:
    """One participant's mean over presentations of a story: of each its data (n, n_targets) and steps (n,).

    A target that is missing or constant in one presentation counts in none. Counts are 0 and 1.
    """
    first = min(int(steps.min()) for _, steps in parts)
    length = max(int(steps.max()) for _, steps in parts) - first + 1
    total = np.zeros((length, parts[0][0].shape[1]), dtype=np.float32)
    times = np.zeros(length, dtype=np.float32)
    usable = np.ones(total.shape[1], dtype=bool)
    for data, steps in parts:
        usable &= np.isfinite(data).all(axis=0) & (np.ptp(data, axis=0) > 0)
        np.add.at(total, steps - first, data)
        np.add.at(times, steps - first, 1)
    heard = times > 0
    total[heard] /= times[heard, None]
    count = (heard[:, None] & usable).astype(np.int16)
    return StorySeries(np.where(count > 0, total, 0).astype(np.float32), count, first)


def story_steps(timing: StimulusTiming, stem: str) -> tuple[Integers, Integers]:
    """Rows of a run's kept volumes in which a story was heard, and the step of the story of each, both (n,)."""
    stems, seconds = story_time(timing)
    rows = np.flatnonzero((np.array(stems) == stem) & np.isfinite(seconds))
    return rows, np.rint(seconds[rows] / timing.repetition_time).astype(np.int64)


@dataclass(frozen=True)
class StoryMeans:
    """Sums over participants of the responses to each story, for the runs of one fit."""

    fit: Fit
    sources: Sources

    def others(self, responses: Responses) -> Others:
        """Mean of the others in every volume that somebody else heard.

        Raises NoCeilingError where there can be none.
        """
        self._require_others(responses.geometry)
        n_rows, n_valid = responses.data.shape
        total, count = np.zeros((n_rows, n_valid), dtype=np.float32), np.zeros((n_rows, n_valid), dtype=np.int16)
        labels: dict[str, None] = {}
        for stem, like, timing in self._stories(responses):
            path = self._sums(like, timing, stem)
            if path is None:
                continue
            sums, members = _read_sums(path, responses.geometry)
            labels |= dict.fromkeys(members)
            places = list(self._rows(responses, stem, timing.repetition_time))
            # the sums hold runs of this task alone, one's own among them
            own = presentations_mean(
                [(responses.data[rows], steps) for task, rows, steps in places if task == like.task]
            )
            for _, rows, steps in places:
                values, heard = sums.at(steps)
                values, heard = values[:, responses.valid], heard[:, responses.valid]
                if self._label in members:
                    mine, counted = own.at(steps)
                    values, heard = values - np.where(heard > 0, mine, 0), heard - np.where(heard > 0, counted, 0)
                total[rows], count[rows] = values, heard
        labels.pop(self._label, None)
        rows = np.flatnonzero((count > 0).any(axis=1))
        if not len(rows):
            raise NoCeilingError("nobody else heard these stories")
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(count[rows] > 0, total[rows] / count[rows], np.nan).astype(np.float32)
        return Others(mean, rows, tuple(labels), int(count.max()))

    @property
    def _label(self) -> str:
        return self.fit.runs[0].subject

    def _require_others(self, geometry: Geometry) -> None:
        entities = geometry.space_entities()
        if "space" in entities and is_own_space(entities["space"]):
            raise NoCeilingError(f"everybody's {entities['space']} is another space")
        if not set(self._members) - {self._label}:
            raise NoCeilingError("there is no other participant")

    @cached_property
    def _members(self) -> list[str]:
        """Everybody who may be in a mean: all participants of the data set but those left out."""
        left_out = self.sources.settings.exclude_participant_label
        return [label for label in self.sources.dataset.participants() if label not in left_out]

    def _stories(self, responses: Responses) -> Iterator[tuple[str, Run, StimulusTiming]]:
        """Each story (and repetition time) of the fit once, with the first of its runs."""
        seen = set()
        for run, timing in zip(self.fit.runs, responses.timings, strict=True):
            for stem in dict.fromkeys(stimulus.stem for stimulus in timing.stimuli):
                key = (stem, round(timing.repetition_time, 4))
                if key not in seen and len(story_steps(timing, stem)[0]):
                    seen.add(key)
                    yield stem, run, timing

    def _rows(
        self, responses: Responses, stem: str, repetition_time: float
    ) -> Iterator[tuple[str, Integers, Integers]]:
        """Of each run that has the story at this repetition time its task, rows of `responses.data`, and the steps."""
        starts = np.cumsum([0, *responses.run_lengths])
        for run, start, timing in zip(self.fit.runs, starts, responses.timings, strict=False):
            if _same_time(timing.repetition_time, repetition_time):
                rows, steps = story_steps(timing, stem)
                if len(rows):
                    yield run.task, rows + start, steps

    def _sums(self, like: Run, timing: StimulusTiming, stem: str) -> Path | None:
        """The file of the sums of one story; None where nobody's run of it can be read."""
        settings = self.sources.settings
        key = key_of(
            {
                "format": 2,
                "stem": stem,
                "repetition time": round(timing.repetition_time, 4),
                "task": like.task,
                "place": like.space or like.seg,
                "files": {label: share_of(self.sources, label, [like.task]) for label in self._members},
                "common": common_of(self.sources, [like.task]),
                **{name: result_settings(settings, "brainscore")[name] for name in NAMES},
            }
        )
        path = settings.work / "story-means" / f"{key}.npz"
        try:
            return computed_once(path, lambda draft: self._add_up(draft, like, timing, stem))
        except NoCeilingError:
            return None

    def _add_up(self, draft: Path, like: Run, timing: StimulusTiming, stem: str) -> None:
        log.info("mean response of all participants to %s, for the noise ceiling", stem)
        total: StorySeries | None = None
        reference: Geometry | None = None
        who: list[str] = []
        problems: list[str] = []
        for participant in self._members:
            found = self._participant_mean(participant, like, timing, stem, reference, problems)
            if found is None:
                continue
            who.append(participant)
            series, geometry = found
            reference = reference or geometry  # voxels outside the first participant's mask get no ceiling
            total = series if total is None else total.plus(series)
        if problems:  # one line: of a data set that is only partly here there may be hundreds
            log.warning("noise ceiling of %s without %d run(s): %s", stem, len(problems), listed(problems, 1, "; "))
        if total is None:
            raise NoCeilingError(f"nobody's run of {stem} can be read")
        assert reference is not None
        arrays: dict[str, Any] = {
            "total": total.values,
            "count": total.count,
            "first": np.array(total.first),
            **stored_targets(reference),
        }
        with draft.open("wb") as file:
            np.savez(file, participants=np.array(json.dumps(who)), **arrays)

    def _participant_mean(
        self,
        participant: str,
        like: Run,
        timing: StimulusTiming,
        stem: str,
        reference: Geometry | None,
        problems: list[str],
    ) -> tuple[StorySeries, Geometry] | None:
        """A participant's mean over presentations of the story, on the targets of `reference`; None without any.

        What cannot be read is added to `problems`.
        """
        parts: list[tuple[Floats, Integers]] = []
        for run in self._runs(participant, like):
            try:
                part = read_run(run, self.sources.stories, self.sources.settings)
                rows, steps = story_steps(part.timing, stem)
                if not len(rows):
                    continue
                if not _same_time(part.timing.repetition_time, timing.repetition_time):
                    seconds = f"{part.timing.repetition_time:g} s, not {timing.repetition_time:g} s"
                    problems.append(f"{run.label} (repetition time {seconds})")
                    continue
                reference = reference or part.geometry
                parts.append((onto(zscore(part.data), part.geometry, reference)[rows], steps))
            except ValueError as error:
                problems.append(f"{run.label} ({error})")
        if not parts or reference is None:
            return None
        return presentations_mean(parts), reference

    def _runs(self, participant: str, like: Run) -> Sequence[Run]:
        settings = self.sources.settings
        try:
            return self.sources.dataset.runs(
                participant,
                tasks=[like.task],
                sessions=settings.session_label or None,
                run_ids=settings.run_id or None,
                space=like.space or like.seg,
                filters=self.sources.filters,
            ).runs
        except DatasetError as error:
            log.debug("noise ceiling without sub-%s: %s", participant, error)
            return ()


def _same_time(first: float, second: float) -> bool:
    return abs(first - second) < 1e-4


def _read_sums(path: Path, geometry: Geometry) -> tuple[StorySeries, list[str]]:
    """Sums on the targets of `geometry`, zero where they have none, and the participants in them.

    Raises NoCeilingError where the others lie on another surface, grid or parcels.
    """
    with np.load(path) as content:
        total, count = content["total"], content["count"]
        first, members = int(content["first"]), list(json.loads(str(content["participants"])))
        positions = positions_in(content, geometry)
    if positions is None:
        raise NoCeilingError("the others' data lie on another grid, surface or parcels than this participant's")
    there = positions >= 0
    values, counts = (np.where(there, one[:, positions], 0).astype(one.dtype) for one in (total, count))
    return StorySeries(values, counts, first), members
