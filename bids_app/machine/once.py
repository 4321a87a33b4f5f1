"""Artefacts that several processes share: computed once, complete or absent."""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from bids_app.checksums import MANIFEST, artefact_damage, manifest_path, write_manifest

log = logging.getLogger("neurons2networks")
# Errors of file systems without locks, such as some network file systems.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
_PATIENCE = 10.0  # seconds of waiting before a message
_READABLE = 40  # letters of the readable prefix: the names of all stories may exceed a file name
_ABANDONED = 24 * 3600.0  # seconds after which a draft counts as abandoned


def computed_once(
    path: Path, compute: Callable[[Path], None], damage_of: Callable[[Path], str | None] = artefact_damage
) -> Path:
    """Return `path` (a file or folder); if it is missing, first call `compute(draft)` and move the draft there.

    A damaged artefact (see `damage_of`) is recomputed; its manifest, with size and checksum of each file, lies in the
    folder or beside the file. Processes that need the same artefact wait for the one that computes it; if that one is
    killed, the next computes it. Without file locks it may be computed several times, and the first complete one stays.
    """
    if path.exists() and damage_of(path) is None:
        return path
    with locked(path.with_name(path.name + ".lock")):
        if path.exists() and (damage := damage_of(path)) is not None:
            log.warning("%s is made again, because it is damaged: %s", path, damage)
            _remove(path)
        if not path.exists():
            _remove_abandoned(path)
            draft = path.with_name(f".draft-{uuid4().hex}-{path.name}")
            try:
                compute(draft)
                _publish(draft, path)
            finally:
                _remove(draft)
    return path


@contextmanager
def locked(lock: Path, *, keep: bool = True) -> Iterator[None]:
    """Hold the lock file `lock`, created if missing, while the block runs; it is removed unless `keep`.

    It is a kernel lock (flock), which ends with its process, so a killed process leaves nothing to clean up. (filelock
    would fall back to a lock that does not.) It works between the nodes of a cluster if their shared file system
    supports it; otherwise the block runs unlocked.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _hold(lock)
    try:
        yield
        if not keep:
            lock.unlink(missing_ok=True)  # before the release: waiting processes see that it is gone
    finally:
        release(descriptor)


def release(descriptor: int) -> None:
    """Release a lock and close its file."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough if a child process has inherited it
    os.close(descriptor)


def _hold(lock: Path) -> int:
    """Descriptor of the held lock file; if it was removed during the wait, of the new one."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _wait_for(descriptor, lock)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), lock.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _wait_for(descriptor: int, lock: Path) -> None:
    start, is_logged = time.monotonic(), False
    while not try_lock(descriptor):
        if not is_logged and time.monotonic() - start > _PATIENCE:
            log.info("waiting for %s, which another process is making", lock.name.removesuffix(".lock"))
            is_logged = True
        time.sleep(0.1)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Whether we hold the lock (exclusive or shared), or locks are not supported."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _NO_LOCKS or _raise_unless_busy(error)
    return True


def _raise_unless_busy(error: OSError) -> bool:
    if error.errno in (errno.EAGAIN, errno.EACCES):
        return False
    raise error


def _publish(draft: Path, path: Path) -> None:
    # The manifest of a file comes first, so that every existing file has one.
    manifest = draft / MANIFEST if draft.is_dir() else manifest_path(path)
    write_manifest(draft, manifest, path.name)
    try:
        draft.replace(path)
    except OSError:
        if not path.exists():  # else: without locks, another process was faster with a folder
            raise


def _remove_abandoned(path: Path) -> None:
    """Remove incomplete files of an artefact left by killed processes."""
    for draft in path.parent.glob(f".draft-*-{glob.escape(path.name)}"):
        with suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > _ABANDONED:
                _remove(draft)


def _remove(draft: Path) -> None:
    if draft.is_dir():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        draft.unlink(missing_ok=True)


def key_of(content: Any) -> str:
    """Key of everything that determines an artefact: a hash of its JSON.

    >>> key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def file_name(names: Iterable[str], key: str) -> str:
    """Readable name of an artefact: its sources, cut to `_READABLE` letters, and its key.

    >>> file_name(["stories/pieman", "tunnel"], "4f2a")
    'stories-pieman-tunnel-4f2a'
    """
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(names)).strip("-.")
    return "-".join(filter(None, [readable[:_READABLE], key]))
