import errno
import fcntl
import multiprocessing
import os
import time

import pytest

from bids_app.workflow.shared import computed_once


def append_slowly(arguments):
    path, log = arguments

    def compute(draft):
        with log.open("a") as file:
            file.write("x")
        draft.write_text("half")
        time.sleep(0.2)
        draft.write_text("whole")

    return computed_once(path, compute).read_text()


def test_processes_that_start_together_compute_once(tmp_path):
    log = tmp_path / "log"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        found = pool.map(append_slowly, [(tmp_path / "deep" / "artefact", log)] * 4)
    assert found == ["whole"] * 4
    assert log.read_text() == "x"


def test_what_fails_leaves_nothing_behind(tmp_path):
    def fail(draft):
        draft.mkdir()
        (draft / "part").write_text("half")
        raise RuntimeError("no space left")

    with pytest.raises(RuntimeError, match="no space"):
        computed_once(tmp_path / "artefact", fail)
    assert [p.name for p in tmp_path.iterdir()] == ["artefact.lock"]


def hold(path, begun):
    def compute(draft):
        draft.write_text("half")
        begun.touch()
        time.sleep(60)

    computed_once(path, compute)


def test_a_killed_process_leaves_no_lock(tmp_path):
    process = multiprocessing.get_context("spawn").Process(
        target=hold, args=(tmp_path / "artefact", tmp_path / "begun")
    )
    process.start()
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    process.kill()
    process.join()
    assert computed_once(tmp_path / "artefact", lambda draft: draft.write_text("whole")).read_text() == "whole"


def test_drafts_of_killed_processes_go_after_a_day(tmp_path):
    old, new = (tmp_path / f".draft-{name}-artefact" for name in ("old", "new"))
    for draft in (old, new):
        draft.mkdir()
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    computed_once(tmp_path / "artefact", lambda draft: draft.write_text("whole"))
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK])
def test_without_locks_the_first_that_is_complete_stays(tmp_path, monkeypatch, code):
    def no_lock(*_):
        raise OSError(code, "no locks here")

    def compute(draft):
        draft.mkdir()
        (draft / "part").write_text("mine")
        path.mkdir()  # meanwhile, in another process
        (path / "part").write_text("theirs")

    monkeypatch.setattr(fcntl, "flock", no_lock)
    path = tmp_path / "artefact"
    assert (computed_once(path, compute) / "part").read_text() == "theirs"
    assert {one.name for one in tmp_path.iterdir()} == {"artefact", "artefact.lock"}
