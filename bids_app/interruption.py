"""Signals that end a run (Ctrl-C, kill, docker stop, a batch system): all its processes end within seconds.

Imports nothing from the package.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
PATIENCE = 3.0  # seconds for a process to leave a computation and remove incomplete files
_busy = threading.Event()  # set while a worker has a job


class Interrupted(BaseException):
    """A signal asked the run to end."""

    @property
    def number(self) -> int:
        """Number of the signal."""
        return int(self.args[0])

    @property
    def status(self) -> int:
        """Exit status by the convention of shells: 130 after Ctrl-C, 143 after kill."""
        return 128 + self.number

    def __str__(self) -> str:
        """What happened, in a sentence."""
        return (
            f"stopped by {signal.Signals(self.number).name}: what is complete stays, and the same command computes "
            "the rest"
        )


@contextlib.contextmanager
def ended_by_signals(program: str) -> Iterator[None]:
    """Within the block, the first signal raises Interrupted; processes that do not end within seconds are killed.

    A computation in C blocks exceptions until it is done. A thread therefore waits beside it and ends all workers and
    the process. Signals that the caller ignores (nohup, a background job) stay ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    receiver, sender = os.pipe()
    os.set_blocking(sender, False)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    earlier = signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
    handle = _raise_once()
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, handle)
    threading.Thread(target=_end_late, args=(receiver, program), daemon=True, name="signals").start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
        os.close(sender)  # ends the thread, unless a signal has come


def _raise_once() -> Callable[[int, FrameType | None], Any]:
    raised: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        if not raised:  # another Ctrl-C must not disturb the clean-up
            raised.append(number)
            raise Interrupted(number)

    return handle


def _end_late(receiver: int, program: str) -> None:
    """Wait for a signal, and end this process and its workers if they still run seconds later."""
    number = 0
    while number not in SIGNALS:
        content = os.read(receiver, 1)
        if not content:
            os.close(receiver)
            return
        number = content[0]
    time.sleep(PATIENCE)
    for child in multiprocessing.active_children():
        child.kill()
    print(f"{program}: {Interrupted(number)}", file=sys.stderr, flush=True)
    os._exit(128 + number)


def end_workers() -> None:
    """End all worker processes of this process; kill those that do not finish within seconds."""
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.terminate()
    end = time.monotonic() + PATIENCE - 1
    for worker in workers:
        worker.join(max(0.0, end - time.monotonic()))
        worker.kill()


def prepare_worker() -> None:
    """Make this worker process end with the run: on request, and when its parent process is gone."""
    # A terminal sends Ctrl-C to all processes; otherwise the first tells the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    _let_the_kernel_kill_orphans()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True, name="parent").start()


def _let_the_kernel_kill_orphans() -> None:
    """On Linux: at once, even during a computation that no Python thread can interrupt."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _leave(number: int, _: FrameType | None) -> None:
    if not _busy.is_set():
        os._exit(128 + number)
    raise Interrupted(number)


def _follow(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(128 + signal.SIGTERM)


@contextlib.contextmanager
def job_of_worker() -> Iterator[None]:
    """A job of a worker: its incomplete files are removed before its process ends."""
    _busy.set()
    try:
        yield
    except Interrupted as error:
        os._exit(error.status)
    finally:
        _busy.clear()
