"""Disk space: reserved before use, with messages for full disks. Imports nothing from the package."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

MEGABYTE = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskError(OSError):
    """A folder cannot be written or its disk is full; the message names it and says what to do."""


def new_array(path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> np.memmap:
    """Create an .npy file of zeros with its disk space reserved, and return it memory-mapped.

    Without reserved space, writing to a memory map kills the process (SIGBUS) once the disk is full. Raises DiskError
    with the space needed and the space free.
    """
    array = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
    try:
        _take_room(path)
    except OSError as error:
        if not is_full(error):
            return array  # not every file system can reserve space
        path.unlink(missing_ok=True)
        raise DiskError(no_space(path.parent, needed_mb=array.nbytes / MEGABYTE)) from None
    return array


def no_space(*folders: Path, needed_mb: float | None = None) -> str:
    """Message for a full disk: free space in each of these folders, and what to do."""
    free = ", ".join(f"{free_mb(folder):.1f} MB are free in {folder}" for folder in folders)
    needed = "" if needed_mb is None else f", {needed_mb:.1f} MB are needed"
    return (
        f"No space is left on the disk ({free}{needed}): give an OUT_DIR or --work-dir on a larger disk; "
        "a container's own /tmp is larger with --tmpfs /tmp:size=8g"
    )


def is_full(error: BaseException, *folders: Path) -> bool:
    """Whether an error came from a full disk: by its number, or, without one, because a folder has no space left."""
    if not isinstance(error, OSError) or isinstance(error, DiskError):
        return False
    # numpy and pyarrow do not pass on the error number
    return error.errno in _FULL or (error.errno is None and any(free_mb(folder) < 1 for folder in folders))


def existing(folder: Path) -> Path:
    """Return the folder itself, or its nearest parent that exists and can be accessed."""
    exists = os.path.exists  # Path.exists raises if a parent may not be read
    return next(path for path in (folder, *folder.absolute().parents) if exists(path))


def free_mb(folder: Path) -> float:
    """Free space in MB for an ordinary user on the disk of a folder."""
    return shutil.disk_usage(folder).free / MEGABYTE


def reserve(descriptor: int, size: int) -> None:
    """Reserve disk space for an open file; OSError if the disk is too full or cannot reserve space."""
    if hasattr(os, "posix_fallocate"):  # not on macOS
        os.posix_fallocate(descriptor, 0, size)


def _take_room(path: Path) -> None:
    with path.open("r+b") as file:
        reserve(file.fileno(), path.stat().st_size)
