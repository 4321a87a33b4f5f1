"""Jobs of no work on Dask and on SLURM: overhead of each, memory of the scheduler, and what is lost when workers die.

A job writes what a finished participant leaves: one output and its marker. On Dask, one worker in twenty is killed by
force while jobs run; on SLURM, one task in twenty kills itself before it writes anything, and what `n2n status` then
misses is submitted again. At the end, `n2n status` must find everyone finished.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import harness
from bids_app.atomic import write_text
from bids_app.machine.completion import Completion, Inputs
from bids_app.run.status import status_of
from bids_app.settings import Settings

DASK_JOBS, WORKERS, SLURM_JOBS, ONE_IN = 2000, 20, 345, 20
_ANALYSIS = {"task": "tale", "seg": "T", "desc": "brainscore"}


def no_work(settings: Settings, name: str) -> None:
    """What a finished participant leaves in OUT_DIR."""
    label = name.removeprefix("sub-")
    entities = {"sub": label, **_ANALYSIS}
    output = settings.out_dir / name / "func" / f"{name}_task-tale_seg-T_stat-r_desc-brainscore_statmap.tsv"
    write_text(output, "name\tr\nA\t0.1\n")
    Completion(settings.out_dir, entities, {}, Inputs()).finish([output])


def labels(n: int) -> list[str]:
    """Labels of participants."""
    return [f"{number:04d}" for number in range(1, n + 1)]


def finished(out_dir: Path) -> tuple[int, float]:
    """How many participants `n2n status` finds finished, and its seconds."""
    start = time.perf_counter()
    states = status_of(out_dir)
    whole = sum(bool(each.finished) and not (each.failed or each.missing or each.running) for each in states)
    return whole, time.perf_counter() - start


@contextlib.contextmanager
def dask_cluster(folder: Path, n_workers: int) -> Iterator[tuple[str, subprocess.Popen[bytes], list[int]]]:
    """A scheduler with workers, each a process: address, the scheduler, and the numbers of the workers' processes."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> Path:
        log = folder / f"{name}.txt"
        command = [sys.executable, "-m", "dask", name.partition("-")[0], *arguments, "--no-dashboard"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        processes.append(subprocess.Popen(command, stderr=log.open("w"), stdout=subprocess.DEVNULL, env=environment))
        return log

    try:
        log = start("scheduler", "--host", "127.0.0.1", "--port", "0")
        while not (told := re.search(r"Scheduler at:\s+(\S+)", log.read_text())):
            time.sleep(0.1)
        for number in range(n_workers):
            options = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--local-directory", str(folder))
            start(f"worker-{number}", told[1], *options)
        yield told[1], processes[0], [process.pid for process in processes[1:]]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def dask_row(n_jobs: int, n_workers: int) -> list[str]:
    """Run the jobs through the engine of the app, and kill workers after a third of them."""
    from distributed import Client

    from bids_app.engines.dask import open_dask
    from bids_app.engines.jobs import Job

    with tempfile.TemporaryDirectory() as folder:
        out_dir = Path(folder, "out")
        with dask_cluster(Path(folder), n_workers) as (address, scheduler, workers):
            with Client(address) as client:
                client.wait_for_workers(n_workers)
            settings = Settings(out_dir, out_dir, "participant", engine="dask", dask_scheduler=address)
            jobs = [Job(f"sub-{label}", no_work) for label in labels(n_jobs)]
            doomed = workers[: max(1, n_workers // ONE_IN)]
            killer = threading.Thread(target=_kill_after, args=(doomed, out_dir, n_jobs // 3))
            killer.start()
            start, used = time.perf_counter(), time.process_time()
            with open_dask(settings) as engine:
                failures = engine.run(jobs)
            wall, used = time.perf_counter() - start, time.process_time() - used
            killer.join()
            status = Path(f"/proc/{scheduler.pid}/status").read_text()
            peak = int(status.partition("VmHWM:")[2].split()[0]) / 1000
        whole, seconds = finished(out_dir)
    lost = f"{n_jobs - whole} lost, {len(failures)} failed"
    each = f"{1000 * wall / n_jobs:.0f} ms, {1000 * used / n_jobs:.1f} ms of the run's own processor time"
    died = f"{len(doomed)} of {n_workers} workers"
    return ["Dask", f"{n_jobs:,}", f"{wall:,.0f} s", each, f"{peak:,.0f} MB", died, lost, f"{seconds:.1f} s"]


def _kill_after(workers: list[int], out_dir: Path, n: int) -> None:
    while len(list(out_dir.glob("sub-*"))) < n:
        time.sleep(0.2)
    for number in workers:
        os.kill(number, signal.SIGKILL)


def slurm_row(n_jobs: int) -> list[str]:
    """Submit an array, in which some tasks die, then those who are missing again, with one submission's list."""
    with tempfile.TemporaryDirectory() as folder:
        out_dir = Path(folder, "out")
        start = time.perf_counter()
        _submit(out_dir, labels(n_jobs), "first")
        wall = time.perf_counter() - start
        whole, _ = finished(out_dir)
        missing = [each.participant.removeprefix("sub-") for each in status_of(out_dir) if each.missing]
        _submit(out_dir, missing, "again")
        at_the_end, seconds = finished(out_dir)
    died = f"{n_jobs - whole} of {n_jobs} tasks"
    lost = f"{n_jobs - whole - len(missing)} not told by n2n status, {n_jobs - at_the_end} lost in the end"
    each, controller = f"{1000 * wall / n_jobs:.0f} ms", _controller_mb()
    return ["SLURM", f"{n_jobs:,}", f"{wall:,.0f} s", each, controller, died, lost, f"{seconds:.1f} s"]


def _submit(out_dir: Path, participants: list[str], name: str) -> None:
    """An array as `n2n submit slurm` makes it, of jobs of no work; waits for its end."""
    folder = out_dir / "logs" / "slurm" / name
    write_text(folder / "participants.txt", "".join(f"{label}\n" for label in participants))
    task = f"{sys.executable} -m benchmarks.many_jobs --task {out_dir} {name}"
    directives = ("--wait", f"--array=1-{len(participants)}", "--mem=200M", f"--output={folder}/%a.txt")
    done = subprocess.run(["sbatch", *directives, f"--wrap={task}"], capture_output=True, text=True, check=False)
    if done.returncode and name != "first":  # of the first, tasks are to die
        raise RuntimeError(f"sbatch ended with {done.returncode}: {done.stderr.strip()}")


def task(out_dir: Path, name: str) -> None:
    """One task of the array."""
    number = int(os.environ["SLURM_ARRAY_TASK_ID"])
    if name == "first" and number % ONE_IN == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    label = (out_dir / "logs" / "slurm" / name / "participants.txt").read_text().split()[number - 1]
    no_work(Settings(out_dir, out_dir, "participant"), f"sub-{label}")


def _controller_mb() -> str:
    """Memory of SLURM's controller, which runs on this machine only in tests."""
    for path in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if path.read_text().strip() == "slurmctld":
                status = path.with_name("status").read_text()
                return f"{int(status.partition('VmHWM:')[2].split()[0]) / 1000:,.0f} MB"
    return "–"


def main() -> None:
    """One row per engine."""
    if sys.argv[1:2] == ["--task"]:
        task(Path(sys.argv[2]), sys.argv[3])
        return
    parser = harness.arguments(__doc__, runs=1)
    parser.add_argument("--only", choices=("dask", "slurm"), help="One of the two engines.")
    options = parser.parse_args()
    print(f"\n{harness.machine(('distributed',))}\n")
    columns = ("engine", "jobs", "time", "each", "peak memory of the scheduler", "died", "lost", "n2n status")
    harness.print_cells(columns)
    harness.print_cells(["---"] * len(columns))
    if options.only != "slurm":
        harness.print_cells(dask_row(*((40, 2) if options.quick else (DASK_JOBS, WORKERS))))
    if options.only != "dask":
        harness.print_cells(slurm_row(SLURM_JOBS))


if __name__ == "__main__":
    main()
