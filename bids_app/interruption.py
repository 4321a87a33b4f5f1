"""Signals that end a run (Ctrl-C, kill, docker stop, a batch system): all its processes end within seconds, in a line.

Imports nothing of the package.
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
PATIENCE = 3.0  # seconds for a process to leave a computation and remove what it has half written
_busy = threading.Event()  # set in a worker while it has a job


class Interrupted(BaseException):
    """A signal asked the run to end."""

    @property
    def number(self) -> int:
        """Number of the signal."""
        return int(self.args[0])

    @property
    def status(self) -> int:
        """Exit status of the process, as shells count: 130 after Ctrl-C, 143 after kill."""
        return 128 + self.number

    def __str__(self) -> str:
        """What happened, in a sentence."""
        return (
            f"stopped by {signal.Signals(self.number).name}: what is complete stays, and the same command computes "
            "the rest"
        )


@contextlib.contextmanager
def ended_by_signals(program: str) -> Iterator[None]:
    """Within the block, a signal raises Interrupted, once; what does not end then within seconds is ended.

    A computation in C lets no exception through before it is done: a thread waits beside it, which ends all workers
    and the process. Signals that the caller has switched off (nohup, a background job) stay switched off.
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
        if not raised:  # one more Ctrl-C must not disturb the clearing up
            raised.append(number)
            raise Interrupted(number)

    return handle


def _end_late(receiver: int, program: str) -> None:
    """Wait for a signal, and end this process and its workers when they are still there seconds later."""
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
    """End all worker processes of this one: those that do not clear up within seconds at once."""
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.terminate()
    end = time.monotonic() + PATIENCE - 1
    for worker in workers:
        worker.join(max(0.0, end - time.monotonic()))
        worker.kill()


def prepare_worker() -> None:
    """Let this worker process end with the run: when it is told to, and when the process that started it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all; the first process tells the others
    signal.signal(signal.SIGTERM, _leave)
    _let_the_kernel_kill_orphans()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True, name="parent").start()


def _let_the_kernel_kill_orphans() -> None:
    """Where there is Linux: at once, also out of a computation that no thread of Python can interrupt."""
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
    """A job of a worker: what it has half written is removed before its process ends."""
    _busy.set()
    try:
        yield
    except Interrupted as error:
        os._exit(error.status)
    finally:
        _busy.clear()
