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
# What file systems without locks answer: some network file systems, as they are mounted at some sites.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
_PATIENCE = 10.0  # seconds of waiting before it is said
_READABLE = 40  # letters of the readable part of a name: a path of all stories may be longer than a name can be
_ABANDONED = 24 * 3600.0  # seconds after which a draft belongs to a process that was killed


def computed_once(
    path: Path, compute: Callable[[Path], None], damage_of: Callable[[Path], str | None] = artefact_damage
) -> Path:
    """Return `path` (a file or folder), after calling `compute(draft)` and moving the draft there if it is missing.

    An artefact that is damaged (`damage_of` says how) is made again; its manifest, with size and checksum of each file,
    lies in the folder or beside the file. Processes that want the same artefact wait for the one that makes it; when
    that one is killed, the next makes it. Where files cannot be locked it may be made several times, and the first that
    is complete stays.
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
    """Hold the lock file `lock`, which is made where it is missing, while the block runs; else than `keep`, it goes.

    It is a lock of the kernel (flock), which ends with its process: after a killed one, nothing is to be cleaned up.
    (filelock would turn to one that does not, where there are none of the kernel.) It works between the nodes of a
    cluster as far as their common file system carries it; where there is none, the block runs unlocked.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _hold(lock)
    try:
        yield
        if not keep:
            lock.unlink(missing_ok=True)  # before it is given free: whoever waited for it sees that it is gone
    finally:
        release(descriptor)


def release(descriptor: int) -> None:
    """Give a lock free and close its file."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough where a child process has inherited it
    os.close(descriptor)


def _hold(lock: Path) -> int:
    """Descriptor of the lock file, held; of one that was removed while we waited, the new one."""
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
    """Whether the lock, alone or shared with others, is ours now, or there is none to be had."""
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
    # The manifest of a file comes first: a file that is there always has its own.
    manifest = draft / MANIFEST if draft.is_dir() else manifest_path(path)
    write_manifest(draft, manifest, path.name)
    try:
        draft.replace(path)
    except OSError:
        if not path.exists():  # else: without locks, another process was faster with a folder
            raise


def _remove_abandoned(path: Path) -> None:
    """Remove what killed processes left of an artefact."""
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
    """Short name for whatever determines an artefact: a hash of its JSON.

    >>> key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def file_name(names: Iterable[str], key: str) -> str:
    """Name of an artefact for people: what it was made from, cut to `_READABLE` letters, and its key.

    >>> file_name(["stories/pieman", "tunnel"], "4f2a")
    'stories-pieman-tunnel-4f2a'
    """
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(names)).strip("-.")
    return "-".join(filter(None, [readable[:_READABLE], key]))
