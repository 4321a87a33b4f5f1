"""The check of `n2n check`: runs to analyse and all problems, from headers and small files, in seconds."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bids_app.bids.dataset import Dataset, require_annotations, require_content, scans_to_leave_out
from bids_app.bids.description import require_description
from bids_app.bids.sources import choose_derivatives, participant_labels
from bids_app.inputs.sources import Sources
from bids_app.inputs.timing import Story
from bids_app.run.check_rows import RunCheck, raw_rows_of, rows_of
from bids_app.run.check_table import confounds_of, each_kind_once, problems_of, summary_of, table_of
from bids_app.run.readiness import missing
from bids_app.settings import Settings
from bids_app.wording import in_one_line

_SHOWN = "left out: sub-"  # decisions that the table shows


def check(settings: Settings, timing: bool = False) -> int:
    """Print the table of all runs, automatic decisions, and all problems; returns the exit status.

    It writes nothing. Raises DatasetError if BIDS_DIR is not a folder or is empty.
    """
    problems: list[str] = []
    with _remarks() as remarks:
        sources = open_partly(replace(settings, dry_run=True), problems)
        participants = selected_participants(sources, problems)
        rows = list(check_runs(sources, participants, timing, problems))
        with _noting(problems):
            problems += missing(sources, participants)
    print_rows(rows)
    _print_list("Automatic decisions and remarks", each_kind_once(remarks))
    problems = problems_of(rows, problems)
    _print_list(f"{len(problems)} problem(s)", problems)
    return int(bool(problems))


def print_rows(rows: Sequence[RunCheck]) -> None:
    """Print the table and its summary."""
    for line in [*table_of(rows), "", *confounds_of(rows), summary_of(rows)]:
        print(line)


def _print_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        print("\n".join([f"\n{title}:", *(f"- {line}" for line in lines)]))


def check_runs(
    sources: Sources, participants: Sequence[str], timing: bool = False, problems: list[str] | None = None
) -> Iterator[RunCheck]:
    """A row for each selected run, including those left out. `timing` reads the data to estimate the lag.

    Problems of the stories as a whole are added to `problems`.
    """
    stories: dict[str, Story] = {}
    with _noting([] if problems is None else problems):
        stories = sources.stories
    for participant in participants:
        try:
            if _has_bold(sources.dataset, participant):
                yield from rows_of(sources, stories, participant, timing)
            else:
                yield from raw_rows_of(sources, stories, participant)
        except Exception as error:  # of one participant; the others are still shown
            yield RunCheck(f"sub-{participant}", problems=(in_one_line(error),))


def _has_bold(dataset: Dataset, participant: str) -> bool:
    """Whether there are files named like BOLD, with or without content."""
    return participant in dataset.participants() and bool(dataset.spaces(participant))


def open_partly(settings: Settings, problems: list[str]) -> Sources:
    """The data set of a run, as far as it can be opened."""
    require_content(settings.bids_dir)
    scans: tuple[str, ...] = ()
    derivatives: dict[str, Path] = {}
    annotations: Path | None = None
    with _noting(problems):
        if not settings.skip_bids_validation:
            require_description(settings.bids_dir)
    with _noting(problems):
        scans = scans_to_leave_out(settings.bids_dir, settings.exclude_scans)
    with _noting(problems):
        require_annotations(settings.annotations)
        annotations = settings.annotations
    with _noting(problems):
        derivatives = choose_derivatives(settings.bids_dir, settings.derivatives)
    settings = replace(settings, annotations=annotations)
    return Sources(Dataset(settings.bids_dir, derivatives, scans, None, annotations), settings)


def selected_participants(sources: Sources, problems: list[str]) -> list[str]:
    """Selected participants who exist."""
    dataset, settings = sources.dataset, sources.settings
    if dataset.derivatives:
        with _noting(problems):
            return sources.participants
    there = dataset.participants() if dataset.derivatives else participant_labels(dataset.bids_dir)
    asked = settings.participant_label or there
    return [label for label in asked if label in there and label not in settings.exclude_participant_label]


@contextmanager
def _noting(problems: list[str]) -> Iterator[None]:
    """Collect an error and continue."""
    try:
        yield
    except (ValueError, OSError) as error:
        problems.append(str(error))


class _Kept(logging.Handler):
    """Collects distinct messages."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if not message.startswith(_SHOWN):
            self.lines[message] = None


@contextmanager
def _remarks() -> Iterator[dict[str, None]]:
    """The messages that a run would log, collected instead of logged."""
    kept = _Kept()
    loggers = [logging.getLogger(name) for name in ("neurons2networks", "bids_app")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(kept)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield kept.lines
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(kept)
            logger.setLevel(level)
            logger.propagate = propagate
