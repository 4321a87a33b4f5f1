import multiprocessing
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
