"""Which runs of a participant are fitted together, and what would be computed for them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bids_app.bids.errors import DatasetError
from bids_app.bids.events import read_events
from bids_app.bids.runs import Run
from bids_app.inputs.models import model_runs
from bids_app.inputs.sources import Sources
from bids_app.machine.notices import notice

FIT_ENTITIES = ("sub", "ses", "task", "acq", "run")


@dataclass(frozen=True)
class Fit:
    """Runs of one participant that are fitted together; `entities` are those that all of them share."""

    entities: dict[str, str]
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """For messages: `sub-001 task-pieman`."""
        return " ".join(f"{key}-{value}" for key, value in self.entities.items())


def plan(sources: Sources, participants: Sequence[str]) -> Iterator[str]:
    """One line for each thing that `participant.run_participant` would do.

    Raises DatasetError at the end, with all problems, when some participants have nothing that can be analysed.
    """
    _ = sources.stories  # where there is none, one message instead of one for each participant
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

    Raises DatasetError when none is left.
    """
    selection = sources.runs(participant)
    kept = [run for run in selection.runs if _has_words(run, sources)]
    if not kept:
        raise DatasetError(
            f"sub-{participant}: none of its runs ({', '.join(run.label for run in selection.runs)}) plays a story "
            f"with word timings; the stories with timings are {', '.join(sources.stories)}"
        )
    return make_fits(kept, sources.settings.pool_tasks)


def _has_words(run: Run, sources: Sources) -> bool:
    """Whether a run plays a story with words. Raises DatasetError where its events or the words cannot be read."""
    try:
        stems = [stimulus.stem for stimulus in read_events(run.events, run.entities)]
    except DatasetError as error:
        if sources.settings.task_id or run.task in sources.story_tasks:
            raise
        notice(
            logging.WARNING, f"left out: {run.label} ({error})"
        )  # no story is known of its task, which may be another one
        return False
    for stem in stems:
        if stem in sources.broken:
            raise DatasetError(f"{run.label}: {sources.broken[stem]}")
    found = any(stem in sources.stories for stem in stems)
    if not found:
        notice(logging.INFO, f"left out: {run.label} ({_no_words(stems)})")
    return found


def _no_words(stems: Sequence[str]) -> str:
    if not stems:
        return "its events name no audio file with a story: columns stim_file and trial_type"
    return f"its story {stems[0]} has no word timings"


def make_fits(runs: Sequence[Run], pool_tasks: bool) -> list[Fit]:
    """Group a participant's runs: those of one task together, or all of them."""
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
