import errno
import logging
import os
import tempfile
from pathlib import Path

import pytest

from bids_app.bids.container import CONTAINER_TAG
from bids_app.machine import folders
from bids_app.machine.run_folders import RunFolders
from bids_app.settings import Settings

# Nobody can make a folder there, root neither.
CLOSED = Path("/sys/n2n")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(bids_dir=tmp_path, out_dir=tmp_path / "out", level="participant")


def test_nothing_is_left_where_a_run_can_write(settings: Settings) -> None:
    folders.check_folders(RunFolders.of(settings))
    assert not list(settings.bids_dir.iterdir())


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="there is no /sys")
@pytest.mark.parametrize("name", ["OUT_DIR", "The work directory"])
def test_a_folder_that_cannot_be_written(name: str) -> None:
    with pytest.raises(OSError, match=rf"{name} {CLOSED} cannot be (written|made)") as error:
        folders.require_writable(name, CLOSED)
    assert "Errno" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(OSError, match=rf"cannot be written by user {os.getuid()} .*with the permissions 555\): give"):
        folders.require_writable("OUT_DIR", tmp_path / "out")


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file is not a folder: give another path"):
        folders.require_writable("OUT_DIR", tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("number", "inside", "mounted", "message"),
    [
        (errno.EROFS, False, True, "its disk is mounted read-only: give a folder on another disk"),
        (errno.EROFS, True, True, "its disk is mounted read-only: mount it without :ro"),
        (errno.EROFS, True, False, r"mounted read-only: is the volume mounted \(-v FOLDER:"),
        (errno.EACCES, True, True, r'start the container as its owner with -u "\$\(id -u\):\$\(id -g\)"'),
        (errno.ENOSPC, False, True, "No space is left on the disk .*--work-dir"),
    ],
)
def test_each_reason_has_its_advice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, inside: bool, mounted: bool, message: str
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(folders, "goes_with_container", lambda _: not mounted)
    monkeypatch.delenv("APPTAINER_CONTAINER", raising=False)
    monkeypatch.setenv(CONTAINER_TAG, "neurons2networks:test" if inside else "")
    with pytest.raises(OSError, match=message):
        folders.require_writable("OUT_DIR", tmp_path)


def test_results_that_go_with_the_container_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(CONTAINER_TAG, "neurons2networks:test")
    monkeypatch.setattr(folders, "goes_with_container", lambda folder: folder == settings.out_dir)
    with caplog.at_level(logging.WARNING, logger="neurons2networks"):
        folders.check_folders(RunFolders.of(settings))
    assert "is lost with it: is the volume mounted" in caplog.text
