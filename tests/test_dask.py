"""The app on a real Dask scheduler with two worker processes, one of which is killed, and on workers in SLURM."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from benchmarks.group import write_participants
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


def test_statistics_of_the_group_are_tasks_that_outlive_a_worker(tmp_path):
    """14 participants × 41 distances × 20,484 vertices are two blocks; the contrast of two distances is one more."""
    distributed = pytest.importorskip("distributed")
    out = tmp_path / "local"
    write_participants(out, "forecast", "fsaverage5", 14)
    shutil.copytree(out, tmp_path / "dask")
    assert (done := run("bids_app", tmp_path, out, "group")).returncode == 0, done.stderr[-4000:]
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        options = ("--engine", "dask", "--dask-scheduler", cluster.scheduler_address)
        command = (tmp_path, tmp_path / "dask", "group", *options)
        log, tasks = tmp_path / "log.txt", cluster.scheduler.tasks
        with log.open("w") as file:
            going = subprocess.Popen([sys.executable, "-m", "bids_app", *map(str, command)], stderr=file)
            wait_for(lambda: going.poll() is not None or running_blocks(tasks), "block on a worker")
            (block, *_) = running_blocks(tasks)
            os.kill(
                next(nanny.pid for nanny in cluster.workers.values() if nanny.worker_address == block), signal.SIGKILL
            )
            assert going.wait() == 0, log.read_text()
        finished = {key for key, _, end, *_ in cluster.scheduler.transition_log if end == "memory"}
    assert len([key for key in finished if str(key).startswith("block-")]) >= 4
    files = sorted(path.relative_to(out) for path in (out / "group").rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "dask") for path in (tmp_path / "dask" / "group").rglob("*.*"))
    for path in files:
        assert (out / path).read_bytes() == (tmp_path / "dask" / path).read_bytes(), path


def running_blocks(tasks):
    """Addresses of the workers that have a block."""
    blocks = [task for key, task in list(tasks.items()) if str(key).startswith("block-")]
    return [worker.address for task in blocks if (worker := task.processing_on) is not None]


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
