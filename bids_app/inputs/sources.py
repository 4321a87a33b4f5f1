"""The data set of a run, and its stories with their words."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bids_app.bids.dataset import Dataset, HeardStimuli, StimulusUse, open_dataset, require_content
from bids_app.bids.description import require_description
from bids_app.bids.entities import is_asked
from bids_app.bids.errors import DatasetError
from bids_app.bids.exclusions import is_excluded
from bids_app.bids.filters import Filters, read_filters
from bids_app.bids.onsets import ADVICE
from bids_app.bids.runs import Run, RunSelection, candidates
from bids_app.bids.sources import is_closed, odd_folders
from bids_app.bids.words import find_words, read_words
from bids_app.inputs.story_union import unite
from bids_app.inputs.timing import Story
from bids_app.machine.notices import notice
from bids_app.settings import Settings
from bids_app.wording import listed

log = logging.getLogger("neurons2networks")
_MOST_REASONS = 5  # reasons for unusable stories, in one message


class _NoTimeError(DatasetError):
    """The repetition time of a run is unknown."""


@dataclass(frozen=True)
class Sources:
    """The data set of a run, and the stories that its selected tasks play."""

    dataset: Dataset
    settings: Settings

    @cached_property
    def heard(self) -> HeardStimuli:
        """Stimuli of the selected tasks and their runs; unreadable events are logged and left out."""
        heard = self.dataset.tasks_stimuli(self.settings.task_id or None)
        for reason in list(heard.unreadable.values())[:3]:
            notice(logging.WARNING, f"ignored for the stories: {reason}")
        if len(heard.unreadable) > 3:
            more = len(heard.unreadable) - 3
            notice(logging.WARNING, f"{more} more tables of events cannot be read and are left out")
        if heard.unmatched:
            notice(logging.WARNING, f"these belong to no run of this data set: {listed(heard.unmatched)}")
        _warn_of_case(heard.uses)
        return heard

    @property
    def story_tasks(self) -> set[str]:
        """Tasks with a stimulus that has a story."""
        return {use.task for uses in self.heard.uses.values() for use in uses}

    @cached_property
    def _read(self) -> tuple[dict[str, Story], dict[str, str], dict[str, str]]:
        """Stories with words, and by stem the reasons why others are missing or unusable."""
        stories: dict[str, Story] = {}
        missing: dict[str, str] = {}
        broken: dict[str, str] = {}
        for stem, uses in sorted(self.heard.uses.items()):
            try:
                path = find_words(self.settings.bids_dir, uses[0].stimulus.stim_file, self.settings.annotations)
                stories[stem] = self._story(stem, uses, path)
            except FileNotFoundError as error:
                missing[stem] = str(error)
            except DatasetError as error:
                broken[stem] = str(error)
        if missing:
            notice(logging.INFO, f"without word timings, left out: {', '.join(missing)}")
        if stories:  # otherwise `stories` raises an error with the reasons
            for stem, reason in broken.items():
                notice(logging.WARNING, f"the story {stem} cannot be used: {reason}")
        return stories, missing, broken

    @property
    def stories(self) -> dict[str, Story]:
        """Every story of the selected tasks with word timings, by stem.

        Raises DatasetError if there is none.
        """
        readable, missing, broken = self._read
        if not readable:
            tasks = f"task {', '.join(self.settings.task_id)}" if self.settings.task_id else "any task"
            nothing = (
                f"no events.tsv of {tasks} in {self.settings.bids_dir} names an audio file with a story (column "
                f"stim_file). {ADVICE.format(label='sub-01_task-TASK')}"
            )
            unreadable = next(iter(self.heard.unreadable.values()), nothing)
            reasons = list(dict.fromkeys(broken.values())) or list(missing.values())[:1] or [unreadable]
            raise DatasetError("\n".join(reasons[:_MOST_REASONS]))
        return readable

    @property
    def missing(self) -> dict[str, str]:
        """Reasons for missing word timings, by stem."""
        return self._read[1]

    @property
    def broken(self) -> dict[str, str]:
        """Reasons why stories with word files are unusable, by stem."""
        return self._read[2]

    def _story(self, stem: str, uses: Sequence[StimulusUse], path: Any) -> Story:
        words = read_words(path)
        try:
            return unite(stem, words, uses, self._repetition_time)
        except _NoTimeError:
            raise
        except DatasetError as error:
            raise DatasetError(f"{path}: {error}") from None

    def _repetition_time(self, use: StimulusUse) -> float:
        """From the preprocessed data of the participant, or else of the first with the task; the raw data lack it.

        Raises _NoTimeError if none of them can be analysed, with the problem of the first who has BOLD.
        """
        reason = f"no participant has preprocessed data of task {use.task}, which hold its repetition time"
        asked = [use.participant, *self.settings.participant_label, *self.dataset.participants()]
        with_bold = (label for label in dict.fromkeys(asked) if not self.dataset.without_bold([label]))
        for number, label in enumerate(with_bold):
            try:
                runs = self.dataset.runs(label, tasks=[use.task], space=self.settings.space, filters=self.filters).runs
            except (DatasetError, OSError) as error:
                reason = reason if number else str(error)
                continue
            return runs[0].repetition_time
        raise _NoTimeError(reason)

    @cached_property
    def filters(self) -> Filters | None:
        """Entities that the BOLD files must have."""
        path = self.settings.bids_filter_file
        return None if path is None else read_filters(path)

    def runs(self, participant: str) -> RunSelection:
        """The runs of one participant that the settings select and whose stories have word timings."""
        selection = self.dataset.runs(participant, **self._choice)
        for excluded in selection.excluded:
            notice(logging.INFO, f"left out: {excluded.label} ({excluded.reason})")
        self._say_choices(participant, selection.runs[0])
        return selection

    def each_run(self, participant: str) -> Iterator[tuple[str, Run | str | DatasetError]]:
        """Label of each selected run, with the run, the reason for leaving it out, or its error."""
        for label, outcome in self.dataset.each_run(participant, **self._choice):
            if isinstance(outcome, Run):
                self._say_choices(participant, outcome)
            yield label, outcome

    def _say_choices(self, participant: str, run: Run) -> None:
        """Log the automatic choices of the derivative and the space."""
        if others := self.dataset.also_in(run, self.filters):
            notice(
                logging.INFO,
                f"BOLD of {run.derivative.name} is read, not that of the same runs in {', '.join(others)}: the first "
                "folder of -d counts",
            )
        if self.settings.space is not None:
            return
        spaces = self.dataset.spaces(participant, self.filters)
        if len(spaces) > 1:
            chosen = run.space or run.seg or ""
            there = ", ".join(map(_named, spaces))
            notice(logging.INFO, f"data in {_named(chosen)}, of {there}; --space chooses another")

    def is_selected(self, entities: Mapping[str, str]) -> bool:
        """Whether the settings select a run with these entities."""
        settings = self.settings
        asked = {"task": settings.task_id, "ses": settings.session_label, "run": settings.run_id}
        return all(
            not labels or (key in entities and is_asked(key, entities[key], labels)) for key, labels in asked.items()
        )

    @property
    def _choice(self) -> dict[str, Any]:
        """The selection of runs, as arguments of the data set."""
        settings = self.settings
        return {
            "tasks": settings.task_id or None,
            "sessions": settings.session_label or None,
            "run_ids": settings.run_id or None,
            "space": settings.space,
            "filters": self.filters,
        }

    @cached_property
    def participants(self) -> list[str]:
        """Participants that the settings select."""
        present = self.dataset.participants()
        odd = {name for folder in self.dataset.derivatives.values() for name in odd_folders(folder)}
        if odd:
            log.warning(
                "left out: %s (labels may hold only letters and digits; rename it)",
                ", ".join(ascii(name) for name in sorted(odd)),
            )
        absent = sorted(set(self.settings.participant_label) - set(present))
        if absent:
            raise DatasetError(
                f"--participant-label {' '.join(absent)}: not in the preprocessed data, which has "
                f"{len(present)} participants ({listed(present)})"
            )
        chosen = self.settings.participant_label or present
        kept = [label for label in chosen if label not in self.settings.exclude_participant_label]
        if not kept:
            raise DatasetError("no participant is left: check --participant-label and --exclude-participant-label")
        missing = self.dataset.without_bold(kept)
        if missing and (self.settings.participant_label or len(missing) == len(kept)):
            raise DatasetError(f"{self._absence(missing)}, or leave them out with --exclude-participant-label")
        if missing:
            log.warning("%s; the others are analysed", self._absence(missing))
        return [label for label in kept if label not in missing]

    @cached_property
    def left_out(self) -> list[str]:
        """Selected participants without a requested run; never those named by label."""
        if self.settings.participant_label:
            return []
        return [label for label in self.participants if not self._has_run(label)]

    @cached_property
    def analysed(self) -> list[str]:
        """Selected participants without those left out; all if nobody is left, so that jobs give the reason."""
        labels = [label for label in self.participants if label not in self.left_out]
        if labels and self.left_out:
            log.info(
                "left out: %d participants without a run of the selected tasks, sessions and run numbers, or with "
                "excluded scans only (%s)",
                len(self.left_out),
                listed(self.left_out),
            )
        return labels or self.participants

    @property
    def without_results(self) -> dict[str, str]:
        """Participants with data of the selection who are not analysed, and why; not those without a selected run."""
        chosen = self.settings.participant_label or self.dataset.participants()
        kept = [label for label in chosen if label not in self.settings.exclude_participant_label]
        no_bold = "no preprocessed BOLD, or only links to content that is not here"
        excluded = "all of its scans are on the list of scans to leave out"
        return {
            **{label: no_bold for label in kept if label not in self.participants},
            **{label: excluded for label in self.left_out if self._has_run(label, even_excluded=True)},
        }

    def _has_run(self, label: str, *, even_excluded: bool = False) -> bool:
        """Whether a participant has BOLD of a requested run, by file names only.

        True for an unreadable folder: its job gives the reason.
        """
        return any(is_closed(folder, label) for folder in self.dataset.derivatives.values()) or any(
            (even_excluded or not is_excluded(candidate.name.entities, self.dataset.excluded_scans))
            and self.is_selected(candidate.run)
            and (bool(self.settings.task_id) or candidate.run.get("task") in self.story_tasks)
            for folder in self.dataset.derivatives.values()
            for pattern in ("func/*", "ses-*/func/*")
            for candidate in candidates((folder / f"sub-{label}").glob(pattern), folder)
        )

    def _absence(self, labels: Sequence[str]) -> str:
        folders = ", ".join(str(folder) for folder in self.dataset.derivatives.values())
        who = "participant has" if len(labels) == 1 else "participants have"
        return (
            f"{len(labels)} {who} no BOLD in {folders}, or only links to content that is not here: {listed(labels)}; "
            "get it (datalad get)"
        )


def _named(space: str) -> str:
    return space or "the space of the scanner"


_kept: ContextVar[list[Sources] | None] = ContextVar("_kept", default=None)


def keep_sources() -> Token[list[Sources] | None]:
    """Open the data set of a run only once from now on: all its jobs in this process use the same words and events."""
    return _kept.set([])


@contextmanager
def kept_sources() -> Iterator[None]:
    """`keep_sources` within a block, which is a run: files may change before the next."""
    token = keep_sources()
    try:
        yield
    finally:
        _kept.reset(token)


def open_sources(settings: Settings) -> Sources:
    """Open the data set of a run. Raises DatasetError if it does not declare itself a data set."""
    kept = _kept.get()
    if kept is None:
        return _opened(settings)
    if not kept or kept[0].settings != settings:
        kept[:] = [_opened(settings)]
    return kept[0]


def _opened(settings: Settings) -> Sources:
    require_content(settings.bids_dir)
    if not settings.skip_bids_validation:
        require_description(settings.bids_dir)
    dataset = open_dataset(
        settings.bids_dir,
        settings.derivatives,
        exclude_scans=settings.exclude_scans,
        database_dir=settings.bids_database_dir,
        annotations=settings.annotations,
    )
    return Sources(dataset, settings)


def _warn_of_case(stems: Iterable[str]) -> None:
    """Warn of stimuli whose names differ only in case: they count as two, but are probably one."""
    spellings: dict[str, list[str]] = {}
    for stem in stems:
        spellings.setdefault(stem.casefold(), []).append(stem)
    for same in spellings.values():
        if len(same) > 1:
            names = ", ".join(same)
            notice(logging.WARNING, f"{names} differ in upper and lower case only: they count as different stimuli")
