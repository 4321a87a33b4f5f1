"""What engines run, and what they give back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from bids_app.settings import Settings


@dataclass(frozen=True)
class Job:
    """One piece of work that can run in another process: a function of the settings and a name.

    `piece` says which part of what is named, where that is cut into several jobs; `computes`: more than a report.
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
    """What runs jobs. `splits`: whether it is worth cutting a participant into as many jobs as possible."""

    splits: ClassVar[bool]

    def run(self, jobs: Sequence[Job]) -> list[Failure]:
        """Run all jobs; one that fails leaves the others alone unless `stop_on_first_crash`."""
