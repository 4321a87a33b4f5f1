"""The engine that runs jobs on the workers of a Dask scheduler, either existing or started on a cluster.

Workers need this package, and the same paths to data, OUT_DIR, models and the work directory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

from bids_app.disk import MEGABYTE
from bids_app.engines.dask_cluster import start_cluster
from bids_app.engines.jobs import Failure, Job
from bids_app.engines.local import run_one, say_done, start_worker
from bids_app.engines.progress import Progress
from bids_app.interruption import Interrupted
from bids_app.machine import live
from bids_app.settings import Settings
from bids_app.stats.blocks import Apply

log = logging.getLogger("neurons2networks")
Item = TypeVar("Item")
Result = TypeVar("Result")
BLOCK_KEY = "block"  # begins the keys of tasks that are blocks of a job
CONNECT_SECONDS = 5
_MOST_AT_ONCE = 16  # blocks of 16 MB in the memory of a job and of the scheduler
_POLL_SECONDS = 2.0  # seconds between checks for new workers
_PATIENCE = 60.0  # seconds without a worker between messages
_INSTALL = "--engine dask needs the packages of the extra `dask`: pip install 'neurons2networks[dask]'"
_ONE_AT_A_TIME = threading.Lock()  # resource of a worker process, held by one job at a time


@contextlib.contextmanager
def open_dask(settings: Settings) -> Iterator[DaskEngine]:
    """Open the engine for the duration of a run."""
    with contextlib.ExitStack() as opened:
        yield DaskEngine(settings, opened)


def on_workers(function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
    """`map` for a job that runs on a worker: each item is a task of its own, on any worker, with its data.

    Tasks of a lost worker are repeated. As many items are in memory as there are workers, `_MOST_AT_ONCE` at most.
    Raises RuntimeError if workers are lost again and again.
    """
    import dask
    from distributed import KilledWorker, worker_client

    waiting: deque[Any] = deque()
    # The data of a task belong to it, so that no worker can take them away; blocks are larger than usual tasks.
    large = dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
    with large, worker_client() as client:
        try:
            for item in items:
                n_workers = len(client.scheduler_info(n_workers=-1)["workers"])
                while len(waiting) >= max(1, min(n_workers, _MOST_AT_ONCE)):
                    yield waiting.popleft().result()
                waiting.append(client.submit(function, item, key=f"{BLOCK_KEY}-{uuid4().hex}", pure=False))
            while waiting:
                yield waiting.popleft().result()
        except KilledWorker as error:
            raise RuntimeError(
                f"several workers were lost with a block of the group's maps, most often for lack of memory ({error})"
            ) from None
        finally:
            client.cancel(list(waiting))


class DaskEngine:
    """Runs jobs on Dask workers, one at a time per worker process; jobs of a lost worker are repeated.

    It connects to the scheduler, or starts the cluster, with the first jobs.
    """

    splits: ClassVar[bool] = True  # participants are split into as many concurrent jobs as possible
    apply: ClassVar[Apply] = staticmethod(on_workers)

    def __init__(self, settings: Settings, opened: contextlib.ExitStack) -> None:
        """`opened` closes resources at the end of the run."""
        self.settings, self._opened = settings, opened
        self._client: Any = None

    def run(self, jobs: Sequence[Job]) -> list[Failure]:
        """Run all jobs; one that fails leaves the others alone unless `stop_on_first_crash`.

        Raises RuntimeError without a scheduler.
        """
        if self._client is None:
            self._client = self._connect()
        return _Round(self._client, self.settings, jobs).run()

    def _connect(self) -> Any:
        try:
            from distributed import Client
        except ImportError as error:
            raise RuntimeError(f"{_INSTALL} ({error})") from None
        address: Any = self.settings.dask_scheduler or self._opened.enter_context(start_cluster(self.settings))
        try:
            client = Client(address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise RuntimeError(
                f"--dask-scheduler {address}: no Dask scheduler answered within {CONNECT_SECONDS} s ({error}); start "
                "one with `dask scheduler`, give the address that it prints (tcp://HOST:8786), and check that this "
                "machine may connect to it"
            ) from None
        log.info("Dask scheduler %s; dashboard %s", client.scheduler.address, client.dashboard_link)
        return self._opened.enter_context(client)


class _Round:
    """A round of jobs: at most one is submitted per worker, so that none queues behind another."""

    def __init__(self, client: Any, settings: Settings, jobs: Sequence[Job]) -> None:
        self.client, self.settings = client, settings
        self.waiting = deque(jobs)
        self.running: dict[Any, tuple[Job, float]] = {}
        self.failures: list[Failure] = []
        self.progress = Progress(jobs)
        self._said = -_PATIENCE
        self._topic = ""  # of the events by which workers send their stages, if somebody watches

    def run(self) -> list[Failure]:
        with live.display(len(self.waiting)) as shown, self._shown(shown):
            self.progress.shown = shown
            try:
                return self._all()
            except Interrupted:
                self.client.cancel(list(self.running))  # started jobs finish
                raise

    @contextlib.contextmanager
    def _shown(self, shown: live.Display | None) -> Iterator[None]:
        """Show the stages of the workers."""
        if shown is None:
            yield
            return
        self._topic = f"neurons2networks-{uuid4().hex}"
        self.client.subscribe_topic(self._topic, lambda event: shown.handle(logging.makeLogRecord(event[1])))
        try:
            yield
        finally:
            self.client.unsubscribe_topic(self._topic)

    def _all(self) -> list[Failure]:
        while self.waiting or self.running:
            self._hand_over()
            for future in self._finished():
                self._take(future, *self.running.pop(future))
                if self.failures and self.settings.stop_on_first_crash:
                    self.client.cancel(list(self.running))
                    return self.failures
        return self.failures

    def _hand_over(self) -> None:
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers and time.monotonic() - self._said > _PATIENCE:
            self._said = time.monotonic()
            log.info("waiting for the first worker")
        while self.waiting and len(self.running) < self._able(self.waiting[0], workers):
            job = self.waiting.popleft()
            wanted = {"GPU": 1} if self._wants_gpu(job) else None
            key = f"{job.label.replace(' ', '_')}-{uuid4().hex}"
            future = self.client.submit(
                _execute, job, self.settings, self._topic, key=key, pure=False, resources=wanted
            )
            self.running[future] = job, time.monotonic()

    def _wants_gpu(self, job: Job) -> bool:
        return job.computes and self.settings.device.startswith("cuda")

    def _able(self, job: Job, workers: Any) -> int:
        """Number of workers that can run a job. RuntimeError if there can never be one."""
        if not self._wants_gpu(job):
            return len(workers)
        able = sum(1 for worker in workers if worker["resources"].get("GPU", 0) >= 1)
        if workers and not able and not self.settings.dask_cluster:
            raise RuntimeError(
                f"--device {self.settings.device}: none of the {len(workers)} workers has the resource GPU; start "
                "those on machines with one as `dask worker … --resources GPU=1`"
            )
        return able

    def _finished(self) -> list[Any]:
        from distributed import wait

        if not self.running:
            time.sleep(_POLL_SECONDS)
            return []
        try:
            return list(wait(list(self.running), timeout=_POLL_SECONDS, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []
        except CancelledError:
            raise RuntimeError(
                f"the Dask scheduler {self.client.scheduler.address} was lost while jobs were running; started again, "
                "the run does only what is missing"
            ) from None

    def _take(self, future: Any, job: Job, start: float) -> None:
        failure = _result(future, job)
        self.progress.ended(job, failed=failure is not None)
        if failure:
            self.failures.append(failure)
        else:
            say_done(job, time.monotonic() - start)


def _result(future: Any, job: Job) -> Failure | None:
    from distributed import KilledWorker

    try:
        result = future.result()
    except KilledWorker as error:
        reason = f"{job.label}: several workers were lost with it, most often for lack of memory ({error})"
        return Failure(job.name, reason, traceback.format_exc())
    except Exception as error:  # errors of a worker without this package, and of a closing scheduler
        return Failure(job.name, f"{job.label}: {type(error).__name__}: {error}", traceback.format_exc())
    assert result is None or isinstance(result, Failure)
    return result


class _Events:
    """The side of a queue that takes records of the log: sends them as events of a topic of the scheduler."""

    def __init__(self, worker: Any, topic: str) -> None:
        self._worker, self._topic = worker, topic

    def put_nowait(self, record: logging.LogRecord) -> None:
        names = ("name", "msg", "job", "is_over")
        self._worker.log_event(self._topic, {name: getattr(record, name, None) for name in names})


def _execute(job: Job, settings: Settings, topic: str) -> Failure | None:
    """Run one job in the current worker, with its threads and memory; its stages are events of a topic, unless ""."""
    from distributed import get_worker

    worker = get_worker()
    limit = worker.memory_manager.memory_limit
    worker_settings = dataclasses.replace(
        settings,
        nprocs=1,
        omp_nthreads=settings.omp_nthreads or worker.state.nthreads,
        mem_mb=limit // MEGABYTE if limit else settings.mem_mb,
    )
    with _ONE_AT_A_TIME, live.stages_to(_Events(worker, topic)) if topic else contextlib.nullcontext():
        start_worker(worker_settings)
        return run_one(job, worker_settings)
