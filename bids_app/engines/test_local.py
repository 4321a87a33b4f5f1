from pathlib import Path
from typing import Any

import pytest

from bids_app.engines.jobs import Job
from bids_app.engines.local import LocalEngine
from bids_app.machine.budget import memory_mb
from bids_app.settings import Settings


def settings(folder: Path, **given: Any) -> Settings:
    return Settings(folder, folder, "participant", **given)


@pytest.mark.parametrize(("nprocs", "total", "share"), [(1, 4000, 3400), (2, 4000, 1100), (2, 1500, 256)])
def test_memory_is_shared_by_the_processes_after_what_they_take_themselves(
    tmp_path: Path, nprocs: int, total: int, share: int
) -> None:
    assert memory_mb(settings(tmp_path, nprocs=nprocs, mem_mb=total)) == share


def test_too_little_memory_for_the_processes_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    LocalEngine(settings(tmp_path, nprocs=2, mem_mb=4000))
    assert not caplog.records
    LocalEngine(settings(tmp_path, nprocs=2, mem_mb=1500))
    assert "lower --nprocs" in caplog.text


def test_who_is_done_is_reported_once_though_a_report_follows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    engine = LocalEngine(settings(tmp_path))
    for computes in (True, False):
        engine.run([Job("sub-01", lambda *_: None, computes=computes)])
    assert caplog.text.count("sub-01: done in") == 1
