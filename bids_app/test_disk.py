import errno
import shutil
from pathlib import Path

import numpy as np
import pytest

from bids_app.disk import DiskError, existing, is_full, new_array

# A file system of memory refuses what is larger than itself at once, without being filled.
TMPFS = Path("/dev/shm")


def test_an_array_begins_with_zeros_and_is_read_as_any_other(tmp_path: Path) -> None:
    array = new_array(tmp_path / "a.npy", np.float32, (3, 4))
    assert array.dtype == np.float32
    array[1, 2] = 5
    array.flush()
    expected = np.zeros((3, 4))
    expected[1, 2] = 5
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), expected)


def test_room_on_the_disk_is_taken_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    new_array(path, np.int16, (1000, 1000))
    assert path.stat().st_blocks * 512 >= 2_000_000


@pytest.mark.skipif(not TMPFS.is_dir(), reason="there is no /dev/shm")
def test_an_array_larger_than_the_disk_is_refused_before_it_is_written() -> None:
    path = TMPFS / f"n2n-{np.random.default_rng().integers(2**60)}.npy"
    with pytest.raises(OSError, match=r"No space is left on the disk \(.* free in /dev/shm, .* needed\).*--work-dir"):
        new_array(path, np.uint8, (shutil.disk_usage(TMPFS).total * 2,))
    assert not path.exists()


def test_a_full_disk_differs_from_other_errors(tmp_path: Path) -> None:
    assert is_full(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_full(PermissionError(errno.EACCES, "Permission denied"), tmp_path)
    assert not is_full(ValueError("no space"), tmp_path)
    assert not is_full(OSError("of a kind that is not told"), tmp_path)


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="there is no /sys, which has no room")
def test_an_error_without_a_number_where_there_is_no_room() -> None:
    assert is_full(OSError("512 requested and 0 written"), Path("/sys"))
    assert not is_full(DiskError("OUT_DIR /sys cannot be written"), Path("/sys"))  # has its advice already


def test_the_nearest_folder_that_is_there(tmp_path: Path) -> None:
    assert existing(tmp_path / "a" / "b") == tmp_path
    assert existing(tmp_path) == tmp_path
    (tmp_path / "file").touch()
    assert existing(tmp_path / "file" / "below") == tmp_path / "file"
