"""Options of `n2n submit slurm`: folders, requests to the cluster, and options of neurons2networks."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bids_app.cli import make_parser, normalise
from bids_app.settings import Settings, SettingsError
from bids_app.settings_input import make_settings

_TIME = re.compile(r"\d+(:\d\d){0,2}|\d+-\d+(:\d\d){0,2}")
_MEMORY = re.compile(r"(\d+)([MGT])B?", re.IGNORECASE)
_MB = {"M": 1, "G": 1024, "T": 1024**2}
_USAGE = "n2n submit slurm BIDS_DIR OUT_DIR [resources of the jobs] [options of neurons2networks]"
_EPILOG = (
    "Every other option is one of neurons2networks (see its --help) and goes to the jobs as it is: "
    "n2n submit slurm DATA OUT --time 2:00:00 --mem 16G --model gpt2 --task-id pieman"
)


@dataclass(frozen=True)
class Request:
    """The request of one submission. `time` holds the limit of each kind of job; `throttle` 0: all at once."""

    settings: Settings
    folder: Path
    time: dict[str, str]
    cpus: int
    mem: str
    gpus: int
    throttle: int
    sbatch: tuple[str, ...]
    container: Path | None
    bind: tuple[str, ...]
    setup: tuple[str, ...]
    now: bool
    failed: bool

    @property
    def mem_mb(self) -> int:
        """Memory of a job in MB."""
        return memory_mb_of(self.mem)


def memory_mb_of(text: str) -> int:
    """Megabytes of a memory size in the notation of SLURM.

    >>> memory_mb_of("16G"), memory_mb_of("4000M")
    (16384, 4000)
    """
    match = _MEMORY.fullmatch(text)
    if not match:
        raise SettingsError(f"--mem {text}: must be a number with M, G or T, such as 16G")
    return int(match[1]) * _MB[match[2].upper()]


def make_submission_parser() -> argparse.ArgumentParser:
    """The parser of the requests of the jobs."""
    parser = argparse.ArgumentParser(prog="n2n submit slurm", usage=_USAGE, epilog=_EPILOG, allow_abbrev=False)
    parser.add_argument("bids_dir", metavar="BIDS_DIR", help="The data set.")
    parser.add_argument("out_dir", metavar="OUT_DIR", help="Where the results go; seen by all nodes.")
    add = parser.add_argument
    add("--now", action="store_true", help="Submit the jobs. Default: only write the scripts; submit.sh submits them.")
    add("--failed", action="store_true", help="Only participants with missing results or crashes.")
    add("--to", type=Path, metavar="DIR", help="Folder for the scripts. Default: a new one in OUT_DIR/logs/slurm.")
    add("--container", type=Path, metavar="IMAGE", help="Run in this Apptainer image. Default: this environment.")
    add("--bind", action="append", default=[], metavar="PATH[:PATH]", help="A further folder for the container.")
    add("--setup", action="append", default=[], metavar="LINE", help="Line of shell before: 'module load apptainer'.")
    add("--time", default="04:00:00", metavar="LIMIT", help="Time limit of a participant. Default: 04:00:00.")
    add("--stimulus-time", default="04:00:00", metavar="LIMIT", help="Of the stories. Default: 04:00:00.")
    add("--group-time", default="02:00:00", metavar="LIMIT", help="Of the group. Default: 02:00:00.")
    add("--cpus", type=int, default=4, metavar="N", help="Processors of a job. Default: 4.")
    add("--mem", default="16G", metavar="SIZE", help="Memory of a job. Default: 16G.")
    add("--gpus", type=int, metavar="N", help="Graphics cards of a job. Default: 1 with --device cuda, else 0.")
    add("--throttle", type=int, default=0, metavar="N", help="Participants at the same time. Default: no limit.")
    add("--partition", metavar="NAME", help="Partition of the cluster.")
    add("--account", metavar="NAME", help="Account to charge.")
    add("--sbatch", action="append", default=[], metavar="OPTION", help="Any option of sbatch: --sbatch=--qos=long.")
    return parser


def read_request(argv: Sequence[str]) -> Request:
    """Read the command line; raises SettingsError, with sentences, for impossible requests."""
    given, rest = make_submission_parser().parse_known_args(normalise(argv))
    settings = _settings(given, rest)
    _check(given, settings)
    gpus = given.gpus if given.gpus is not None else int(settings.device.startswith("cuda"))
    if gpus and settings.device == "auto":
        settings = dataclasses.replace(settings, device="cuda")  # a requested but missing card is reported
    named = [f"--{name}={value}" for name, value in vars(given).items() if name in ("partition", "account") and value]
    return Request(
        settings=settings,
        folder=(given.to or settings.out_dir / "logs" / "slurm" / _stamp()).expanduser().resolve(),
        time={"stimulus": given.stimulus_time, "participant": given.time, "group": given.group_time},
        cpus=given.cpus,
        mem=given.mem,
        gpus=gpus,
        throttle=given.throttle,
        sbatch=(*named, *given.sbatch),
        container=given.container and given.container.expanduser().resolve(),
        bind=tuple(given.bind),
        setup=tuple(given.setup),
        now=given.now,
        failed=given.failed,
    )


def _stamp() -> str:
    """Each submission has a separate folder, because tasks of an earlier one may still read its list."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"


def _settings(given: argparse.Namespace, rest: Sequence[str]) -> Settings:
    """The settings of the jobs, read by the parser of neurons2networks itself."""
    arguments = vars(make_parser().parse_args([given.bids_dir, given.out_dir, "participant", *rest]))
    settings = make_settings(arguments)
    if settings.engine != "local" or settings.dry_run or settings.reports_only:
        raise SettingsError("--engine dask, --dry-run and --reports-only cannot be submitted: run neurons2networks")
    return settings


def _check(given: argparse.Namespace, settings: Settings) -> None:
    problems = []
    for name in ("time", "stimulus_time", "group_time"):
        limit = getattr(given, name)
        if not _TIME.fullmatch(limit):
            problems.append(f"--{name.replace('_', '-')} {limit}: must be minutes, HH:MM:SS or DAYS-HH:MM:SS")
    least = {"cpus": 1, "gpus": 0, "throttle": 0}
    problems += [
        f"--{name} {getattr(given, name)}: must be at least {n}"
        for name, n in least.items()
        if (getattr(given, name) or n) < n
    ]
    if given.gpus == 0 and settings.device.startswith("cuda"):
        problems.append(f"--gpus 0 cannot go with --device {settings.device}")
    if given.container and not given.container.expanduser().is_file():
        problems.append(f"--container {given.container}: there is no such image; build one with `apptainer build`")
    if given.to and (given.to.expanduser() / "participants.txt").exists():
        problems.append(f"--to {given.to}: holds the scripts of another submission; give another folder")
    if given.bind and not given.container:
        problems.append("--bind needs --container")
    if problems:
        raise SettingsError("; ".join(problems))
    memory_mb_of(given.mem)
