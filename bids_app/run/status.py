"""`n2n status OUT_DIR`: what is finished, running, failed and missing, participant by participant."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bids_app.bids.entities import parse_name
from bids_app.checksums import find_damage
from bids_app.machine.completion import FOLDER, any_data, read_marker
from bids_app.machine.once import release, try_lock
from bids_app.run.records import crash_reasons

_OF_PARTICIPANT = ("sub", "ses", "task", "acq", "run")
_ENDING = "_complete.json"
_COLUMNS = ("participant", "finished", "running", "failed", "missing")


@dataclass
class ParticipantStatus:
    """The analyses of a participant by their state.

    Attributes
    ----------
    finished : titles of analyses whose outputs are all there, in their sizes
    running : titles of analyses that a process is computing now
    failed : reasons of the crash reports
    missing : titles of damaged analyses, and kinds of analysis that other participants have
    """

    participant: str
    finished: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def cells(self) -> list[str]:
        """The cells of the table; reasons of failures are listed below it."""
        return [
            self.participant,
            str(len(self.finished)),
            ", ".join(self.running) or "-",
            str(len(self.failed)) if self.failed else "-",
            ", ".join(self.missing) or "-",
        ]


def show_status(out_dir: Path) -> int:
    """Print the table; 1 if anything failed or is missing. Raises ValueError if OUT_DIR holds no results."""
    participants = status_of(out_dir)
    if not participants:
        raise ValueError(f"{out_dir} holds no results of participants: give the OUT_DIR of a run")
    rows = [list(_COLUMNS), *(each.cells for each in participants)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for each in participants:
        for reason in each.failed:
            print(f"{each.participant}: {reason}")
    failed, missing = (sum(bool(getattr(each, name)) for each in participants) for name in ("failed", "missing"))
    running = sum(bool(each.running) for each in participants)
    whole = sum(not (each.failed or each.missing or each.running) for each in participants)
    print(
        f"{len(participants)} participants: {whole} finished, {running} running, {failed} failed, {missing} incomplete"
    )
    return int(failed + missing > 0)


def status_of(out_dir: Path) -> list[ParticipantStatus]:
    """The state of every participant with results, a running analysis, a crash report or a SLURM job, by label."""
    every = {name: ParticipantStatus(name) for name in sorted(_participants(out_dir))}
    kinds: dict[str, set[str]] = {name: set() for name in every}
    for path in sorted((out_dir / FOLDER).glob(f"sub-*{_ENDING}")):
        each, title = every[_participant(path.name)], path.name.removesuffix(_ENDING)
        marker = read_marker(path)
        outputs = marker.get("Outputs", {})
        if {"SupersededBy", "LeftOut"} & set(marker) or (outputs and not any_data(out_dir, outputs)):
            continue
        kinds[each.participant].add(_kind(path))
        damage = find_damage(out_dir, outputs, fast=True) if marker else "its marker is damaged"
        (each.missing if damage else each.finished).append(f"{title} ({damage})" if damage else title)
    for title in _running(out_dir):
        every[_participant(title)].running.append(title)
        kinds[_participant(title)].add(_kind(Path(f"{title}{_ENDING}")))
    together = set().union(*kinds.values())
    for each in every.values():
        each.failed = crash_reasons(out_dir, each.participant)
        each.missing += sorted(together - kinds[each.participant])
        if not (each.finished or each.running or each.failed or each.missing):
            each.missing.append("everything")
    return list(every.values())


def _participants(out_dir: Path) -> Iterator[str]:
    """Names of all participants of whom OUT_DIR knows."""
    yield from (path.name for path in out_dir.glob("sub-*") if path.is_dir())
    for path in (out_dir / FOLDER).glob(f"sub-*{_ENDING}"):
        yield _participant(path.name)
    yield from (_participant(title) for title in _running(out_dir))
    for path in (out_dir / "logs").glob("crash-*_sub-*.txt"):
        yield path.stem.rpartition("_")[2]
    for path in out_dir.glob("logs/slurm/*/participants.txt"):  # of submissions: a job may die before it leaves a trace
        yield from (f"sub-{label}" for label in path.read_text(encoding="utf-8").split())


def _participant(name: str) -> str:
    return f"sub-{parse_name(name).entities['sub']}"


def _kind(marker: Path) -> str:
    """The analysis of a marker, whichever participant, session, task or run it is of."""
    entities: Mapping[str, str] = parse_name(marker).entities
    return "_".join(f"{key}-{value}" for key, value in entities.items() if key not in _OF_PARTICIPANT)


def _running(out_dir: Path) -> list[str]:
    """Titles of the participants' analyses whose locks a process holds."""
    locks = sorted((out_dir / FOLDER).glob(f".sub-*{_ENDING}.lock"))
    return [lock.name[1:].removesuffix(f"{_ENDING}.lock") for lock in locks if _is_held(lock)]


def _is_held(lock: Path) -> bool:
    """Whether another process holds a lock; it is not taken from anybody who wants it."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:  # just finished
        return False
    is_free = try_lock(descriptor, shared=True)
    release(descriptor)
    return not is_free
