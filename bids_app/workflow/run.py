"""One run of the app, from settings to exit status."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from bids_app.bids.description import write_dataset_description
from bids_app.settings import Settings
from bids_app.workflow.engine import Failure, Job, run_jobs
from bids_app.workflow.places import check_places, full_disk
from bids_app.workflow.records import (
    crash_reasons,
    forget_crashes,
    start_log,
    write_crashes,
    write_methods,
    write_settings,
)
from bids_app.workflow.sources import open_sources
from bids_app.workflow.units import plan

log = logging.getLogger("neurons2networks")
EXIT_FAILED = 1


def run(settings: Settings) -> int:
    """Do what the settings ask for; returns the exit status. Errors of the user end in one sentence."""
    start_log(settings)
    try:
        check_places(settings)
        failures = LEVELS[settings.level](settings)
    except (ValueError, OSError, RuntimeError) as error:
        log.debug("", exc_info=True)
        log.error("%s", full_disk(error, settings) or error)
        return EXIT_FAILED
    for failure in failures:
        log.error("%s failed: %s", failure.name, failure.reason)
    if failures:
        log.error("%d failed; tracebacks in %s", len(failures), settings.out_dir / "logs")
    return EXIT_FAILED if failures else 0


def _stimulus_level(settings: Settings) -> list[Failure]:
    sources = open_sources(settings)
    if settings.dry_run:
        log.info("would prepare the stories %s", ", ".join(sources.stories))
        return []
    write_dataset_description(settings.out_dir, sources.dataset.links)
    return _recorded([Job("stimulus", _stimulus)], settings)


def _participant_level(settings: Settings) -> list[Failure]:
    sources = open_sources(settings)
    participants = sources.participants
    if settings.dry_run:
        for line in plan(sources, participants):
            log.info("would compute %s", line)
        return []
    failures = []
    if not settings.reports_only:
        write_dataset_description(settings.out_dir, sources.dataset.links)
        failures = run_jobs([Job("stimulus", _stimulus)], settings)
        if failures:
            write_crashes(settings, failures)
            return failures
        failures = _recorded([Job(f"sub-{label}", _participant) for label in participants], settings)
        for name in {f"sub-{label}" for label in participants} - {failure.name for failure in failures}:
            forget_crashes(settings.out_dir, name)
    return failures + run_jobs([Job(f"sub-{label}", _report) for label in participants], settings)


# The jobs import what they compute with: torch takes seconds, and a plan does without.
def _stimulus(settings: Settings, name: str) -> None:
    from bids_app.workflow.stimulus import run_stimulus

    run_stimulus(settings, name)


def _participant(settings: Settings, name: str) -> None:
    from bids_app.workflow.participant import run_participant

    run_participant(settings, name)


def _report(settings: Settings, name: str) -> None:
    from bids_app.report.participant import write_participant_report

    write_participant_report(settings.out_dir, name.removeprefix("sub-"), crash_reasons(settings.out_dir, name))


def _group_level(settings: Settings) -> list[Failure]:
    if settings.dry_run:
        log.info("would compute the group level of %s", settings.out_dir)
        return []
    from bids_app.report.group import write_group_report
    from bids_app.workflow.group import run_group

    failures = [] if settings.reports_only else _recorded([Job("group", run_group)], settings)
    if not failures:
        write_group_report(settings.out_dir)
    return failures


def _recorded(jobs: Sequence[Job], settings: Settings) -> list[Failure]:
    """Run jobs, and keep their settings, the methods text and crash reports in OUT_DIR/logs."""
    record = write_settings(settings)
    failures = run_jobs(jobs, settings)
    write_crashes(settings, failures)
    if len(failures) == len(jobs):
        record.unlink()  # reports show the settings of the newest run, and of this one nothing came
    elif settings.level != "group":
        write_methods(settings)
    return failures


LEVELS = {"stimulus": _stimulus_level, "participant": _participant_level, "group": _group_level}
