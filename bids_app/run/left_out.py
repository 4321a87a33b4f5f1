"""Records in OUT_DIR of runs and participants that were left out, and why: the reports read OUT_DIR alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bids_app.bids.derivatives import write_json
from bids_app.bids.outputs import LEFT_OUT
from bids_app.machine.once import locked
from bids_app.text_files import read_json

PARTICIPANTS = "participants"


def note_left_out(out_dir: Path, name: str, reasons: Mapping[str, str], analysed: Iterable[str] = ()) -> None:
    """Add what was left out, with the reasons, and remove what has been analysed since.

    `name` is that of the participant whose runs the keys are (`sub-001`), or `PARTICIPANTS`. Runs that this selection
    of tasks does not concern keep their reason. Without anything to note, nothing is written.
    """
    path, done = out_dir / LEFT_OUT / f"{name}.json", set(analysed)

    def content() -> tuple[dict[str, str], dict[str, str]]:
        known = _read(path)
        return known, {key: text for key, text in {**known, **reasons}.items() if key not in done}

    before, after = content()
    if before == after:
        return  # no lock either
    with locked(out_dir / "logs" / ".lock"):
        before, after = content()
        if before != after:
            write_json(path, dict(sorted(after.items())))


def _read(path: Path) -> dict[str, str]:
    try:
        return {key: str(text) for key, text in read_json(path).items()}
    except ValueError:  # FileError is one: missing or damaged, so it is written anew
        return {}
