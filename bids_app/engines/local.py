"""The engine that runs jobs on this machine: in this process, or in several that share threads and memory."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing.queues import Queue
from typing import Any, ClassVar

from bids_app.engines.jobs import Failure, Job
from bids_app.engines.progress import Progress
from bids_app.inputs.sources import keep_sources
from bids_app.interruption import end_workers, job_of_worker, prepare_worker
from bids_app.machine import live
from bids_app.machine.budget import PROCESS_MB, has_too_little_memory, threads
from bids_app.machine.explanations import explain
from bids_app.machine.log import start_log
from bids_app.machine.run_folders import RunFolders
from bids_app.machine.strays import writing
from bids_app.settings import Settings
from bids_app.stats.blocks import Apply, here

log = logging.getLogger("neurons2networks")


@dataclass(frozen=True)
class LocalEngine:
    """Runs jobs in this process or, with `nprocs`, in several on this machine."""

    settings: Settings
    splits: ClassVar[bool] = False  # several jobs of a participant would read the same data
    apply: ClassVar[Apply] = staticmethod(here)

    def __post_init__(self) -> None:
        """Warn if memory is too little for the processes."""
        if has_too_little_memory(self.settings):
            log.warning(
                "memory may not suffice for --nprocs %d: each process takes %d MB before any data, and so does the one "
                "that starts them; lower --nprocs, or raise --mem-mb",
                *(self.settings.nprocs, PROCESS_MB),
            )

    def run(self, jobs: Sequence[Job]) -> list[Failure]:
        """Run all jobs; a failed one does not affect the others unless `stop_on_first_crash`."""
        set_threads(self.settings)
        if self.settings.nprocs == 1 or len(jobs) < 2:
            return _run_here(jobs, self.settings)
        return _run_in_processes(jobs, self.settings)


def set_threads(settings: Settings) -> None:
    """Divide the processors among the processes, before and after torch and BLAS have started."""
    import torch

    n = threads(settings)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(n)
    torch.set_num_threads(n)


def run_one(job: Job, settings: Settings) -> Failure | None:
    """Run one job in this process; any error is returned as a failure."""
    start = time.monotonic()
    live.begin(job.label)
    try:
        with writing(RunFolders.of(settings)):
            job.function(settings, job.name)
    except Exception as error:  # the boundary between jobs: no error may stop the others
        if settings.verbose > 1:
            log.debug("%s failed", job.label, exc_info=True)
        reason = explain(error, RunFolders.of(settings))
        if reason is None:
            reason = str(error) or type(error).__name__
            if not isinstance(error, ValueError | OSError):
                reason = f"{type(error).__name__}: {reason}"
        if job.piece:
            reason = f"{job.piece}: {reason}"
        return Failure(job.name, reason, traceback.format_exc())
    finally:
        live.end()
    say_done(job, time.monotonic() - start)
    return None


def say_done(job: Job, seconds: float) -> None:
    """Log that a job has ended; reports of participants already logged as done only with -v."""
    if job.computes:
        log.info("%s: done in %.0f s", job.label, seconds)
    else:
        log.debug("%s: report written in %.0f s", job.label, seconds)


def _run_here(jobs: Sequence[Job], settings: Settings) -> list[Failure]:
    failures = []
    with live.display(len(jobs)) as shown:
        progress = Progress(jobs, shown)
        for job in jobs:
            failure = run_one(job, settings)
            progress.ended(job, failed=failure is not None)
            if failure:
                failures.append(failure)
                if settings.stop_on_first_crash:
                    break
    return failures


def _run_in_processes(jobs: Sequence[Job], settings: Settings) -> list[Failure]:
    context = multiprocessing.get_context("spawn")  # a fork would copy threads of torch in an unknown state
    # Python's helper cleans up semaphores after a killed run; its message is not needed.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    queue = context.Queue() if live.is_terminal() else None
    with live.display(len(jobs), queue) as shown:
        pool = ProcessPoolExecutor(settings.nprocs, context, _start_process, (settings, queue))
        try:
            return _collect(pool, jobs, settings, shown)
        except BaseException:  # a signal: do not wait for running jobs
            end_workers()
            raise
        finally:
            pool.shutdown(
                cancel_futures=True
            )  # before the display ends: the last records of workers are then in the queue


def _collect(
    pool: ProcessPoolExecutor, jobs: Sequence[Job], settings: Settings, shown: live.Display | None
) -> list[Failure]:
    failures = []
    progress = Progress(jobs, shown)
    futures: dict[Future[Failure | None], Job] = {pool.submit(_run_in_worker, job, settings): job for job in jobs}
    for future in as_completed(futures):
        failure = _result(future, futures[future])
        progress.ended(futures[future], failed=failure is not None)
        if failure:
            failures.append(failure)
            if settings.stop_on_first_crash:
                break
    return failures


def _run_in_worker(job: Job, settings: Settings) -> Failure | None:
    with job_of_worker():
        return run_one(job, settings)


def _result(future: Future[Failure | None], job: Job) -> Failure | None:
    try:
        return future.result()
    except Exception as error:  # the worker died, mostly for lack of memory
        reason = f"its process ended ({error}); if memory ran out, lower --nprocs or raise --mem-mb"
        return Failure(job.name, reason, traceback.format_exc())


def _start_process(settings: Settings, queue: Queue[Any] | None) -> None:
    """Prepare a child process, which ends with this one; `queue` takes its log to the display of the terminal."""
    prepare_worker()
    start_worker(settings)
    if queue is not None:
        live.listen(queue)
    keep_sources()


def start_worker(settings: Settings) -> None:
    """Prepare a process for jobs: its log and its threads."""
    start_log(settings.verbose)
    set_threads(settings)
