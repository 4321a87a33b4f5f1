"""Explain errors of the machine: the owner of a file, the full disk, and what to do."""

from __future__ import annotations

import errno
import os
import pwd
from pathlib import Path

from bids_app.disk import DiskError, existing, is_full, no_space
from bids_app.machine.run_folders import RunFolders

_WORDS = {
    errno.ENOENT: "there is no such file or folder (any more): check the path, and whether something removed it",
    errno.ENOTDIR: "a file stands where a folder is needed: check the path",
    errno.EISDIR: "is a folder, must be a file",
    errno.ENAMETOOLONG: "the name is too long for this disk: give a shorter path",
    errno.EFBIG: "a file became larger than this user or disk allows (ulimit -f): raise the limit",
    errno.EROFS: "the disk is mounted read-only: give a folder on another disk",
    errno.EIO: "the disk answered with an error: check it, then run again",
    errno.ESTALE: "the network disk lost the file: check its mount, then run again",
}

_WITHOUT_PATH = (errno.EFBIG, errno.EROFS, errno.EIO, errno.ESTALE)  # clear enough without a file name


def explain(error: BaseException, run: RunFolders) -> str | None:
    """A sentence for an error of the machine (disk, permissions, memory); None for any other."""
    folders = dict.fromkeys(existing(folder) for folder in (run.out_dir, run.work))
    if is_full(error, *folders):
        return no_space(*folders)
    if isinstance(error, OSError) and not isinstance(error, DiskError):
        return _of_files(error, run)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        wanted = f" ({' '.join(str(error).split())[:200]})" if str(error) else ""
        return f"memory ran out{wanted}: lower --nprocs, atoms or data at a time (--mem-mb), or give it more memory"
    if isinstance(error, RecursionError):
        return "a file that was read is nested too deeply (JSON in JSON, thousands of times): it is damaged, restore it"
    return None


def _of_files(error: OSError, run: RunFolders) -> str | None:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many files are open (ulimit -n): raise the limit to 1024 or more"
    if error.filename is None or isinstance(error.filename, int):
        return _WORDS.get(error.errno or 0) if error.errno in _WITHOUT_PATH else None
    # Of two paths, the second is the final name; the first is a draft.
    named = error.filename2 if isinstance(error, IsADirectoryError) and error.filename2 else error.filename
    path = Path(os.fsdecode(named))
    if error.errno in (errno.EACCES, errno.EPERM):
        return _of_rights(path, run)
    words = _WORDS.get(error.errno or 0)
    return f"{_name(path, run)}: {words}" if words else None


def _of_rights(path: Path, run: RunFolders) -> str:
    """The owner of a file that cannot be read or written."""
    writes = any(path.is_relative_to(folder) for folder in (run.out_dir, run.work))
    user, there = os.geteuid(), existing(path)
    closed = [folder for folder in reversed(there.parents) if not os.access(folder, os.X_OK)]
    culprit = closed[0] if closed else there
    status = culprit.stat()
    advice = "remove it, change its permissions, or give another folder"
    return (
        f"{_name(path, run)} cannot be {'written' if writes else 'read'} by user {_user(user)}: {culprit} belongs "
        f"to user {_user(status.st_uid)} with the permissions {status.st_mode & 0o777:o}; "
        f"{advice if writes else 'change its permissions (chmod u+rX)'}"
    )


def _name(path: Path, run: RunFolders) -> str:
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    if len(shown) > 300:
        shown = f"{shown[:120]}…{shown[-80:]}"
    for name, folder in (("OUT_DIR", run.out_dir), ("the work directory", run.work)):
        if path == folder:
            return f"{name} {shown}"
    return shown


def _user(number: int) -> str:
    try:
        return f"{pwd.getpwuid(number).pw_name} ({number})"
    except KeyError:
        return str(number)
