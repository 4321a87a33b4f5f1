"""Room on a disk: taken before it is used, and what to say when there is none. Imports nothing of the package."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

MEGABYTE = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskError(OSError):
    """A folder that cannot be written, or has no room: a sentence that says which, and what to do."""


def new_array(path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> np.memmap:
    """Create an .npy file of zeros and return it memory-mapped, with its room on the disk taken.

    A memory map of a file without that room kills the process (SIGBUS) once the disk is full. Raises DiskError that
    says how much is needed and what is free.
    """
    array = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
    try:
        _take_room(path)
    except OSError as error:
        if not is_full(error):
            return array  # not every file system can take room beforehand
        path.unlink(missing_ok=True)
        raise DiskError(no_space(path.parent, needed_mb=array.nbytes / MEGABYTE)) from None
    return array


def no_space(*folders: Path, needed_mb: float | None = None) -> str:
    """Say that a disk is full: what is free in each of these folders, and what to do."""
    free = ", ".join(f"{free_mb(folder):.1f} MB are free in {folder}" for folder in folders)
    needed = "" if needed_mb is None else f", {needed_mb:.1f} MB are needed"
    return (
        f"No space is left on the disk ({free}{needed}): give an OUT_DIR or --work-dir on a larger disk; "
        "a container's own /tmp is larger with --tmpfs /tmp:size=8g"
    )


def is_full(error: BaseException, *folders: Path) -> bool:
    """Whether an error came from a full disk: it says so, or does not say its kind and a folder has no room left."""
    if not isinstance(error, OSError) or isinstance(error, DiskError):
        return False
    # numpy and pyarrow keep the number of the error to themselves
    return error.errno in _FULL or (error.errno is None and any(free_mb(folder) < 1 for folder in folders))


def existing(folder: Path) -> Path:
    """Return the folder itself, or the nearest one above it that is there and can be seen."""
    exists = os.path.exists  # Path.exists raises where a parent may not be looked into
    return next(path for path in (folder, *folder.absolute().parents) if exists(path))


def free_mb(folder: Path) -> float:
    """Free space in MB for an ordinary user where a folder lies."""
    return shutil.disk_usage(folder).free / MEGABYTE


def _take_room(path: Path) -> None:
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
