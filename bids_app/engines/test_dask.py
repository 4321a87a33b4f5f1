import itertools
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed.deploy.spec import SpecCluster

from bids_app.engines.dask import on_workers
from bids_app.engines.jobs import Failure, Job
from bids_app.interruption import Interrupted
from bids_app.settings import Settings

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[SpecCluster]:
    """One worker with a graphics card, as it says, and one without."""
    workers = {
        "plain": {"cls": distributed.Worker, "options": {"nthreads": 2}},
        "card": {"cls": distributed.Worker, "options": {"nthreads": 2, "resources": {"GPU": 1}}},
    }
    scheduler = {"cls": distributed.Scheduler, "options": {"dashboard_address": ":0", "port": 0}}
    with distributed.SpecCluster(workers, scheduler) as cluster:
        yield cluster


def settings(cluster: SpecCluster, folder: Path, **more: Any) -> Settings:
    return Settings(folder, folder, "participant", engine="dask", dask_scheduler=cluster.scheduler_address, **more)


def run(given: Settings, jobs: list[Job]) -> list[Failure]:
    from bids_app.engines.dask import open_dask

    with open_dask(given) as engine:
        return engine.run(jobs)


def note(folder: Path, given: Settings, name: str) -> None:
    """A job that writes when and where it ran, with how many threads."""
    start = time.monotonic()
    time.sleep(0.1)
    where = f"{distributed.get_worker().name} {given.omp_nthreads} {start} {time.monotonic()}"
    (folder / name).write_text(where)


def noted(folder: Path) -> list[list[str]]:
    return [path.read_text().split() for path in sorted(folder.iterdir())]


def test_jobs_on_a_card_go_to_workers_that_have_one(cluster: SpecCluster, tmp_path: Path) -> None:
    jobs = [Job(f"sub-{i}", partial(note, tmp_path)) for i in range(4)]
    assert run(settings(cluster, Path("/"), device="cuda:0"), jobs) == []
    assert {worker for worker, *_ in noted(tmp_path)} == {"card"}


def test_reports_and_jobs_without_a_card_go_to_all(cluster: SpecCluster, tmp_path: Path) -> None:
    jobs = [Job(f"sub-{i}", partial(note, tmp_path), computes=False) for i in range(6)]
    assert run(settings(cluster, Path("/"), device="cuda"), jobs) == []
    assert {worker for worker, *_ in noted(tmp_path)} == {"card", "plain"}


def test_a_process_has_one_job_at_a_time_with_all_its_threads(cluster: SpecCluster, tmp_path: Path) -> None:
    assert run(settings(cluster, Path("/")), [Job(f"sub-{i}", partial(note, tmp_path)) for i in range(6)]) == []
    result = noted(tmp_path)
    assert {threads for _, threads, *_ in result} == {"2"}
    times = sorted((float(start), float(end)) for *_, start, end in result)  # here both workers are in one process
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(times))


def fail(given: Settings, name: str) -> None:
    raise ValueError(f"nothing of {name}")


def test_a_job_that_fails_leaves_the_others_alone(cluster: SpecCluster, tmp_path: Path) -> None:
    jobs = [Job("sub-1", fail, "task-a gpt2"), *(Job(f"sub-{i}", partial(note, tmp_path)) for i in (2, 3))]
    (failure,) = run(settings(cluster, Path("/")), jobs)
    assert (failure.name, failure.reason) == ("sub-1", "task-a gpt2: nothing of sub-1")
    assert "Traceback" in failure.details
    assert len(noted(tmp_path)) == 2


def test_a_signal_takes_back_the_jobs_that_wait(
    cluster: SpecCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise Interrupted(15)

    monkeypatch.setattr(distributed, "wait", stop)
    jobs = [Job(f"sub-{i}", partial(note, tmp_path)) for i in range(9)]
    with pytest.raises(Interrupted):
        run(settings(cluster, Path("/")), jobs)
    time.sleep(1)
    assert len(noted(tmp_path)) <= 2  # one for each worker


def test_no_card_anywhere_is_reported_instead_of_waited_for(tmp_path: Path) -> None:
    workers = {"plain": {"cls": distributed.Worker, "options": {"nthreads": 1}}}
    scheduler = {"cls": distributed.Scheduler, "options": {"dashboard_address": ":0", "port": 0}}
    with (
        distributed.SpecCluster(workers, scheduler) as cluster,
        pytest.raises(RuntimeError, match="none of the 1 workers has the resource GPU"),
    ):
        run(settings(cluster, tmp_path, device="cuda"), [Job("sub-1", fail)])


def test_a_scheduler_that_is_not_there(tmp_path: Path) -> None:
    given = Settings(tmp_path, tmp_path, "participant", engine="dask", dask_scheduler="tcp://127.0.0.1:1")
    with pytest.raises(RuntimeError, match=r"tcp://127.0.0.1:1: no Dask scheduler answered within 5 s"):
        run(given, [Job("sub-1", fail)])


def test_an_address_that_is_none(tmp_path: Path) -> None:
    given = Settings(tmp_path, tmp_path, "participant", engine="dask", dask_scheduler="nosuch://host")
    with pytest.raises(RuntimeError, match="nosuch://host"):
        run(given, [Job("sub-1", fail)])


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (("kind=slurm", "cores=1"), "memory"),
        (("kind=slurm", "cores=1", "memory=1GB", "nosuch=1"), "nosuch"),
        (("kind=pbs", "cores=1", "memory=1GB"), "no command qsub"),
    ],
)
def test_a_cluster_that_cannot_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pairs: tuple[str, ...], message: str
) -> None:
    pytest.importorskip("dask_jobqueue", reason="the extra `dask` is not installed")
    pytest.importorskip("cryptography", reason="the extra `dask` is not installed")
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("#!/bin/sh\nexit 1\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    given = Settings(tmp_path, tmp_path, "participant", engine="dask", dask_cluster=pairs)
    with pytest.raises(RuntimeError, match=message):
        run(given, [Job("sub-1", fail)])


def test_jobs_that_the_batch_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask_jobqueue", reason="the extra `dask` is not installed")
    pytest.importorskip("cryptography", reason="the extra `dask` is not installed")
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("#!/bin/sh\necho 'invalid partition specified: nosuch' >&2\nexit 1\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    pairs = ("kind=slurm", "cores=1", "memory=1GB", "queue=nosuch")
    given = Settings(tmp_path, tmp_path, "participant", engine="dask", dask_cluster=pairs)
    with pytest.raises(RuntimeError, match=r"refused \(invalid partition specified: nosuch\)"):
        run(given, [Job("sub-1", fail)])


def test_the_scheduler_of_a_cluster_is_closed_to_strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers have the certificates of the run; whoever has none is refused, and the dashboard is this machine's."""
    pytest.importorskip("dask_jobqueue", reason="the extra `dask` is not installed")
    pytest.importorskip("cryptography", reason="the extra `dask` is not installed")
    from bids_app.engines.dask_cluster import start_cluster

    sbatch = tmp_path / "sbatch"  # "submits" by running the worker's script here: a copy, as the file goes at once
    script = tmp_path / "submitted"
    sbatch.write_text(
        f"#!/bin/sh\ncp \"$1\" '{script}'\nnohup sh '{script}' >/dev/null 2>&1 &\necho Submitted batch job 7\n"
    )
    sbatch.chmod(0o755)
    (tmp_path / "scancel").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    pairs = ("kind=slurm", "cores=1", "memory=1GB", "interface=lo", "death_timeout=120")
    given = Settings(tmp_path, tmp_path / "out", "participant", engine="dask", dask_cluster=pairs)
    with start_cluster(given) as cluster:
        assert cluster.scheduler_address.startswith("tls://127.0.0.1:")
        assert cluster.scheduler.services["dashboard"].address == "127.0.0.1"
        with pytest.raises(OSError, match=r"tcp://|Timed out"):
            distributed.Client(cluster.scheduler_address.replace("tls", "tcp"), timeout=3)
        with distributed.Client(cluster, timeout=30) as client:
            client.wait_for_workers(1, timeout=120)
            assert client.submit(sum, [1, 2]).result(timeout=30) == 3
    keys = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and "KEY" in path.read_text()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in keys)


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "192.0.2.7"), ({"interface": "ib0"}, None), ({"scheduler_options": {"host": "10.0.0.1"}}, "10.0.0.1")],
)
def test_the_scheduler_listens_at_one_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, dict[str, str] | str], expected: str | None
) -> None:
    """Where nobody names an interface or an address, at that by which the machine is known; never at all."""
    from bids_app.engines import dask_cluster

    monkeypatch.setattr(dask_cluster, "_address", lambda: "192.0.2.7")
    settings = Settings(tmp_path, tmp_path / "out", "participant")
    options = dask_cluster._arguments({"cores": 1, **given}, None, settings)["scheduler_options"]
    assert options.get("host") == expected
    assert options["dashboard_address"] == "127.0.0.1:0"


@pytest.fixture
def processes() -> Iterator[Any]:
    """Two workers that are processes of their own."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster),
    ):
        yield cluster


def numbers_in_blocks(folder: Path, deadly: bool, given: Settings, name: str) -> None:
    """A job whose blocks say where they were computed; with `deadly`, the first kills its worker."""
    deadly_one = folder / "armed" if deadly else folder / "none"
    found = list(on_workers(partial(_squares, deadly_one), (np.arange(i, i + 3) for i in range(9))))
    np.save(folder / "squares.npy", np.stack([squares for squares, _ in found]))
    (folder / "processes").write_text(" ".join(str(process) for _, process in found))


def _squares(deadly: Path, block: np.ndarray) -> tuple[np.ndarray, int]:
    if deadly.exists():
        deadly.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    return block**2, os.getpid()


@pytest.mark.parametrize("deadly", [False, True])
def test_blocks_of_a_job_are_tasks_of_all_workers_and_outlive_one(processes: Any, tmp_path: Path, deadly: bool) -> None:
    (tmp_path / "armed").touch()
    assert run(settings(processes, Path("/")), [Job("group", partial(numbers_in_blocks, tmp_path, deadly))]) == []
    expected = np.stack([np.arange(i, i + 3) ** 2 for i in range(9)])
    np.testing.assert_array_equal(np.load(tmp_path / "squares.npy"), expected)
    assert len(set((tmp_path / "processes").read_text().split())) == 2
    assert (tmp_path / "armed").exists() != deadly


def always_die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def blocks_that_kill(given: Settings, name: str) -> None:
    list(on_workers(always_die, range(3)))


def test_blocks_that_kill_every_worker_are_a_failure_in_one_sentence(processes: Any) -> None:
    (failure,) = run(settings(processes, Path("/")), [Job("group", blocks_that_kill)])
    assert "several workers were lost with" in failure.reason
    assert failure.reason.endswith(")")
