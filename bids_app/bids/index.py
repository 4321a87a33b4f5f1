"""The files of one participant in one derivative, through pybids."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from uuid import uuid4

from bids.layout import BIDSLayout, BIDSLayoutIndexer

from bids_app.bids.errors import DatasetError


def index_participant(
    folder: Path,
    name: str,
    participant: str,
    database_dir: Path | None = None,
) -> list[Path]:
    """Files in a participant's `func` folders.

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
    except PermissionError as error:
        where = Path(error.filename or folder).parent
        raise DatasetError(f"{where} cannot be read by this user: change its rights (chmod -R u+rX)") from None
    if database is not None and known is None:
        _keep(layout, database)
    return [Path(path) for path in layout.get(subject=participant, return_type="filename")]


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
