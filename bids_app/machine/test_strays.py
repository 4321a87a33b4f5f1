import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from bids_app.atomic import atomic_path
from bids_app.machine.run_folders import RunFolders
from bids_app.machine.strays import clearing_strays, remove_strays, writing
from bids_app.settings import Settings

Strays = tuple[list[Path], list[Path]]

HOLD = """
import sys, time
from pathlib import Path
from bids_app.machine.run_folders import RunFolders
from bids_app.machine.strays import writing
out = Path(sys.argv[1])
with writing(RunFolders(out, out, out / ".work")):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path / "out", "participant", work_dir=tmp_path / "work")


@pytest.fixture
def strays(settings: Settings) -> Strays:
    """What runs that were killed have left, in each place where something is written."""
    paths = [
        settings.out_dir / "sub-01" / "func" / f".{uuid4().hex}_sub-01_stat-r_statmap.func.gii",
        settings.out_dir / "figures" / f".{uuid4().hex}_figure.png",
        settings.work / "dictionaries" / f".draft-{uuid4().hex}-gpt2-0123" / "responses.npy",
        settings.work / "activations" / f".{'a' * 40}-{uuid4().hex}" / "layer-01.npy",
        settings.work / f".spins-9_seed-0.{uuid4().hex}.npy",
    ]
    kept = [
        settings.out_dir / ".bidsignore",
        settings.out_dir / ".git" / f".{uuid4().hex}_object",
        settings.work / "activations" / ("b" * 40) / "layer-01.npy",
        settings.work / "requests" / "0123.lock",
    ]
    for path in (*paths, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths, kept


def test_a_run_that_is_alone_removes_them(settings: Settings, strays: Strays) -> None:
    paths, kept = strays
    with clearing_strays(RunFolders.of(settings)):
        assert not any(path.exists() for path in paths)
        assert all(path.exists() for path in kept)


def test_what_another_run_writes_stays_until_it_is_killed(settings: Settings, strays: Strays) -> None:
    shared = Settings(settings.bids_dir, settings.out_dir, "participant")  # its work directory is in OUT_DIR
    paths = [path for path in strays[0] if path.is_relative_to(settings.out_dir)]
    command = [sys.executable, "-c", HOLD, str(settings.out_dir)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with clearing_strays(RunFolders.of(shared)):
            assert all(path.exists() for path in paths)
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
    with clearing_strays(RunFolders.of(shared)):
        assert not any(path.exists() for path in paths)


def test_a_run_that_has_begun_is_seen_by_the_next(settings: Settings) -> None:
    with clearing_strays(RunFolders.of(settings)), atomic_path(settings.out_dir / "map") as partial:
        partial.touch()
        with writing(RunFolders.of(settings)), clearing_strays(RunFolders.of(settings)):
            assert partial.exists()
    assert (settings.out_dir / "map").exists()


def test_without_locks_age_alone_counts(settings: Settings, strays: Strays) -> None:
    paths, _ = strays
    os.utime(paths[0], (time.time() - 90_000,) * 2)
    assert remove_strays(settings.out_dir, 86_400) == [paths[0]]
