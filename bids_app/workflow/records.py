"""What a run leaves behind about itself: log messages, its settings, crash reports, and the methods text."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from bids_app.bids.atomic import write_text
from bids_app.settings import Settings, to_toml
from bids_app.workflow.engine import Failure
from bids_app.workflow.methods import methods_text

log = logging.getLogger("neurons2networks")
LEVELS = (logging.INFO, logging.DEBUG)


def start_log(settings: Settings) -> None:
    """Log to standard error: what is done, and with -v each step."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(LEVELS[min(settings.verbose, 1)])
    logging.getLogger("bids_app").setLevel(LEVELS[min(settings.verbose, 1)])
    logging.getLogger().setLevel(logging.DEBUG if settings.verbose > 1 else logging.WARNING)


def write_settings(settings: Settings) -> Path:
    """Keep the settings of this run in OUT_DIR/logs."""
    return write_text(settings.out_dir / "logs" / f"{_stamp()}_{settings.level}.toml", to_toml(settings))


def write_methods(settings: Settings) -> None:
    """Keep the text for a methods section in OUT_DIR/logs."""
    write_text(settings.out_dir / "logs" / "CITATION.md", methods_text(settings))


def write_crashes(settings: Settings, failures: Sequence[Failure]) -> None:
    """Keep the traceback of every failed job in OUT_DIR/logs."""
    for failure in failures:
        path = settings.out_dir / "logs" / f"crash-{_stamp()}_{failure.name}.txt"
        write_text(path, f"{failure.name}: {failure.reason}\n\n{failure.details}")


def crash_reasons(out_dir: Path, name: str) -> list[str]:
    """First lines of the crash reports of one participant."""
    return [path.read_text().splitlines()[0] for path in sorted((out_dir / "logs").glob(f"crash-*_{name}.txt"))]


def forget_crashes(out_dir: Path, name: str) -> None:
    """Remove the crash reports of a participant that has since succeeded."""
    for path in (out_dir / "logs").glob(f"crash-*_{name}.txt"):
        path.unlink(missing_ok=True)


def _stamp() -> str:
    """When, and what tells runs apart that begin together: in containers, processes have the same number."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}"
