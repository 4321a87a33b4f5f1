"""Real processes that are told to end: all of them do, within seconds, in one line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from signal import Signals

import pytest

PROGRAM = """
import hashlib, os, sys, time
from functools import partial
from pathlib import Path
from bids_app.border import at_the_border
from bids_app.settings import Settings
from bids_app.engines.local import LocalEngine
from bids_app.engines.jobs import Job

def sleep(folder, settings, name):
    Path(folder, f"pid-{name}").write_text(str(os.getpid()))
    try:
        time.sleep(60)
    finally:
        Path(folder, "cleared").touch()

def compute(folder, settings, name):  # in C, where no signal is noticed before the end
    Path(folder, f"pid-{name}").write_text(str(os.getpid()))
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)

def main():
    folder = Path(sys.argv[1])
    settings = Settings(folder, folder / "out", "participant", nprocs=int(sys.argv[2]))
    jobs = [Job("compute", partial(compute, folder)), Job("sleep", partial(sleep, folder))]
    LocalEngine(settings).run(jobs)
    return 0

if __name__ == "__main__":
    sys.exit(at_the_border("program", main, [], is_program=True))
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(condition: Callable[[], bool], seconds: int) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize(
    ("number", "nprocs", "status"),
    [
        (signal.SIGTERM, 2, 143),
        (signal.SIGINT, 2, 130),
        (signal.SIGKILL, 2, -9),
        (signal.SIGTERM, 1, 143),
    ],
)
def test_all_processes_end_with_the_run(tmp_path: Path, number: Signals, nprocs: int, status: int) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py"), str(tmp_path), str(nprocs)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        # A file appears before its content.
        assert wait_for(lambda: sum(path.read_text() != "" for path in tmp_path.glob("pid-*")) == nprocs, 120)
        pids = [int(path.read_text()) for path in tmp_path.glob("pid-*")]
        run.send_signal(number)
        assert run.wait(120) == status
        assert wait_for(lambda: not any(map(is_alive, pids)), 120)
    finally:
        run.kill()
        run.wait()
    assert run.stderr is not None
    stderr = run.stderr.read()
    assert "Traceback" not in stderr
    assert stderr.count("stopped by") == (number != signal.SIGKILL)
    assert nprocs == 1 or number == signal.SIGKILL or (tmp_path / "cleared").exists()
