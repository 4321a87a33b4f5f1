"""The table at the end of a level: what was written where, what was left out, and what failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bids_app.engines.jobs import Failure

_MOST = 20  # participants with a line each; those with something to say have one whatever their number


def closing_lines(out_dir: Path, participants: Sequence[str], failures: Sequence[Failure], since: float) -> list[str]:
    """Lines of the table; none for nobody.

    `participants` are labels without `sub-`. Of many, only those that failed or lack something have a line. Files count
    as written if they changed at or after `since`, in seconds as `time.time` has it.
    """
    from bids_app.pages.left_out import left_out  # with the libraries of pages, which a plan does without

    failed = {failure.name: failure.reason for failure in failures}
    names = [f"sub-{label}" for label in participants]
    if not names:
        return []
    notes = {name: texts for name, texts in left_out(out_dir, names, of_group=False).items() if texts}
    shown = [name for name in names if name in failed or name in notes or len(names) <= _MOST]
    width = max(len(name) for name in names)
    lines = [
        f"{name:<{width}}  {_of_one(out_dir, name, failed.get(name), since)}"
        + (f"; left out: {'; '.join(notes[name])}" if name in notes else "")
        for name in shown
    ]
    n_good = len(names) - sum(name in failed for name in names)
    return [*lines, f"{n_good} of {len(names)} participants complete in {out_dir}"]


def group_line(out_dir: Path, since: float) -> str:
    """What the group level has written since then, in seconds as `time.time` has it."""
    return f"group: {_of_one(out_dir, 'group', None, since)} in {out_dir}"


def _of_one(out_dir: Path, name: str, reason: str | None, since: float) -> str:
    written = sum(1 for path in _files(out_dir / name) if path.stat().st_mtime >= since)
    report = out_dir / f"{name}.html"
    files = f"{written} files written" if written else "nothing to compute"
    told = f"{files}; report {report.name}" if report.is_file() else files
    return told if reason is None else f"FAILED: {reason} ({told})"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("[!.]*") if path.is_file())
