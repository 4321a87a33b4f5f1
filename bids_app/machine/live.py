"""What a run is doing, live on a terminal: a line for each running job, and a bar over all.

Stages, and steps within a stage (`stats.steps`), travel as log records, so that they come from worker processes as the
log does.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from typing import Any

from bids_app.stats.steps import NAME as STEPS

stages = logging.getLogger("neurons2networks.stages")
stages.propagate = False
stages.setLevel(logging.CRITICAL + 1)  # nobody listens, unless a display does

_FORMAT = logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
_LINE, _BAR = "{desc}", "{desc} |{bar}| {n_fmt}/{total_fmt}, {elapsed} elapsed{postfix}"
_job = ["run"]


def is_terminal() -> bool:
    """Whether somebody watches: standard error is a terminal that can move its cursor, and no batch job's."""
    if not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb" or "SLURM_JOB_ID" in os.environ:
        return False
    return os.get_terminal_size(sys.stderr.fileno()).columns > 0


def begin(job: str, stage: str = "starting") -> None:
    """Name the job of this process, whose stages follow."""
    _job[0] = job
    announce(stage)


def announce(stage: str) -> None:
    """Say what the job of this process does now; nothing happens unless a display listens."""
    stages.info("%s", stage, extra={"job": _job[0], "is_over": False})


def end() -> None:
    """Take the line of this process's job away."""
    stages.info("", extra={"job": _job[0], "is_over": True})


def listen(queue: Any) -> None:
    """Send the log and the stages of this worker process to the display of its parent."""
    logging.getLogger().handlers[:] = [QueueHandler(queue)]
    stages.handlers[:] = [_Sender(queue)]
    stages.setLevel(logging.DEBUG)


@contextmanager
def stages_to(queue: Any) -> Iterator[None]:
    """Send the stages of this process, and not its log, to a display elsewhere while the block runs."""
    with _handled_by(_Sender(queue)):
        yield


@contextmanager
def _handled_by(handler: logging.Handler) -> Iterator[None]:
    before, level = stages.handlers[:], stages.level
    stages.handlers[:] = [handler]
    stages.setLevel(logging.DEBUG)  # steps within a stage are records of this level
    try:
        yield
    finally:
        stages.handlers[:] = before
        stages.setLevel(level)


class _Sender(QueueHandler):
    """Puts records of stages and steps into a queue, with the job of this process."""

    def prepare(self, record: logging.LogRecord) -> Any:
        """The record, ready for another process."""
        prepared = super().prepare(record)
        prepared.job = _job[0]
        return prepared


def say(line: str) -> None:
    """Print a line to standard output, above the display if there is one."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stdout)


class Display(logging.Handler):
    """The lines and the bar; takes log records and writes them above."""

    def __init__(self, total: int, things: str = "jobs") -> None:
        """Draw the bar of `total` jobs, or of other `things`."""
        from tqdm import tqdm

        super().__init__()
        self.total, self.durations = total, list[float]()
        self._stages, self._steps, self._over = dict[str, str](), dict[str, str](), threading.Event()
        self.setFormatter(_FORMAT)
        self._bar_of, self._since, self._lines = tqdm, dict[str, float](), dict[str, Any]()
        self._bar = tqdm(
            total=self.total, desc=things, bar_format=_BAR, file=sys.stderr, dynamic_ncols=True, leave=False, position=0
        )
        self._ticking = threading.Thread(target=self._tick, daemon=True)
        self._ticking.start()

    def _tick(self) -> None:
        """Bring the times up to date each second."""
        while not self._over.wait(1):
            with self._locked():
                for job in self._lines:
                    self._draw(job)
                self._bar.refresh()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """As while a record is handled."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a stage, or a step of one, in the line of its job, or write a message above the lines."""
        job = getattr(record, "job", _job[0])
        if record.name == STEPS:
            if job in self._lines:
                self._steps[job] = f", {record.getMessage()}"
                self._draw(job)
        elif record.name != stages.name:
            self._bar_of.write(self.format(record), file=sys.stderr)
        elif record.is_over:  # type: ignore[attr-defined]
            self._take_away(job)
        else:
            self._show(job, record.getMessage())

    def ended(self, job: str = "") -> None:
        """Count a job, and take away the line of one whose process may be lost."""
        with self._locked():
            self._take_away(job)
            self._bar.set_postfix_str(self._left(), refresh=False)
            self._bar.update()
            self._bar.refresh()

    def close(self) -> None:
        """Remove the lines and the bar."""
        self._over.set()
        self._ticking.join()
        for line in self._lines.values():
            line.close()
        self._lines.clear()
        self._bar.close()
        super().close()

    def _show(self, job: str, stage: str) -> None:
        if self._over.is_set():
            return  # an event from another machine that comes too late
        if job not in self._lines:
            taken = {line.pos for line in self._lines.values()}
            place = next(number for number in range(1, 1000) if -number not in taken)
            self._since[job] = time.monotonic()
            self._lines[job] = self._bar_of(
                bar_format=_LINE, file=sys.stderr, dynamic_ncols=True, leave=False, position=place, total=0
            )
        self._stages[job], self._steps[job] = stage, ""
        self._draw(job)

    def _draw(self, job: str) -> None:
        ran = time.monotonic() - self._since[job]
        rest = f", about {_clock(self._mean - ran)} left" if self.durations and self._mean > ran else ""
        self._lines[job].set_description_str(f"{job} ({_clock(ran)}{rest}): {self._stages[job]}{self._steps[job]}")

    def _take_away(self, job: str) -> None:
        if job in self._lines:
            self.durations.append(time.monotonic() - self._since[job])
            self._lines.pop(job).close()

    @property
    def _mean(self) -> float:
        return sum(self.durations) / len(self.durations)

    def _left(self) -> str:
        n_ended = self._bar.n + 1
        seconds = (time.time() - self._bar.start_t) / n_ended * (self.total - n_ended)
        return f"about {_clock(seconds)} left" if seconds > 0 else ""


def _clock(seconds: float) -> str:
    """Minutes and seconds.

    >>> _clock(75), _clock(4000)
    ('1:15', '1:06:40')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@contextmanager
def display(total: int, queue: Any = None, things: str = "jobs") -> Iterator[Display | None]:
    """Show `total` jobs, or other `things`, while the block runs, if somebody watches; else nothing changes.

    `queue` brings the records of worker processes that `listen`.
    """
    if not total or not is_terminal():
        yield None
        return
    shown, root = Display(total, things), logging.getLogger()
    before = root.handlers[:]
    root.handlers[:] = [shown]
    listener = QueueListener(queue, shown) if queue is not None else None
    if listener:
        listener.start()
    try:
        with _handled_by(shown):
            yield shown
    finally:
        if listener:
            listener.stop()
        shown.close()
        root.handlers[:] = before
