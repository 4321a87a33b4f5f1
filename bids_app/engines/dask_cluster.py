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
# For each kind of cluster: the class of dask-jobqueue, and the directive that requests graphics cards (for PBS, it
# differs between sites).
KINDS: Mapping[str, tuple[str, str | None]] = {
    "slurm": ("SLURMCluster", "--gpus={}"),
    "pbs": ("PBSCluster", None),
    "sge": ("SGECluster", "-l gpu={}"),
    "lsf": ("LSFCluster", '-gpu "num={}"'),
}
_OURS = ("kind", "jobs", "gpus")


def read_table(pairs: Sequence[str]) -> dict[str, Any]:
    """The table of `--dask-cluster KEY=VALUE …`; values are TOML if valid, else text.

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
    """A Dask cluster whose workers are jobs of the batch system; it ends with the block.

    Raises RuntimeError, with one sentence, for a table that dask-jobqueue refuses and for refused jobs.
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
    refusals: list[str] = []
    security = _security()
    (settings.out_dir / "logs" / "dask").mkdir(parents=True, exist_ok=True)
    arguments = _arguments(table, directive, settings)
    try:
        cluster = kind(job_cls=_telling(kind.job_cls, refusals), security=security, **arguments)
    except (TypeError, ValueError) as error:
        raise RuntimeError(f"--dask-cluster {' '.join(settings.dask_cluster)}: {error}") from None
    with cluster:
        cluster.scale(jobs=int(table.get("jobs", 1)))
        with contextlib.suppress(RuntimeError):
            cluster.sync(cluster._correct_state)  # waits until the jobs are submitted
        if refusals:
            raise RuntimeError(
                f"--dask-cluster kind={table['kind']}: the jobs of the workers were refused ({refusals[0]})"
            )
        log.info("submitted %d job(s) with Dask workers", len(cluster.workers))
        log.info("their scheduler listens on %s, with TLS and certificates of this run", cluster.scheduler_address)
        yield cluster


def _telling(job_class: Any, refusals: list[str]) -> Any:
    """A job class that stores the reason for a refusal, which dask-jobqueue only logs."""
    from distributed.core import Status

    class Telling(job_class):  # type: ignore[misc]
        async def start(self) -> None:
            try:
                await super().start()
            except RuntimeError as error:
                self.status = Status.failed  # otherwise, the cluster cannot be closed
                refusals.append(" ".join(str(error).partition("stderr:")[2].split()) or str(error))
                raise

    return Telling


def _check_command(command: str, kind: str) -> None:
    program = shlex.split(command)[0]
    if shutil.which(program) is None:
        raise RuntimeError(
            f"--dask-cluster kind={kind}: there is no command {program} here; start the run on a machine from which "
            "jobs are submitted"
        )


def _security() -> Any:
    """Certificates for this run: without them, anyone who reaches the scheduler could run code as its user.

    Raises RuntimeError if they cannot be created.
    """
    from distributed.security import Security

    try:
        return Security.temporary()
    except ImportError as error:
        raise RuntimeError(
            "--dask-cluster encrypts what it sends, for which the package cryptography is needed: pip install "
            f"'neurons2networks[dask]' ({error})"
        ) from None


def _address() -> str:
    """The default address of the scheduler: that of the host name of this machine."""
    from distributed.utils import get_ip

    return str(get_ip())


def _arguments(table: Mapping[str, Any], directive: str | None, settings: Settings) -> dict[str, Any]:
    """Arguments of the class of dask-jobqueue."""
    given = {key: value for key, value in table.items() if key not in _OURS}
    gpus = int(table.get("gpus", 0))
    if gpus:
        given["worker_extra_args"] = [*given.get("worker_extra_args", []), "--resources", f"GPU={gpus}"]
        asked = [directive.format(gpus)] if directive else []
        given["job_extra_directives"] = [*given.get("job_extra_directives", []), *asked]
    logs = str(settings.out_dir / "logs" / "dask")
    # The dashboard has neither encryption nor a password: only local, or through a tunnel.
    options = {"dashboard_address": "127.0.0.1:0", **given.get("scheduler_options", {})}
    if not {"interface", "host"} & {*given, *options}:
        options["host"] = _address()
    given["scheduler_options"] = options
    return {"log_directory": logs, "shared_temp_directory": logs, **given}
