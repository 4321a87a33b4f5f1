"""Crash reports: details for programmers, written to a file instead of the screen."""

from __future__ import annotations

import tempfile
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from bids_app.atomic import atomic_path


def stamp() -> str:
    """Time and a random suffix: runs in containers may start together with the same process id."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}"


def details_of(error: BaseException) -> str:
    """The traceback of an error."""
    return "".join(traceback.format_exception(error))


def keep_report(name: str, summary: str, details: str, settings: str, folder: Path | None) -> Path | None:
    """Write a crash report, which starts with the summary, into `folder`, or else into the temporary folder.

    Returns its path; None if nothing can be written.
    """
    text = f"{' '.join(summary.split())}\n\n{details}\n\nSettings\n\n{settings}"
    for parent in (folder, Path(tempfile.gettempdir())):
        if parent is None:
            continue
        path = parent / f"crash-{stamp()}_{name}.txt"
        with suppress(OSError), atomic_path(path) as draft:
            draft.write_bytes(text.encode("utf-8", "backslashreplace"))
        if path.is_file():
            return path
    return None
