"""Jobs, their failures, and the interface of engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from bids_app.settings import Settings
from bids_app.stats.blocks import Apply


@dataclass(frozen=True)
class Job:
    """A unit of work that can run in another process: a function of the settings and a name.

    `piece` names the piece if the named work is split into several jobs; `computes`: more than a report.
    """

    name: str
    function: Callable[[Settings, str], None]
    piece: str = ""
    computes: bool = True

    @property
    def label(self) -> str:
        """Name and piece, for messages."""
        return f"{self.name} {self.piece}".strip()


@dataclass(frozen=True)
class Failure:
    """A job that failed: its name, the reason in one line, and the traceback."""

    name: str
    reason: str
    details: str


class Engine(Protocol):
    """Runs jobs.

    `splits`: whether a participant should be split into as many jobs as possible. `apply`: the `map` of a job, which
    may compute blocks elsewhere.
    """

    splits: ClassVar[bool]
    apply: ClassVar[Apply]

    def run(self, jobs: Sequence[Job]) -> list[Failure]:
        """Run all jobs; a failed one does not affect the others unless `stop_on_first_crash`."""
