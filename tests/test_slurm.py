"""A run through SLURM: jobs wait for each other, one participant fails, and only that one is submitted again."""

import shutil
import subprocess
import time

import pytest

from bids_app.bids.outputs import find_maps
from tests.conftest import run

QUICK = ("--analysis", "brainscore", "--n-permutations", "50", "--noise-ceiling", "none", "--task-id", "orchard")
ASKED = ("--time", "10", "--cpus", "1", "--mem", "3G", "--throttle", "2", "--now")
LIMIT = 500  # seconds for all jobs of a submission


@pytest.fixture(scope="module")
def slurm():
    if shutil.which("sbatch") is None:
        pytest.skip("there is no SLURM here (no sbatch); ../shared/tools/slurm-up start gives one node")
    if subprocess.run(["scontrol", "ping"], capture_output=True, check=False).returncode:
        pytest.skip("SLURM's controller does not answer")


def submit(data, out, *options):
    """Submit, wait for all jobs; returns the output."""
    config = data / "code" / "demo.toml"
    done = run("bids_app.tools", "submit", "slurm", data, out, "--config-file", config, *QUICK, *ASKED, *options)
    assert done.returncode == 0, done.stderr
    end = time.monotonic() + LIMIT
    while subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=True).stdout.strip():
        assert time.monotonic() < end, "jobs are still there"
        time.sleep(1)
    return done.stderr


@pytest.mark.usefixtures("slurm")
def test_a_run_and_the_failed_one_again(demo_data, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(demo_data, data, ignore=shutil.ignore_patterns("*MNI*"))
    broken = next((data / "derivatives" / "fmriprep" / "sub-01" / "func").glob("*task-orchard_hemi-R*.func.gii"))
    whole = broken.read_bytes()
    broken.write_bytes(whole[:100_000])
    printed = submit(data, out)
    assert "submitted: stimulus" in printed
    assert {m.participant for m in find_maps(out, "brainscore", "r")} == {"02"}
    assert (out / "group.html").is_file()  # one participant that fails does not hold back the group
    broken.write_bytes(whole)
    first = (out / "sub-02.html").stat().st_mtime_ns
    printed = submit(data, out, "--failed")
    assert "again: sub-01 task-orchard: brainscore" in printed
    assert "1 participant(s)" in printed
    assert {m.participant for m in find_maps(out, "brainscore", "r")} == {"01", "02"}
    assert (out / "sub-02.html").stat().st_mtime_ns == first
    assert not list((out / "logs").glob("crash-*"))
    assert len(find_maps(out, "brainscore", "mean", level="group")) == 1
    assert "nothing is missing" in submit(data, out, "--failed")
