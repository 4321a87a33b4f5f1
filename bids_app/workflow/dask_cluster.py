"""Dask workers as jobs of a cluster (SLURM, PBS, SGE, LSF), started through dask-jobqueue from the settings."""

from __future__ import annotations

import contextlib
import logging
import shlex
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bids_app.settings import Settings

log = logging.getLogger("neurons2networks")
# For each kind of cluster: dask-jobqueue's class, and the directive that asks for graphics cards (of PBS it differs
# from site to site).
KINDS: Mapping[str, tuple[str, str | None]] = {
    "slurm": ("SLURMCluster", "--gpus={}"),
    "pbs": ("PBSCluster", None),
    "sge": ("SGECluster", "-l gpu={}"),
    "lsf": ("LSFCluster", '-gpu "num={}"'),
}
_OURS = ("kind", "jobs", "gpus")


def read_table(pairs: Sequence[str]) -> dict[str, Any]:
    """The table of `--dask-cluster KEY=VALUE …`; values are TOML where they can be, else words.

    >>> read_table(["kind=slurm", "cores=4", "memory=16GB", "job_extra_directives=['--nice']"])
    {'kind': 'slurm', 'cores': 4, 'memory': '16GB', 'job_extra_directives': ['--nice']}
    """
    table = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        try:
            table[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            table[key] = text
    return table


@contextlib.contextmanager
def start_cluster(settings: Settings) -> Iterator[Any]:
    """A Dask cluster whose workers are jobs of the batch system, ended with the block.

    Raises RuntimeError, in a sentence, for a table that dask-jobqueue does not take and for jobs that are refused.
    """
    try:
        import dask_jobqueue
    except ImportError as error:
        raise RuntimeError(
            f"--dask-cluster needs the package dask-jobqueue: pip install 'neurons2networks[dask]' ({error})"
        ) from None
    table = read_table(settings.dask_cluster)
    class_name, directive = KINDS[table["kind"]]
    kind = getattr(dask_jobqueue, class_name)
    _check_command(kind.job_cls.submit_command, table["kind"])
    try:
        cluster = kind(**_arguments(table, directive, settings))
    except (TypeError, ValueError) as error:
        raise RuntimeError(f"--dask-cluster {' '.join(settings.dask_cluster)}: {error}") from None
    with cluster:
        _submit(cluster, int(table.get("jobs", 1)), table["kind"])
        yield cluster


def _check_command(command: str, kind: str) -> None:
    program = shlex.split(command)[0]
    if shutil.which(program) is None:
        raise RuntimeError(
            f"--dask-cluster kind={kind}: there is no command {program} here; start the run on a machine from which "
            "jobs are submitted"
        )


def _arguments(table: Mapping[str, Any], directive: str | None, settings: Settings) -> dict[str, Any]:
    """Arguments of dask-jobqueue's class."""
    given = {key: value for key, value in table.items() if key not in _OURS}
    gpus = int(table.get("gpus", 0))
    if gpus:
        given["worker_extra_args"] = [*given.get("worker_extra_args", []), "--resources", f"GPU={gpus}"]
        asked = [directive.format(gpus)] if directive else []
        given["job_extra_directives"] = [*given.get("job_extra_directives", []), *asked]
    return {"log_directory": str(settings.out_dir / "logs" / "dask"), **given}


def _submit(cluster: Any, jobs: int, kind: str) -> None:
    """Submit the jobs of the workers, and see that they were taken."""
    reason = ""
    try:
        cluster.scale(jobs=jobs)
        cluster.sync(cluster._correct_state)  # else a refusal is only written to a log
    except RuntimeError as error:
        reason = " ".join(str(error).split())
    refused = [worker for worker in cluster.workers.values() if worker.status.name != "running"]
    if reason or refused:
        raise RuntimeError(
            f"--dask-cluster kind={kind}: the jobs of the workers were refused; {reason or 'see the log above'}"
        )
    log.info("submitted %d job(s) with Dask workers", jobs)
