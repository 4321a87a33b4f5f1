"""Incomplete files of killed runs, removed by the next run once no live process can own them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from bids_app.machine.run_folders import RunFolders

# Names of drafts: files (atomic), artefacts (machine.once), activations, rotations, indices.
_HEX = "[0-9a-f]{32}"
_STRAY = re.compile(rf"\.({_HEX}[_-].+|draft-{_HEX}-.+|[0-9a-f]{{16,64}}-{_HEX}|.+\.{_HEX}\.npy)", re.DOTALL)
_NOT_OURS = {".git", ".datalad", "cache"}
_RUNNING = ".running"
_ABANDONED = 24 * 3600.0  # seconds after which a stray is removed if locks are not supported


@contextlib.contextmanager
def clearing_strays(folders: RunFolders) -> Iterator[None]:
    """Remove incomplete files of killed runs, then signal other runs during the block that this one writes.

    Every run and each of its jobs holds a shared kernel lock. A run that gets the lock exclusively at its start is
    the only one on all nodes that share the disk, so incomplete files then belong to no live process.
    """
    with contextlib.ExitStack() as held:
        for folder, lock in _locks(folders):
            held.enter_context(_held(lock, folder))
        yield


@contextlib.contextmanager
def writing(folders: RunFolders) -> Iterator[None]:
    """Signal during the block that a job writes; removes nothing."""
    with contextlib.ExitStack() as held:
        for _, lock in _locks(folders):
            held.enter_context(_held(lock, None))
        yield


def _locks(folders: RunFolders) -> Iterator[tuple[Path, Path]]:
    """The folders that a run writes into, each with its lock."""
    yield folders.out_dir, folders.out_dir / "logs" / _RUNNING
    yield folders.work, folders.work / _RUNNING
    if folders.database is not None:
        yield folders.database, folders.database / _RUNNING


@contextlib.contextmanager
def _held(lock: Path, folder: Path | None) -> Iterator[None]:
    """Hold a shared lock; with `folder`, remove its strays if there are no other holders."""
    descriptor = _opened(lock)
    if descriptor is None:
        yield
        return
    try:
        if folder is not None:
            _clear(folder, descriptor)
        with contextlib.suppress(OSError):  # no locks on this disk
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _opened(lock: Path) -> int | None:
    """The lock file; a file of another user can be locked although not written."""
    with contextlib.suppress(OSError):
        lock.parent.mkdir(parents=True, exist_ok=True)
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        with contextlib.suppress(OSError):
            return os.open(lock, flags, 0o666)
    return None


def _clear(folder: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # other runs are active; a later run cleans up
    except OSError:
        remove_strays(folder, _ABANDONED)
    else:
        remove_strays(folder)


def remove_strays(folder: Path, age: float = 0.0) -> list[Path]:
    """Remove files and folders with names of drafts that have not changed for `age` seconds; returns them."""
    removed = []
    for root, folders, files in os.walk(folder):
        strays = [Path(root, name) for name in (*folders, *files) if _STRAY.fullmatch(name)]
        folders[:] = [name for name in folders if name not in _NOT_OURS and not _STRAY.fullmatch(name)]
        for stray in strays:
            with contextlib.suppress(OSError):
                if age and time.time() - stray.lstat().st_mtime < age:
                    continue
                if stray.is_dir() and not stray.is_symlink():
                    shutil.rmtree(stray, ignore_errors=True)
                else:
                    stray.unlink()
                removed.append(stray)
    return removed
