import errno
import os
from pathlib import Path

import pytest

from bids_app.machine.explanations import explain
from bids_app.machine.run_folders import RunFolders
from bids_app.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(bids_dir=tmp_path / "data", out_dir=tmp_path / "out", level="participant")


def test_a_full_disk_is_explained_and_other_errors_are_not(settings: Settings) -> None:
    full = explain(OSError(errno.ENOSPC, "No space left on device"), RunFolders.of(settings))
    assert full is not None
    assert f"free in {settings.out_dir.parent}" in full
    assert explain(ValueError("what the user did"), RunFolders.of(settings)) is None
    assert explain(OSError("of a kind that is not told"), RunFolders.of(settings)) is None


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError("Unable to allocate 74.7 GiB"), "memory ran out (Unable to allocate 74.7 GiB): lower --nprocs"),
        (MemoryError(), "memory ran out: lower --nprocs"),
        (RecursionError("maximum recursion depth"), "nested too deeply"),
        (OSError(errno.ENAMETOOLONG, "", "x" * 400), "the name is too long for this disk"),
        (OSError(errno.EMFILE, "", "x"), "ulimit -n"),
        (OSError(errno.EFBIG, "", "x"), "ulimit -f"),
        (FileNotFoundError(errno.ENOENT, "", "/no/x"), "/no/x: there is no such file"),
    ],
)
def test_each_error_of_the_machine_has_its_words(settings: Settings, error: Exception, message: str) -> None:
    words = explain(error, RunFolders.of(settings))
    assert words is not None
    assert message in words
    assert "Errno" not in words
    assert len(words) < 500


def test_rights_say_whose_file_it_is(settings: Settings) -> None:
    lock = settings.out_dir / ".work" / "x.lock"
    lock.parent.mkdir(parents=True)
    lock.touch(0o640)
    message = explain(PermissionError(errno.EACCES, "", str(lock)), RunFolders.of(settings))
    assert message is not None
    assert f"{lock} cannot be written by user" in message
    assert f"({os.getuid()}) with the permissions 640; remove it" in message
    new = explain(
        PermissionError(errno.EACCES, "", str(settings.out_dir / "sub-01" / "map.gii")), RunFolders.of(settings)
    )
    assert f"{settings.out_dir} belongs to user" in str(new)
    read = explain(PermissionError(errno.EACCES, "", str(settings.bids_dir)), RunFolders.of(settings))
    assert f"{settings.bids_dir} cannot be read by user" in str(read)
