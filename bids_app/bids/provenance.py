"""The input files of a result, with size, time and checksum, and their later changes."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bids_app.bids.content import require_content
from bids_app.bids.derivatives import bids_uri
from bids_app.bids.errors import DatasetError
from bids_app.bids.event_words import sidecars_of_events
from bids_app.bids.events import rows_read
from bids_app.bids.metadata import applicable
from bids_app.bids.onsets import ONSETS
from bids_app.bids.parcels import parcel_tables
from bids_app.bids.runs import Run
from bids_app.checksums import sha256_of

_COMPARED = 1 << 23  # bytes up to which contents are compared even if size and time are equal


@dataclass(frozen=True)
class FileRecord:
    """A file in the state in which it was read.

    Attributes
    ----------
    uri : BIDS URI
    size : bytes
    modified : nanoseconds since 1970
    sha256 : of its content, or of the excerpt of it that was used; `size` is then that of the excerpt
    """

    uri: str
    size: int
    modified: int
    sha256: str

    @property
    def key(self) -> str:
        """Path below the data set, so that the data set may move; otherwise folder and name."""
        return self.uri.split(":", 2)[2] if self.is_of_data_set else "/".join(self.uri.split("/")[-2:])

    @property
    def is_of_data_set(self) -> bool:
        """Whether the file lies in one of the data sets."""
        return self.uri.startswith("bids:")

    @property
    def label(self) -> str:
        """The file for messages, without local folders."""
        return self.uri if self.is_of_data_set else self.key

    @property
    def name(self) -> str:
        """Name of the file without its folder."""
        return self.uri.rpartition("/")[2].rpartition(":")[2]

    def to_json(self) -> dict[str, Any]:
        """The record, ready for JSON."""
        return asdict(self)


def record_files(
    paths: Iterable[Path], links: Mapping[str, Path], excerpts: Mapping[Path, str] | None = None
) -> tuple[FileRecord, ...]:
    """Record files, each once, in their order; `links` are the data sets, see `derivatives.bids_uri`.

    `excerpts` hold the content of files of which only a part is used. Raises DatasetError for a file that cannot be
    read.
    """
    excerpts = excerpts or {}
    return tuple(_record(path, bids_uri(path, links), excerpts.get(path)) for path in dict.fromkeys(paths))


def _record(path: Path, uri: str, excerpt: str | None = None) -> FileRecord:
    require_content(path)  # a pipe or a device has no end
    try:
        state = path.stat()
        if excerpt is not None:
            content = excerpt.encode()
            return FileRecord(uri, len(content), state.st_mtime_ns, hashlib.sha256(content).hexdigest())
        return FileRecord(uri, state.st_size, state.st_mtime_ns, sha256_of(path))
    except OSError as error:
        raise DatasetError(f"{path} could not be read ({error.strerror}).") from error


def find_changes(
    recorded: Sequence[FileRecord],
    paths: Iterable[Path],
    links: Mapping[str, Path],
    excerpts: Mapping[Path, str] | None = None,
) -> list[str]:
    """Differences between the files that were read and those that would be read now, one phrase per file.

    Large files with equal sizes and times count as unchanged. Otherwise contents are compared: copies and moved data
    sets count as unchanged, an edited table does not, even if its time was kept. A file that moved within its data set
    is unchanged if its name and content are. Of files with `excerpts`, these are compared.
    """
    excerpts = excerpts or {}
    before = {record.key: record for record in recorded}
    now = {FileRecord(uri, 0, 0, "").key: (path, uri) for path in paths for uri in [bids_uri(path, links)]}
    changes = [
        change
        for key, (path, uri) in now.items()
        if key in before and (change := _change(before[key], path, uri, excerpts.get(path))) is not None
    ]
    gone = [record for key, record in before.items() if key not in now]
    for key, (path, uri) in now.items():
        if key not in before:
            present = _record(path, uri, excerpts.get(path))
            moved = [old for old in gone if (old.name, old.sha256) == (present.name, present.sha256)]
            if moved:
                gone.remove(moved[0])
            else:
                changes.append(f"{present.uri} was not read before")
    return changes + [f"{record.uri} is no longer read" for record in gone]


def _change(before: FileRecord, path: Path, uri: str, excerpt: str | None) -> str | None:
    try:
        state = path.stat()
    except OSError as error:
        raise DatasetError(f"{path} could not be read ({error.strerror}).") from error
    if (state.st_size, state.st_mtime_ns) == (before.size, before.modified) and state.st_size > _COMPARED:
        return None
    if _record(path, uri, excerpt).sha256 == before.sha256:
        return None
    if excerpt is not None:
        return f"the rows of {uri} for these runs have changed since"
    if state.st_size != before.size:
        return f"{uri} has changed since ({before.size:,} bytes then, {state.st_size:,} now)"
    return f"the content of {uri} has changed since"


def files_of_run(run: Run, bids_dir: Path, *, with_confounds: bool = True) -> list[Path]:
    """Every file that is read for a run, except the words of its stories.

    BOLD, events with the JSON files that may state their units, confounds with their JSON file, the list of censored
    volumes, mask, tables of parcels, and the JSON files that may hold the repetition time, which are compared.
    """
    confounds = [run.confounds, run.confounds.with_suffix(".json")] if run.confounds and with_confounds else []
    tables = parcel_tables(run.derivative, run.seg) if run.seg else []
    optional = [*sidecars_of_events(run.events), *confounds, run.outliers, run.mask, *tables, *_of_time(run, bids_dir)]
    return [*run.files, run.events, *(path for path in optional if path is not None and path.is_file())]


def excerpts_of_runs(runs: Iterable[Run]) -> dict[Path, str]:
    """The rows of each table of onsets that some runs read: rows for other runs may be added at any time."""
    rows: dict[Path, list[object]] = {}
    for run in runs:
        if run.events.name == ONSETS:
            read = [cells for _, cells in rows_read(run.events, run.entities)]
            rows.setdefault(run.events, []).append([run.label, read])
    return {path: json.dumps(of_runs) for path, of_runs in rows.items()}


def _of_time(run: Run, bids_dir: Path) -> list[Path]:
    beside = [path.with_name(path.name.partition(".")[0] + ".json") for path in run.files]
    suffix = "timeseries" if run.kind == "parcels" else "bold"
    looked_at = [path for path in beside if path.is_file()]
    looked_at += applicable(run.derivative, run.entities, suffix, ".json", is_raw=False)
    looked_at += applicable(bids_dir, run.entities, "bold", ".json")
    return looked_at
