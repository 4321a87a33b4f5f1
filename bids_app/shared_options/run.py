"""Options of where a run reads and writes, with what it computes, and how its jobs run."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from bids_app.options import ACTIVATIONS, FILES, NOTHING, Form, Range, option


@dataclass(frozen=True)
class Places:
    """The folders of a run. Paths are absolute."""

    bids_dir: Path
    out_dir: Path
    _: KW_ONLY
    bids_database_dir: Path | None = option(
        None, "data", "Folder where pybids keeps its index between runs.", metavar="DIR", decides=NOTHING
    )
    work_dir: Path | None = option(
        None,
        "run",
        "Folder for intermediate results that jobs share (default: OUT_DIR/.work).",
        metavar="DIR",
        short="-w",
        decides=NOTHING,
    )
    resources: Path | None = option(
        None,
        "run",
        "Folder that `n2n fetch` has filled with models and atlases; the network is then not used. The folder in the "
        "environment variable N2N_HOME is searched as well.",
        metavar="DIR",
        decides=FILES,
    )

    @property
    def work(self) -> Path:
        """Folder for shared intermediate results."""
        return self.work_dir or self.out_dir / ".work"


@dataclass(frozen=True, kw_only=True)
class ComputeOptions:
    """With what a run computes: device, number format, processes, memory and seed."""

    dtype: str = option(
        "float32",
        "model",
        "Number format of the model.",
        choices=("float32", "bfloat16", "float16"),
        decides=(ACTIVATIONS,),
    )
    device: str = option(
        "auto",
        "model",
        "Where to compute: auto, cpu, cuda, cuda:1.",
        metavar="DEVICE",
        decides=NOTHING,
        allowed=Form(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", "must be auto, cpu, cuda or cuda:N"),
    )
    nprocs: int = option(
        1,
        "run",
        "Number of participants computed at the same time.",
        metavar="N",
        decides=NOTHING,
        allowed=Range(1, 10_000),
    )
    omp_nthreads: int = option(
        0,
        "run",
        "Threads of each process; 0: the number of processors divided by --nprocs.",
        metavar="N",
        decides=NOTHING,
        allowed=Range(0, 10_000),
    )
    mem_mb: int = option(
        0,
        "run",
        "Memory for the whole run in MB; 0: the memory of the machine.",
        metavar="MB",
        decides=NOTHING,
        allowed=Range(0, 1_000_000_000),
    )
    random_seed: int = option(
        0, "run", "Seed of all random numbers.", metavar="N", decides=(ACTIVATIONS,), allowed=Range(0, 2**32 - 1)
    )
    resource_monitor: bool = option(False, "run", "Log time and peak memory of each step.", decides=NOTHING)


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """How the jobs of a run are started, and what else it does."""

    engine: str = option(
        "local",
        "run",
        "Where the jobs run: on this machine, or on Dask workers.",
        choices=("local", "dask"),
        decides=NOTHING,
    )
    dask_scheduler: str | None = option(
        None,
        "run",
        "With --engine dask: address of a running scheduler, tcp://HOST:8786.",
        metavar="ADDRESS",
        decides=NOTHING,
    )
    dask_cluster: tuple[str, ...] = option(
        (),
        "run",
        "With --engine dask: start workers as jobs of a cluster: kind (slurm, pbs, sge, lsf), jobs, gpus (of each "
        "job), and arguments of dask-jobqueue such as cores, memory, walltime, queue; in a settings file, a table.",
        metavar="KEY=VALUE",
        decides=NOTHING,
    )
    dry_run: bool = option(False, "run", "Print what would be computed, and stop.", decides=NOTHING)
    reports_only: bool = option(False, "run", "Only write the reports again.", decides=NOTHING)
    stop_on_first_crash: bool = option(False, "run", "Stop when a participant fails.", decides=NOTHING)
    verbose: int = option(0, "run", "Log more; -vv for everything.", short="-v", decides=NOTHING)
