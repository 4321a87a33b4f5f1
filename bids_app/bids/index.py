"""The files of one participant in one derivative: listed, or stored in an index of pybids."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bids_app.atomic import atomic_path
from bids_app.bids.content import pass_over
from bids_app.bids.errors import DatasetError

_ENDINGS = (".nii", ".nii.gz", ".gii", ".tsv", ".json")

if TYPE_CHECKING:
    from bids.layout import BIDSLayout


def index_participant(
    folder: Path,
    name: str,
    participant: str,
    database_dir: Path | None = None,
) -> list[Path]:
    """Files in a participant's `func` folders.

    It skips everything else: other participants, anatomy, figures, FreeSurfer's folders. With `database_dir`, pybids
    stores the index there, one per derivative and participant, and reuses it as long as the participant has the same
    files in the same folder. Raises DatasetError for a folder that may not be read.
    """
    try:
        if database_dir is None:
            return sorted(_listed(folder / f"sub-{participant}"))
        return _indexed(folder, participant, database_dir / _database_name(folder, name, participant))
    except PermissionError as error:
        where = Path(error.filename or folder)
        where = where if where.is_dir() else where.parent
        raise DatasetError(f"{where} cannot be read by this user: change its permissions (chmod -R u+rX)") from None


def _listed(participant: Path) -> Iterator[Path]:
    """The files of a pybids index, without the tenth of a second per participant that it takes."""
    sessions = [participant]
    if participant.is_dir():
        with os.scandir(participant) as entries:
            sessions += [Path(entry.path) for entry in entries if entry.name.startswith("ses-") and entry.is_dir()]
    for session in sessions:
        func = session / "func"
        if not func.is_dir():
            continue
        for parent, folders, names in os.walk(func, onerror=_refuse, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in folders:
                if name.endswith(_ENDINGS):
                    pass_over(Path(parent, name))
            yield from (Path(parent, name) for name in names if not name.startswith("."))


def _refuse(error: OSError) -> NoReturn:
    raise error


def _indexed(folder: Path, participant: str, database: Path) -> list[Path]:
    from bids.layout import BIDSLayout, BIDSLayoutIndexer  # takes a second

    # pybids matches paths from the root of the data set, which begin with a slash.
    pattern = re.escape(f"/sub-{participant}")
    others = re.compile(rf"^(?!{pattern}(/ses-[^/]+)?(/func(/.*)?)?$)")
    indexer = BIDSLayoutIndexer(validate=False, ignore=[others], index_metadata=False)
    is_kept = database.is_dir()
    known = database if is_kept else None
    try:
        layout = BIDSLayout(folder, validate=False, is_derivative=True, indexer=indexer, database_path=known)
    except ValueError as error:
        raise DatasetError(f"pybids cannot read {folder}: {error}") from error
    if not is_kept:
        _keep(layout, database)
    return [Path(path) for path in layout.get(subject=participant, return_type="filename")]


def _database_name(folder: Path, name: str, participant: str) -> str:
    """Name of an index, made from the derivative, the participant, the folder of the derivative, and the files."""
    root = folder.resolve()
    state = root.stat()
    paths = [path for pattern in ("func/*", "ses-*/func/*") for path in root.glob(f"sub-{participant}/{pattern}")]
    names = sorted(path.relative_to(root).as_posix() for path in paths)
    return f"{name}_sub-{participant}_{_digest(str(root), state.st_dev, state.st_ino)}_{_digest(*names)}"


def _digest(*content: str | int) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _keep(layout: "BIDSLayout", database: Path) -> None:
    """Store an index for later runs. It appears complete, because other processes may look for it meanwhile."""
    with atomic_path(database, first_stays=True) as draft:
        layout.save(draft, replace_connection=False)
    for outdated in database.parent.glob(f"{database.name.rpartition('_')[0]}_*"):
        if outdated != database:
            shutil.rmtree(outdated, ignore_errors=True)
