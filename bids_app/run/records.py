"""Records of a run: settings, methods text, crash reports, messages about failures."""

from __future__ import annotations

import glob
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from bids_app.atomic import write_text
from bids_app.crash_reports import details_of, keep_report, stamp
from bids_app.engines.jobs import Failure
from bids_app.run.methods import methods_text
from bids_app.settings import Settings
from bids_app.settings_fields import to_toml
from bids_app.wording import in_one_line, listed

log = logging.getLogger("neurons2networks")
RUN = "run"  # in the names of crash reports that belong to no single job


def write_settings(settings: Settings) -> Path:
    """Write the settings of this run to OUT_DIR/logs."""
    return write_text(settings.out_dir / "logs" / f"{stamp()}_{settings.level}.toml", to_toml(settings))


def write_methods(settings: Settings) -> None:
    """Write the methods text to OUT_DIR/logs."""
    write_text(settings.out_dir / "logs" / "CITATION.md", methods_text(settings))


def write_crashes(settings: Settings, failures: Sequence[Failure]) -> None:
    """Write the traceback of every failed job, with the settings, to OUT_DIR/logs."""
    for failure in failures:
        summary = f"{failure.name}: {failure.reason}"
        keep_report(failure.name, summary, failure.details, to_toml(settings), settings.out_dir / "logs")


def keep_crash(settings: Settings, error: BaseException) -> Path | None:
    """Write the traceback of an error that ended the whole run; returns its path."""
    reason = f"{RUN}: {in_one_line(error)}"
    return keep_report(RUN, reason, details_of(error), to_toml(settings), settings.out_dir / "logs")


def crash_reasons(out_dir: Path, name: str) -> list[str]:
    """First lines of the crash reports of one participant."""
    reports = sorted((out_dir / "logs").glob(f"crash-*_{glob.escape(name)}.txt"))
    paths = [path for path in reports if path.is_file()]
    return [next(iter(path.read_text(encoding="utf-8", errors="replace").splitlines()), name) for path in paths]


def forget_crashes(out_dir: Path, names: Iterable[str]) -> None:
    """Remove the crash reports of jobs that have since succeeded."""
    for name in names:
        for path in (out_dir / "logs").glob(f"crash-*_{glob.escape(name)}.txt"):
            path.unlink(missing_ok=True)


def show_failures(failures: Sequence[Failure], out_dir: Path) -> None:
    """Log why jobs failed; reasons common to many participants are logged once."""
    same: dict[str, list[Failure]] = {}
    for failure in failures:
        same.setdefault(failure.reason.replace(failure.name, "sub-*"), []).append(failure)
    for group in same.values():
        log.error("%s failed: %s", group[0].name, group[0].reason)
        others = [failure.name for failure in group[1:]]
        if others:
            log.error("the same failed for others: %s", listed(others))
    if failures:
        log.error("%d failed; tracebacks in %s", len(failures), out_dir / "logs")
