import errno
import fcntl
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bids_app.machine.once import computed_once, file_name, locked


def write_whole(draft: Path) -> None:
    draft.write_text("whole")


def write_bytes(draft: Path) -> None:
    draft.write_bytes(bytes(range(200)))


def refuse(draft: Path) -> None:
    raise AssertionError(draft)


def append_slowly(arguments: tuple[Path, Path]) -> str:
    path, log = arguments

    def compute(draft: Path) -> None:
        with log.open("a") as file:
            file.write("x")
        draft.write_text("half")
        time.sleep(0.2)
        draft.write_text("whole")

    return computed_once(path, compute).read_text()


def test_processes_that_start_together_compute_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        results = pool.map(append_slowly, [(tmp_path / "deep" / "artefact", log)] * 4)
    assert results == ["whole"] * 4
    assert log.read_text() == "x"


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(draft: Path) -> None:
        draft.mkdir()
        (draft / "part").write_text("half")
        raise RuntimeError("no space left")

    with pytest.raises(RuntimeError, match="no space"):
        computed_once(tmp_path / "artefact", fail)
    assert [p.name for p in tmp_path.iterdir()] == ["artefact.lock"]


def hold(path: Path, begun: Path) -> None:
    def compute(draft: Path) -> None:
        draft.write_text("half")
        begun.touch()
        time.sleep(60)

    computed_once(path, compute)


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=hold, args=(tmp_path / "artefact", tmp_path / "begun")
    )
    process.start()
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    process.kill()
    process.join()
    assert computed_once(tmp_path / "artefact", write_whole).read_text() == "whole"


def test_drafts_of_killed_processes_go_after_a_day(tmp_path: Path) -> None:
    old, new = (tmp_path / f".draft-{name}-artefact" for name in ("old", "new"))
    for draft in (old, new):
        draft.mkdir()
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    computed_once(tmp_path / "artefact", write_whole)
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK])
def test_without_locks_the_first_that_is_complete_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def no_lock(*_: object) -> None:
        raise OSError(code, "no locks here")

    def compute(draft: Path) -> None:
        draft.mkdir()
        (draft / "part").write_text("mine")
        path.mkdir()  # meanwhile, in another process
        (path / "part").write_text("theirs")

    monkeypatch.setattr(fcntl, "flock", no_lock)
    path = tmp_path / "artefact"
    assert (computed_once(path, compute) / "part").read_text() == "theirs"
    assert {entry.name for entry in tmp_path.iterdir()} == {"artefact", "artefact.lock"}


def write_folder(draft: Path) -> None:
    draft.mkdir()
    (draft / "values").write_bytes(bytes(range(200)))
    (draft / "summary.json").write_text("{}")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def zero(path: Path) -> None:
    path.write_bytes(bytes(len(path.read_bytes())))


@pytest.mark.parametrize("damage", [cut, zero, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
@pytest.mark.parametrize("name", ["values", "summary.json", "manifest.json"])
def test_a_damaged_folder_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], int | None], name: str
) -> None:
    folder = computed_once(tmp_path / "artefact", write_folder)
    damage(folder / name)
    computed_once(folder, write_folder)
    assert (folder / "values").read_bytes() == bytes(range(200))
    assert (folder / "summary.json").read_text() == "{}"
    assert f"{folder} is made again, because it is damaged: {name}" in caplog.text.replace("the content of ", "")


@pytest.mark.parametrize("damage", [cut, zero, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["artefact.npz", "artefact.npz.manifest.json"])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: Callable[[Path], int | None], name: str) -> None:
    path = computed_once(tmp_path / "artefact.npz", write_bytes)
    damage(tmp_path / name)
    computed_once(path, write_bytes)
    assert path.read_bytes() == bytes(range(200))
    computed_once(path, refuse)  # whole: nothing is computed


def test_a_lock_that_is_not_kept_still_locks(tmp_path: Path) -> None:
    lock, log = tmp_path / "lock", []

    def work(name: str) -> None:
        for _ in range(20):
            with locked(lock, keep=False):
                log.append(name)
                time.sleep(0.001)
                log.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log[::2] == log[1::2]
    assert not lock.exists()


def test_names_of_many_stories_are_short_and_their_own() -> None:
    stories = [f"stories/chapter{number:02d}/audio" for number in range(84)]
    name = file_name(stories, "a" * 20)
    assert len(name) <= 61
    assert name.startswith("stories-chapter00-audio-")
    assert file_name(["漢字"], "key") == "key"
