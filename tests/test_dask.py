"""The app on a real Dask scheduler with two worker processes, one of which is killed, and on workers in SLURM."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import FAST, run

pytest.importorskip("distributed", reason="the extra `dask` is not installed")
ONLY = ("--analysis", "brainscore", "--engine", "dask")
LIMIT = 300


def wait_for(condition, event):
    end = time.monotonic() + LIMIT
    while not (result := condition()):
        assert time.monotonic() < end, f"no {event}"
        time.sleep(0.05)
    return result


@pytest.fixture
def start(tmp_path):
    """Start a command of Dask; returns its process and its log. All are ended after the test."""
    processes = []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

    def start(name, *arguments):
        log = tmp_path / f"{name}.txt"
        command = [sys.executable, "-m", "dask", *map(str, arguments)]
        processes.append(subprocess.Popen(command, stderr=log.open("w"), env=environment))
        return processes[-1], log

    yield start
    for process in processes:
        process.kill()
        process.wait()


def same_as_local(demo, out):
    """Compare brain scores, ceilings and sidecars with those of the local engine, byte by byte."""
    paths = sorted(path for path in out.glob("sub-*/func/*") if path.is_file())
    expected = [path for path in demo.out.glob("sub-*/func/*") if re.search("brainscore|noiseceiling", path.name)]
    assert [path.name for path in paths] == sorted(path.name for path in expected)
    for path in paths:
        assert path.read_bytes() == (demo.out / path.relative_to(out)).read_bytes(), path.name


def test_the_jobs_of_a_killed_worker_are_done_again(demo, tmp_path, start):
    _, log = start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard")
    address = wait_for(lambda: re.search(r"Scheduler at:\s+(\S+)", log.read_text()), "scheduler")[1]
    options = ("--nthreads", 1, "--no-nanny", "--no-dashboard", "--local-directory", tmp_path)
    workers = [start(f"worker-{i}", "worker", address, *options) for i in (1, 2)]
    out, log = tmp_path / "out", tmp_path / "log.txt"
    config = demo.data / "code" / "demo.toml"
    command = (demo.data, out, "participant", "--config-file", config, *FAST, *ONLY, "--dask-scheduler", address)
    with log.open("w") as file:
        going = subprocess.Popen([sys.executable, "-m", "bids_app", *map(str, command)], stderr=file)
        (killed, heard), (_, other) = workers
        begun = wait_for(lambda: re.search(r"INFO (sub-.*: reading)", heard.read_text()), "job of a participant")
        killed.send_signal(signal.SIGKILL)
        assert going.wait() == 0, log.read_text()
    assert begun[1] in other.read_text()  # the job that was going on, done again
    same_as_local(demo, out)
    assert len(list(out.glob("sub-*.html"))) == 2


def test_a_scheduler_that_is_not_there_is_reported_in_seconds(demo_data, tmp_path):
    config = demo_data / "code" / "demo.toml"
    options = ("--config-file", config, *ONLY, "--dask-scheduler", "tcp://127.0.0.1:1")
    done = run("bids_app", demo_data, tmp_path, "participant", *options)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert "--dask-scheduler tcp://127.0.0.1:1" in line
    assert "Traceback" not in done.stderr


def test_workers_in_slurm(demo, tmp_path):
    pytest.importorskip("dask_jobqueue", reason="the extra `dask` is not installed")
    if (
        shutil.which("sbatch") is None
        or subprocess.run(["scontrol", "ping"], capture_output=True, check=False).returncode
    ):
        pytest.skip("there is no SLURM here; ../shared/tools/slurm-up start gives one node")
    config, out = demo.data / "code" / "demo.toml", tmp_path / "out"
    table = ("--dask-cluster", "kind=slurm", "jobs=2", "cores=1", "memory=3GB", "walltime=00:20:00")
    done = run("bids_app", demo.data, out, "participant", "--config-file", config, *FAST, *ONLY, *table)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "submitted 2 job(s) with Dask workers" in done.stderr
    same_as_local(demo, out)
    assert "dask-worker" not in subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=True).stdout
