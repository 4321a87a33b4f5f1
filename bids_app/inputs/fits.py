"""Runs of a participant that are fitted together, and the plan of their computation."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bids_app.bids.entities import parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.runs import Run
from bids_app.inputs.models import model_runs
from bids_app.inputs.sources import Sources
from bids_app.machine.notices import notice

FIT_ENTITIES = ("sub", "ses", "task", "acq", "run")


@dataclass(frozen=True)
class Fit:
    """Runs of one participant that are fitted together; `entities` are those that they share."""

    entities: dict[str, str]
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """For messages: `sub-001 task-pieman`."""
        return " ".join(f"{key}-{value}" for key, value in self.entities.items())


def plan(sources: Sources, participants: Sequence[str]) -> Iterator[str]:
    """One line for each computation of `participant.run_participant`.

    Raises DatasetError at the end, with all problems, if some participants have no data to analyse.
    """
    _ = sources.stories  # without any story, one message instead of one per participant
    problems = []
    for participant in participants:
        try:
            fits = fits_of(sources, participant)
        except DatasetError as error:
            problems.append(str(error))
            continue
        for fit in fits:
            for model in model_runs(sources.settings):
                yield f"{fit.name}: {' '.join(sources.settings.analysis)} with {model.label}"
    if problems:
        raise DatasetError("\n".join(problems))


def fits_of(sources: Sources, participant: str) -> list[Fit]:
    """Runs of a participant to be fitted together, without those whose story has no word timings.

    Raises DatasetError if none is left.
    """
    selection = sources.runs(participant)
    kept = [run for run in selection.runs if not _why_left_out(run, sources)]
    if not kept:
        raise DatasetError(
            f"sub-{participant}: none of its runs ({', '.join(run.label for run in selection.runs)}) plays a story "
            f"with word timings; the stories with timings are {', '.join(sources.stories)}"
        )
    return make_fits(kept, sources.settings.pool_tasks)


def runs_left_out(sources: Sources, participant: str) -> dict[str, str]:
    """The selected runs of a participant that `fits_of` leaves out, and why; not those of tasks without stories."""
    selection = sources.runs(participant)
    reasons = {run.label: run.reason for run in selection.excluded}
    reasons |= {run.label: reason for run in selection.runs if (reason := _why_left_out(run, sources))}
    tasks = sources.settings.task_id or sources.story_tasks
    return {label: reason for label, reason in reasons.items() if parse_name(label).entities.get("task") in tasks}


def _why_left_out(run: Run, sources: Sources) -> str:
    """Why a run plays no story with words; "" if it does.

    Raises DatasetError if its events or the words cannot be read.
    """
    try:
        stems = [stimulus.stem for stimulus in run.stimuli]
    except DatasetError as error:
        if sources.settings.task_id or run.task in sources.story_tasks:
            raise
        notice(logging.WARNING, f"left out: {run.label} ({error})")  # the task may be a different one, without stories
        return str(error)
    for stem in stems:
        if stem in sources.broken:
            raise DatasetError(f"{run.label}: {sources.broken[stem]}")
    if any(stem in sources.stories for stem in stems):
        return ""
    notice(logging.INFO, f"left out: {run.label} ({_no_words(stems)})")
    return _no_words(stems)


def _no_words(stems: Sequence[str]) -> str:
    if not stems:
        return "its events name no audio file with a story: columns stim_file and trial_type"
    return f"its story {stems[0]} has no word timings"


def make_fits(runs: Sequence[Run], pool_tasks: bool) -> list[Fit]:
    """Group the runs of a participant by task, or all together."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault("" if pool_tasks else run.task, []).append(run)
    return [Fit(_shared_entities(group), tuple(group)) for group in groups.values()]


def _shared_entities(runs: Sequence[Run]) -> dict[str, str]:
    first = runs[0].entities
    return {
        key: first[key]
        for key in FIT_ENTITIES
        if key in first and all(run.entities.get(key) == first[key] for run in runs)
    }
