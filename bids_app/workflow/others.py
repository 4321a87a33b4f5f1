"""What the data of other participants are, without reading them: names, sizes and times of their files.

Looked up in the folders, without an index: it takes milliseconds for hundreds of participants.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from bids_app.bids.dataset import Dataset
from bids_app.bids.entities import parse_name
from bids_app.bids.onsets import EVENTS, ONSETS

State = tuple[str, str, int, int]  # data set, path below it, bytes, nanoseconds since 1970
_OF_RUNS = ("events", "bold", "timeseries")  # suffixes of files above the participants that runs inherit


def states_of_participant(dataset: Dataset, label: str, tasks: Collection[str]) -> list[State]:
    """Files of a participant's runs of some tasks; of the raw data set the events and JSON files alone."""
    found: list[State] = []
    for name, root in dataset.links.items():
        own = root / f"sub-{label}"
        for folder in (
            own,
            own / "func",
            *(one / below for one in sorted(own.glob("ses-*")) for below in ("", "func")),
        ):
            suffixes, extensions = (("events",), (".json",)) if name == "raw" else ((), ())
            found += _states(name, root, folder, tasks, suffixes, extensions)
    return found


def states_of_all(dataset: Dataset, tasks: Collection[str]) -> list[State]:
    """Files that apply to the runs of several participants: what they inherit, and onsets of `--annotations`."""
    found = [state for name, root in dataset.links.items() for state in _states(name, root, root, tasks, _OF_RUNS)]
    if dataset.annotations is not None:
        found += _states("annotations", dataset.annotations, dataset.annotations / EVENTS, tasks)
        found += _state("annotations", dataset.annotations, dataset.annotations / ONSETS)
    return found


def _states(
    name: str,
    root: Path,
    folder: Path,
    tasks: Collection[str],
    suffixes: Collection[str] = (),
    extensions: Collection[str] = (),
) -> list[State]:
    """Files of a folder, sorted: of some tasks or of none, and with one of the suffixes or extensions if there are."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.is_dir())
    found: list[State] = []
    for file in names:
        parsed = parse_name(file)
        is_wanted = not (suffixes or extensions) or parsed.suffix in suffixes or parsed.extension in extensions
        if is_wanted and ("task" not in parsed.entities or parsed.entities["task"] in tasks):
            found += _state(name, root, folder / file)
    return found


def _state(name: str, root: Path, path: Path) -> Iterator[State]:
    """One state; none for a file that is not there, or a link to content that is not here."""
    try:
        state = path.stat()
    except OSError:
        return
    yield name, path.relative_to(root).as_posix(), state.st_size, state.st_mtime_ns
