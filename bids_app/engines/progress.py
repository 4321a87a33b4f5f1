"""How far a run is: a bar on a terminal; else, in logs and under SLURM, one line after each job."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from bids_app.engines.jobs import Job
from bids_app.machine.live import Display

log = logging.getLogger("neurons2networks")


_MANY_REPORTS = 20


class Progress:
    """Counts jobs that have ended, and says how many are left and for how long; nothing for a single job."""

    def __init__(self, jobs: Sequence[Job], shown: Display | None = None) -> None:
        """Start the clock for jobs that are all to run; `shown` counts them instead of the log."""
        self.shown = shown
        self.total = sum(job.computes for job in jobs)
        self.are_reports = not self.total
        self.total = self.total or len(jobs)
        self.n_ended = self.n_failed = 0
        self.start = time.monotonic()

    def ended(self, job: Job, *, failed: bool) -> None:
        """Count a job, and log the state; the time left assumes that the others take as long on average."""
        if self.shown is not None:
            self.shown.ended(job.label if failed else "")  # a lost process does not say that its job is over
            return
        if self.total < 2 or (not job.computes and not self.are_reports):
            return
        self.n_ended += 1
        self.n_failed += failed
        left = self.total - self.n_ended
        told = f", {self.n_failed} failed" if self.n_failed else ""
        seconds = (time.monotonic() - self.start) / self.n_ended * left
        rest = f"; about {duration(seconds)} left" if left else ""
        if not self.are_reports:
            log.info("%d of %d ended%s%s", self.n_ended, self.total, told, rest)
        elif self.total >= _MANY_REPORTS and self.n_ended * 10 // self.total > (self.n_ended - 1) * 10 // self.total:
            log.info("%d of %d reports%s%s", self.n_ended, self.total, told, rest)  # each tenth: they take seconds


def duration(seconds: float) -> str:
    """A duration for readers.

    >>> duration(4), duration(90), duration(5400), duration(200_000)
    ('1 min', '2 min', '1 h 30 min', '55 h 33 min')
    """
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
