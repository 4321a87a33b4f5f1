"""One run of the app, from settings to exit status."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from bids_app.analyses.outputs import all_outputs
from bids_app.analyses.registry import ANALYSES
from bids_app.bids.description import write_dataset_description
from bids_app.bids.errors import DatasetError
from bids_app.bids.exclusions import is_excluded
from bids_app.bids.sources import participant_labels
from bids_app.engines.dask import open_dask
from bids_app.engines.jobs import Engine, Failure, Job
from bids_app.engines.local import LocalEngine
from bids_app.inputs.fits import plan
from bids_app.inputs.sources import Sources, kept_sources, open_sources
from bids_app.machine.agreement import check_whole
from bids_app.machine.completion import leave_aside
from bids_app.machine.explanations import explain
from bids_app.machine.folders import check_folders
from bids_app.machine.locations import check_derivatives, check_locations
from bids_app.machine.log import start_log
from bids_app.machine.once import locked
from bids_app.machine.run_folders import RunFolders
from bids_app.machine.strays import clearing_strays
from bids_app.run.check import check_runs, print_rows
from bids_app.run.check_table import problems_of
from bids_app.run.closing import closing_lines, group_line
from bids_app.run.jobs import participant_jobs, stimulus_jobs
from bids_app.run.left_out import PARTICIPANTS, note_left_out
from bids_app.run.readiness import check
from bids_app.run.records import (
    RUN,
    crash_reasons,
    forget_crashes,
    keep_crash,
    show_failures,
    write_crashes,
    write_methods,
    write_settings,
)
from bids_app.settings import Settings
from bids_app.wording import in_one_line, listed

log = logging.getLogger("neurons2networks")
EXIT_FAILED = 1


def run(settings: Settings) -> int:
    """Execute the settings; returns the exit status. User errors end in one sentence."""
    start_log(settings.verbose)
    try:
        folders = RunFolders.of(settings)
        check_locations(folders, reads_raw=settings.level != "group")
        check_folders(folders)
        with kept_sources(), _clearing_strays(settings), _open_engine(settings) as engine:
            failures = LEVELS[settings.level](settings, engine)
    except Exception as error:  # the outermost boundary: users see a traceback only on request
        if settings.verbose > 1:
            log.debug("", exc_info=True)
        log.error("%s", _reason(error, settings))
        return EXIT_FAILED
    show_failures(failures, settings.out_dir)
    if not failures and not settings.dry_run:
        forget_crashes(settings.out_dir, [RUN])
    return EXIT_FAILED if failures else 0


def _reason(error: Exception, settings: Settings) -> str:
    """The reason why a run ended; unexpected errors leave a crash report."""
    message = explain(error, RunFolders.of(settings))
    is_foreseen = isinstance(error, OSError) or type(error) in (ValueError, RuntimeError)
    if message is not None or is_foreseen or type(error).__module__.startswith("bids_app"):
        return message or str(error)
    report = keep_crash(settings, error)
    return f"{in_one_line(error)} (an error of neurons2networks itself; details in {report}, please report them)"


def _open_engine(settings: Settings) -> AbstractContextManager[Engine]:
    return open_dask(settings) if settings.engine == "dask" else nullcontext(LocalEngine(settings))


def _clearing_strays(settings: Settings) -> AbstractContextManager[None]:
    return nullcontext() if settings.dry_run else clearing_strays(RunFolders.of(settings))


def _stimulus_level(settings: Settings, engine: Engine) -> list[Failure]:
    sources = _open(settings)
    check(sources)
    if settings.dry_run:
        log.info("would prepare the stories %s", ", ".join(sources.stories))
        return []
    _describe(settings, sources)
    return _recorded(stimulus_jobs(settings, engine.splits), settings, engine)


def _participant_level(settings: Settings, engine: Engine) -> list[Failure]:
    start = time.time()
    if settings.reports_only:
        return _reports_only(settings, engine, start)
    sources = _open(settings)
    participants = sources.analysed
    if settings.dry_run:
        _plan(sources, participants)
        return []
    check(sources, participants)
    _describe(settings, sources)
    leave_aside(settings.out_dir, lambda run: is_excluded(run, sources.dataset.excluded_scans))
    _warn_of_absent(sources)
    note_left_out(settings.out_dir, PARTICIPANTS, sources.without_results, participants)
    failures = engine.run(stimulus_jobs(settings, engine.splits))
    if failures:
        write_crashes(settings, failures)
        return failures
    forget_crashes(settings.out_dir, ["stimulus"])
    jobs = [job for label in participants for job in participant_jobs(sources, label, engine.splits)]
    failures = _recorded(jobs, settings, engine)
    return failures + _write_reports(settings, engine, participants, failures, start)


def _reports_only(settings: Settings, engine: Engine, start: float) -> list[Failure]:
    """Write reports from OUT_DIR alone: the data set may be elsewhere."""
    participants = _reported(settings)
    if settings.dry_run:
        log.info("would write the reports of %s", listed(participants))
        return []
    check_whole(settings.out_dir, participants)
    return _write_reports(settings, engine, participants, [], start)


def _write_reports(
    settings: Settings, engine: Engine, participants: Sequence[str], failures: Sequence[Failure], start: float
) -> list[Failure]:
    """Write the reports of participants (without `sub-`) and say how they ended; returns the reports that failed."""
    log.info("writing the report%s of %s", "s" * (len(participants) != 1), listed(participants, most=5))
    failed = engine.run([Job(f"sub-{label}", _report, computes=False) for label in participants])
    for line in closing_lines(settings.out_dir, participants, [*failures, *failed], start):
        log.info("%s", line)
    return failed


def _plan(sources: Sources, participants: Sequence[str]) -> None:
    """Print the table of `n2n check` and the planned computations. Raises DatasetError for runs with a problem."""
    problems: list[str] = []
    rows = list(check_runs(sources, sources.participants, problems=problems))
    print_rows(rows)
    problems = problems_of(rows, problems)
    for problem in problems:
        log.error("%s", problem)
    try:
        check(sources, participants)
        for line in plan(sources, participants):
            log.info("would compute %s", line)
    except DatasetError as error:
        message = "\n".join(problems)
        if not all(line in message for line in str(error).splitlines()):
            raise
    if problems:
        raise DatasetError(f"{len(problems)} problem(s), see above")


def _open(settings: Settings) -> Sources:
    """Open the data set, which must not contain OUT_DIR."""
    sources = open_sources(settings)
    check_derivatives(RunFolders.of(settings), sources.dataset.derivatives)
    return sources


def _reported(settings: Settings) -> list[str]:
    """Participants whose reports are to be written: those with results or a crash report in OUT_DIR.

    Raises ValueError if there are none, or none of somebody who was asked for.
    """
    out_dir = settings.out_dir
    crashed = {path.stem.partition("_sub-")[2] for path in (out_dir / "logs").glob("crash-*_sub-*.txt")}
    there = sorted({*(participant_labels(out_dir) if out_dir.is_dir() else ()), *crashed})
    if not there:
        raise ValueError(f"--reports-only: OUT_DIR {out_dir} holds no results; run without it first, or check the path")
    asked = settings.participant_label or there
    if absent := sorted(set(asked) - set(there)):
        raise ValueError(
            f"--reports-only: OUT_DIR {out_dir} holds no results of {listed(absent)}; it has {listed(there)}: "
            "correct --participant-label, or run without --reports-only"
        )
    kept = [label for label in there if label in asked and label not in settings.exclude_participant_label]
    if not kept:
        raise ValueError("no participant is left: check --participant-label and --exclude-participant-label")
    return kept


def _describe(settings: Settings, sources: Sources) -> None:
    """Write dataset_description.json; concurrent runs on other derivatives may add to it."""
    with locked(settings.out_dir / "logs" / ".lock"):
        write_dataset_description(settings.out_dir, sources.dataset.links, all_outputs())


def _report(settings: Settings, name: str) -> None:
    from bids_app.pages.participant import write_participant_report

    for analysis in ANALYSES:
        analysis.conclude(settings.out_dir, name.removeprefix("sub-"))
    write_participant_report(settings.out_dir, name.removeprefix("sub-"), crash_reasons(settings.out_dir, name))


def _warn_of_absent(sources: Sources) -> None:
    """Name participants with results whose data have left the data set, because the group level refuses them."""
    out_dir = sources.settings.out_dir
    if absent := sorted(set(participant_labels(out_dir)) - set(sources.dataset.participants())):
        log.warning(
            "%s holds results of participants who are not in the preprocessed data (%s), and the group level refuses "
            "them: leave them out there with --exclude-participant-label, or remove their folders",
            out_dir,
            listed(absent),
        )


def _group_level(settings: Settings, engine: Engine) -> list[Failure]:
    start = time.time()
    if settings.dry_run:
        log.info("would compute the group level of %s", settings.out_dir)
        return []
    from bids_app.pages.group import write_group_report
    from bids_app.run.group import run_group

    if settings.reports_only:
        check_whole(settings.out_dir, None)
    job = Job("group", partial(run_group, apply=engine.apply))
    failures = [] if settings.reports_only else _recorded([job], settings, engine)
    if not failures:
        log.info("writing the report of the group")
        write_group_report(settings.out_dir)
        log.info("%s", group_line(settings.out_dir, start))
    return failures


def _recorded(jobs: Sequence[Job], settings: Settings, engine: Engine) -> list[Failure]:
    """Run jobs, and write settings, methods text and crash reports to OUT_DIR/logs."""
    record = write_settings(settings)
    failures = engine.run(jobs)
    if not record.exists():
        raise ValueError(
            f"OUT_DIR {settings.out_dir} was removed or emptied while the run wrote into it: results are missing; run "
            "again with an OUT_DIR that nothing else clears"
        )
    write_crashes(settings, failures)
    forget_crashes(settings.out_dir, {job.name for job in jobs} - {failure.name for failure in failures})
    if len(failures) == len(jobs):
        record.unlink()  # reports show the settings of the newest run with results
    elif settings.level != "group":
        write_methods(settings)
    return failures


LEVELS = {"stimulus": _stimulus_level, "participant": _participant_level, "group": _group_level}
