"""The files of one participant in one derivative, through pybids."""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from bids.layout import BIDSLayout, BIDSLayoutIndexer, Query

from bids_app.bids.entities import parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.runs import is_bold

# Names of entities in a filter file that pybids spells in full.
_SPELLED = {
    "sub": "subject",
    "ses": "session",
    "acq": "acquisition",
    "rec": "reconstruction",
    "dir": "direction",
    "seg": "segmentation",
}
_QUERIES = {None: Query.NONE, "Query.NONE": Query.NONE, "Query.ANY": Query.ANY, "*": Query.ANY}


def index_participant(
    folder: Path,
    name: str,
    participant: str,
    database_dir: Path | None = None,
    bold_filter: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Files in a participant's `func` folders, BOLD only as far as it passes the filter.

    Everything else is never looked at: all other participants, anatomy, figures, FreeSurfer's folders. With
    `database_dir` the index is kept there, one for each derivative and participant, and used again as long as the
    participant has the same files in the same folder.
    """
    # pybids matches paths from the root of the data set, which begin with a slash.
    own = re.escape(f"/sub-{participant}")
    others = re.compile(rf"^(?!{own}(/ses-[^/]+)?(/func(/.*)?)?$)")
    indexer = BIDSLayoutIndexer(validate=False, ignore=[others], index_metadata=False)
    database = None if database_dir is None else database_dir / _database_name(folder, name, participant)
    known = database if database is not None and database.is_dir() else None
    try:
        layout = BIDSLayout(folder, validate=False, is_derivative=True, indexer=indexer, database_path=known)
    except ValueError as error:
        raise DatasetError(f"pybids cannot read {folder}: {error}") from error
    if database is not None and known is None:
        _keep(layout, database)
    every = [Path(path) for path in layout.get(subject=participant, return_type="filename")]
    if not bold_filter:
        return every
    wanted = {_SPELLED.get(key, key): _value(value) for key, value in bold_filter.items()}
    try:
        passing = {Path(path) for path in layout.get(**{"subject": participant} | wanted, return_type="filename")}
    except ValueError as error:
        raise DatasetError(f"The BIDS filter {dict(bold_filter)} is not understood by pybids: {error}") from error
    return [path for path in every if path in passing or not is_bold(parse_name(path))]


def _database_name(folder: Path, name: str, participant: str) -> str:
    """Name of an index: the derivative, its participant, where the derivative lies, and which files there are."""
    root = folder.resolve()
    state = root.stat()
    paths = [path for pattern in ("func/*", "ses-*/func/*") for path in root.glob(f"sub-{participant}/{pattern}")]
    names = sorted(path.relative_to(root).as_posix() for path in paths)
    return f"{name}_sub-{participant}_{_digest(str(root), state.st_dev, state.st_ino)}_{_digest(*names)}"


def _digest(*content: str | int) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _keep(layout: BIDSLayout, database: Path) -> None:
    """Keep an index for later runs. It appears complete: other processes may look for it while it is written."""
    unfinished = database.with_name(f".{uuid4().hex}-{database.name}")
    try:
        layout.save(unfinished, replace_connection=False)
        unfinished.rename(database)
        for outdated in database.parent.glob(f"{database.name.rpartition('_')[0]}_*"):
            if outdated != database:
                shutil.rmtree(outdated, ignore_errors=True)
    except OSError:
        if not database.is_dir():  # else: another process was faster
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _value(value: Any) -> Any:
    return _QUERIES.get(value, value) if value is None or isinstance(value, str) else value
