"""The display in a real pseudo-terminal, and nothing of it in pipes and batch jobs."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

SCRIPT = """
import logging, sys, time
from pathlib import Path
from bids_app.engines.jobs import Job
from bids_app.engines.local import LocalEngine
from bids_app.machine.budget import step
from bids_app.machine.log import start_log
from bids_app.settings import Settings
from bids_app.stats.steps import counted

def work(settings, name):
    with step("layer 8 of " + name, settings):
        for _ in counted(range(2), "restart"):
            time.sleep(1.3 if name == "sub-03" else 0)
        logging.getLogger("neurons2networks").info("a message of %s", name)
    if name == "sub-02":
        raise ValueError("it has no words")

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    settings = Settings(folder, folder / "out", "participant", nprocs=int(sys.argv[2]), work_dir=folder / "work")
    start_log(0)
    failures = LocalEngine(settings).run([Job(f"sub-0{n}", work) for n in range(1, 4)])
    print("failed:", [failure.name for failure in failures])
"""


def script(tmp_path: Path, n: int) -> list[str]:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return [sys.executable, str(path), str(tmp_path), str(n)]


def environment(**more: str) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("SLURM")} | more


def in_terminal(command: list[str], env: dict[str, str]) -> str:
    """What a terminal receives from standard error and output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))  # rows, columns
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    received = b""
    try:
        while chunk := os.read(ours, 65536):
            received += chunk
    except OSError:  # the other end has closed
        pass
    assert process.wait() == 0, received.decode()
    os.close(ours)
    return received.decode()


@pytest.mark.parametrize("n_processes", [1, 2])
def test_a_terminal_shows_jobs_and_a_bar(tmp_path: Path, n_processes: int) -> None:
    shown = in_terminal(script(tmp_path, n_processes), environment(TERM="xterm"))
    for name in ("sub-01", "sub-02", "sub-03"):
        assert re.search(rf"{name} \(0:0\d[^)]*\): layer 8 of {name}", shown)
        assert re.search(rf"INFO a message of {name}", shown)
    assert "layer 8 of sub-03, restart 1 of 2" in shown
    assert "layer 8 of sub-03, restart 2 of 2" in shown
    assert re.search(r"jobs \|.*\| 3/3, 00:\d\d elapsed", shown)
    assert re.search(r"sub-03 \(0:0[1-9][^)]*\): layer 8 of sub-03", shown)  # the times go on during a stage
    assert "failed: ['sub-02']" in shown
    assert "of 3 ended" not in shown


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": "xterm", "SLURM_JOB_ID": "7"}])
def test_batch_jobs_and_plain_terminals_get_lines(tmp_path: Path, env: dict[str, str]) -> None:
    shown = in_terminal(script(tmp_path, 1), environment(**env))
    assert "\x1b" not in shown
    assert "elapsed" not in shown
    assert "restart 1 of 2" not in shown
    assert "3 of 3 ended, 1 failed" in shown


def test_pipes_get_lines(tmp_path: Path) -> None:
    result = subprocess.run(
        script(tmp_path, 2), env=environment(TERM="xterm"), capture_output=True, text=True, check=True
    )
    assert "\r" not in result.stderr
    assert "elapsed" not in result.stderr
    assert "3 of 3 ended, 1 failed" in result.stderr
    assert result.stderr.count("a message of sub-03") == 1


DASK = """
import sys, time
from pathlib import Path
from distributed import LocalCluster
from bids_app.engines.dask import open_dask
from bids_app.engines.jobs import Job
from bids_app.machine.budget import step
from bids_app.settings import Settings

def work(settings, name):
    with step("layer 8 of " + name, settings):
        time.sleep(1.3 if name == "sub-02" else 0.2)  # events travel while the job runs

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        options = {"engine": "dask", "dask_scheduler": cluster.scheduler_address, "work_dir": folder / "work"}
        with open_dask(Settings(folder, folder / "out", "participant", **options)) as engine:
            print("failed:", engine.run([Job(f"sub-0{n}", work) for n in range(1, 4)]))
"""


def test_the_stages_of_dask_workers_are_shown_here(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    path = tmp_path / "script.py"
    path.write_text(DASK)
    shown = in_terminal([sys.executable, str(path), str(tmp_path)], environment(TERM="xterm"))
    for name in ("sub-01", "sub-02", "sub-03"):
        assert re.search(rf"{name} \(0:0\d[^)]*\): layer 8 of {name}", shown), shown
    assert re.search(r"jobs \|.*\| 3/3, 00:\d\d elapsed", shown)
    assert "failed: []" in shown
    assert "of 3 ended" not in shown


def test_fetch_shows_what_it_fetches(tmp_path: Path) -> None:
    """A mesh that the local folder of TemplateFlow holds is copied; another cannot be downloaded without a network."""
    file = tmp_path / "home" / "tpl-fsLR" / "tpl-fsLR_den-32k_hemi-L_sphere.surf.gii"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"sphere")
    script = (
        "import sys\nfrom pathlib import Path\nfrom bids_app.machine import resources\n"
        "from bids_app.machine.live import say\nfrom bids_app.networks.template_files import fetch_files\n"
        "class Sphere(resources.SpherePiece):\n    def _names(self): return [sys.argv[2]]\n"
        "for line in resources.fetch([Sphere()], Path(sys.argv[1])): say(line)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "to"), file.name]
    home = {"TEMPLATEFLOW_HOME": str(tmp_path / "home")}
    shown = in_terminal(command, environment(TERM="xterm", **home))
    assert re.search(r"the sphere of fsLR \(0:0\d\): fetching", shown)
    assert re.search(r"pieces \|.*\| 1/1, 00:\d\d elapsed", shown)
    piped = subprocess.run(command, env=environment(TERM="xterm", **home), capture_output=True, text=True, check=True)
    assert (piped.stdout, piped.stderr) == ("the sphere of fsLR: 1 files, 0.0 MB\n", "")
    assert piped.stdout.strip() in shown
