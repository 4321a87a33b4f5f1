"""Threads and memory of one process, and the time and memory of each step."""

from __future__ import annotations

import logging
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bids_app.disk import MEGABYTE
from bids_app.machine.live import announce
from bids_app.machine.memory import total_memory
from bids_app.shared_options.run import ComputeOptions

log = logging.getLogger("neurons2networks")
PROCESS_MB = 600  # of a process after all imports, without data
_LEAST_MB = 256


def threads(settings: ComputeOptions) -> int:
    """Threads of one process."""
    return settings.omp_nthreads or max(1, len(os.sched_getaffinity(0)) // settings.nprocs)


def memory_mb(settings: ComputeOptions) -> int:
    """Memory in MB for the data of one process, beyond the base memory of every process."""
    return max(_LEAST_MB, _share_mb(settings))


def _share_mb(settings: ComputeOptions) -> int:
    processes = settings.nprocs + (settings.nprocs > 1)  # including the parent process
    total = settings.mem_mb or int(0.8 * total_memory() / MEGABYTE)
    return (total - processes * PROCESS_MB) // settings.nprocs


def has_too_little_memory(settings: ComputeOptions) -> bool:
    """Whether the memory left for the data of a process is too little."""
    return _share_mb(settings) < _LEAST_MB


@contextmanager
def step(name: str, settings: ComputeOptions) -> Iterator[None]:
    """Log a step, and with --resource-monitor its time and the peak memory of the process."""
    start = time.monotonic()
    log.debug("%s …", name)
    announce(name)
    yield
    if settings.resource_monitor:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        log.info("%s: %.1f s, peak memory %d MB", name, time.monotonic() - start, peak)
