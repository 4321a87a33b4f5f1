"""Arrays of any number of participants on disk, in a file without a name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from bids_app.disk import MEGABYTE, DiskError, free_mb, is_full, no_space, reserve
from bids_app.stats.arrays import AnyArray, Doubles


class ScratchFile:
    """A file without a name in a folder: it vanishes with the object, also if the process is killed.

    No later run can therefore take old values for new ones.
    """

    def __init__(self, folder: Path, size: int = 0) -> None:
        """Reserve `size` bytes. Raises DiskError, with the space needed, if the disk is too full."""
        folder.mkdir(parents=True, exist_ok=True)
        if size > free_mb(folder) * MEGABYTE:  # reserving it would fill the disk before it fails
            raise DiskError(no_space(folder, needed_mb=size / MEGABYTE))
        self._folder = folder
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (open as long as the arrays are)
        try:
            reserve(self._file.fileno(), max(1, size))
        except OSError as error:
            if is_full(error):
                self._file.close()
                raise DiskError(no_space(folder, needed_mb=size / MEGABYTE)) from None

    def write(self, array: AnyArray, start: int) -> None:
        """Write the values of an array from byte `start` on. Raises DiskError if the disk is full."""
        if not array.size:  # a view of nothing cannot be cast
            return
        content = np.ascontiguousarray(array).data.cast("B")
        self._file.seek(start)
        try:
            self._file.write(content)
            self._file.flush()
        except OSError as error:  # where the file system could not reserve the space
            if is_full(error):
                raise DiskError(no_space(self._folder, needed_mb=len(content) / MEGABYTE)) from None
            raise

    def fill(self, array: AnyArray, start: int) -> None:
        """Read the values of a contiguous array from byte `start` on. Raises OSError if the file was cut short."""
        read = os.preadv(self._file.fileno(), [array.data.cast("B")], start) if array.size else 0
        if read != array.nbytes:
            raise OSError(f"the scratch file of the group level in {self._folder} was cut short: run it again")

    def close(self) -> None:
        """Free the space on the disk."""
        self._file.close()


class ScratchArrays:
    """Arrays that are kept on disk until they are read again; `close` frees the space."""

    def __init__(self, folder: Path) -> None:
        """Open a file without a name in `folder`."""
        self._file, self._end = ScratchFile(folder), 0

    def keep(self, array: Doubles) -> Callable[[], Doubles]:
        """Store an array, and return a function that reads it."""
        start = self._end
        self._file.write(array, start)
        self._end += array.nbytes
        return partial(self._read, start, array.shape)

    def _read(self, start: int, shape: tuple[int, ...]) -> Doubles:
        array = np.empty(shape)
        self._file.fill(array, start)
        return array

    def close(self) -> None:
        """Free the space on the disk."""
        self._file.close()
