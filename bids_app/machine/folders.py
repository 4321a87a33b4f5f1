"""Check that a run can write into its folders, and explain why not."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
from pathlib import Path

from bids_app.bids.container import container, goes_with_container, mount_advice
from bids_app.disk import DiskError, existing, is_full, no_space
from bids_app.machine.run_folders import RunFolders

log = logging.getLogger("neurons2networks")


def check_folders(folders: RunFolders) -> None:
    """Raise DiskError, with one sentence, if OUT_DIR or the work directory cannot be written.

    Warns if OUT_DIR lies in the container itself.
    """
    require_writable("OUT_DIR", folders.out_dir)
    require_writable("The work directory", folders.work)
    if folders.database is not None:
        require_writable("--bids-database-dir", folders.database)
    if goes_with_container(folders.out_dir):
        advice = mount_advice(folders.out_dir, "")
        log.warning("OUT_DIR %s lies in the container, and is lost with it: %s", folders.out_dir, advice)


def require_writable(name: str, folder: Path) -> None:
    """Raise DiskError if a folder, or its future parent, cannot be written."""
    there = existing(folder)
    if not there.is_dir():
        raise DiskError(f"{name} {folder} cannot be made, because {there} is not a folder: give another path")
    try:
        with tempfile.TemporaryFile(dir=there):  # tested by writing: permissions do not show read-only or full disks
            pass
    except OSError as error:
        raise DiskError(_refusal(name, folder, there, error)) from None


def _refusal(name: str, folder: Path, there: Path, error: OSError) -> str:
    if error.errno == errno.EROFS:
        mounted = container() is not None and not goes_with_container(folder)
        advice = "mount it without :ro" if mounted else mount_advice(folder, "give a folder on another disk")
        return f"{name} {folder} cannot be written, its disk is mounted read-only: {advice}"
    if is_full(error):
        return f"{name} {folder}: {no_space(there)}"
    status = there.stat()
    rights = f"{there} belongs to user {status.st_uid} with the permissions {status.st_mode & 0o777:o}"
    advice = "give a folder of your own, or change its permissions"
    if (image := container()) is not None and image["Type"] == "docker":
        advice += ', or start the container as its owner with -u "$(id -u):$(id -g)"'
    return f"{name} {folder} cannot be written by user {os.getuid()} ({rights}): {advice}"
