"""Check the folders that a run writes into: never its inputs, nor a folder with foreign files."""

from __future__ import annotations

import errno
import fnmatch
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from bids_app.bids.description import require_ours
from bids_app.disk import DiskError
from bids_app.machine.run_folders import RunFolders
from bids_app.settings import SettingsError

# Entries of a raw data set besides the participants.
_RAW = ("sourcedata", "code", "stimuli", "phenotype", ".git", ".datalad")
# Allowed in a new OUT_DIR: files of version control and batch systems.
_HARMLESS = (".*", "logs", "code", "lost+found", "README*", "CHANGE*", "LICENSE*", "*.out", "*.err", "*.log")
_PATH_MAX, _LONGEST_NAME = 4096, 700  # bytes: longest path, and reserve for names in OUT_DIR
_ADVICE = "give a folder outside it, or BIDS_DIR/derivatives/NAME"


def check_locations(folders: RunFolders, reads_raw: bool = True) -> None:
    """Raise SettingsError if a run would write into the raw data, DatasetError if OUT_DIR holds foreign files.

    It writes nothing. A level that reads no raw data (`reads_raw`) may write anywhere.
    """
    for name, folder in folders.written.items():
        _check_length(name, folder)
        if reads_raw:
            _check_raw(name, folder, folders.bids_dir)
    if not reads_raw:
        return
    if _is_or_holds(folders.out_dir, folders.bids_dir):
        raise SettingsError(f"OUT_DIR {folders.out_dir} contains BIDS_DIR {folders.bids_dir}: {_ADVICE}")
    kept = {*folders.written.values(), folders.out_dir / ".work"}
    require_ours(folders.out_dir, _foreign(folders.out_dir, kept))


def check_derivatives(folders: RunFolders, derivatives: Mapping[str, Path]) -> None:
    """Raise SettingsError if a run would write into or above a derivative that it reads."""
    for name, folder in folders.written.items():
        for derivative in derivatives.values():
            if _same(derivative, folders.bids_dir):
                continue
            inside = _is_or_holds(derivative, folder)
            if _same(derivative, folders.bids_dir / "derivatives"):  # its BOLD lies in derivatives/sub-*
                inside = any(_is_or_holds(entry, folder) for entry in _participants(derivative))
            if inside or (name == "OUT_DIR" and _is_or_holds(folder, derivative)):
                raise SettingsError(
                    f"{name} {folder} {'lies in' if inside else 'contains'} {derivative}, which is read: {_ADVICE}"
                )


def _check_length(name: str, folder: Path) -> None:
    try:
        folder.lstat()
    except OSError as error:
        too_long = error.errno == errno.ENAMETOOLONG
    else:
        too_long = False
    if too_long or len(os.fsencode(folder)) > _PATH_MAX - _LONGEST_NAME:
        shown = f"{str(folder)[:60]}…"
        raise DiskError(
            f"{name} {shown} is too long for this disk ({len(os.fsencode(folder))} bytes): give a shorter path"
        )


def _check_raw(name: str, folder: Path, bids_dir: Path) -> None:
    if _same(folder, bids_dir):
        raise SettingsError(f"{name} {folder} is BIDS_DIR, where nothing is written: {_ADVICE}")
    if _same(folder, bids_dir / "derivatives"):
        raise SettingsError(
            f"{name} {folder} is BIDS_DIR's folder of all derivatives: give one in it, such as "
            f"{folder}/neurons2networks"
        )
    entries = [*_participants(bids_dir), *(bids_dir / name for name in _RAW)]
    above = {_identity(parent) for parent in (folder, *folder.parents)} - {None}
    raw_entry = next((entry for entry in entries if _identity(entry) in above), None)
    if raw_entry is None and folder.resolve().is_relative_to(bids_dir.resolve()):  # also if it does not exist yet
        first = folder.resolve().relative_to(bids_dir.resolve()).parts[0]
        raw_entry = bids_dir / first if first in _RAW or first.startswith("sub-") else None
    if raw_entry is not None:
        raise SettingsError(f"{name} {folder} lies in the raw data ({raw_entry}), where nothing is written: {_ADVICE}")


def _participants(folder: Path) -> Iterable[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(folder) if entry.name.startswith("sub-")]
    except OSError:  # missing or unreadable: reported when it is opened
        return []


def _foreign(folder: Path, kept: set[Path]) -> list[str]:
    """Names of foreign files and folders in a folder, sorted."""
    try:
        entries = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []
    mine = {path.relative_to(folder).parts[0] for path in kept if path != folder and path.is_relative_to(folder)}
    return [
        name
        for name in entries
        if name not in mine and not any(fnmatch.fnmatchcase(name, pattern) for pattern in _HARMLESS)
    ]


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a path, independent of links, mounts and case."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (_identity(path) is not None and _identity(path) == _identity(other))


def _is_or_holds(folder: Path, inner: Path) -> bool:
    """Whether a folder is another or contains it."""
    return any(
        _same(folder, parent)
        for parent in dict.fromkeys((inner, *inner.parents, inner.resolve(), *inner.resolve().parents))
    )
