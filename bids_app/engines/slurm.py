"""Submit a run to SLURM: a job for the stories, an array of participants, a job for the group."""

from __future__ import annotations

import dataclasses
import logging
import re
import shlex
import shutil
import string
import subprocess
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from bids_app.atomic import write_text
from bids_app.bids.errors import DatasetError
from bids_app.engines.slurm_options import Request
from bids_app.inputs.sources import Sources, open_sources
from bids_app.machine.locations import check_locations
from bids_app.machine.log import start_log
from bids_app.machine.run_folders import RunFolders
from bids_app.run.records import crash_reasons
from bids_app.settings import Settings, SettingsError
from bids_app.settings_fields import ARGUMENTS, to_toml

log = logging.getLogger("neurons2networks")
# Already resolved, or passed to each job on its command line.
_NOT_KEPT = (*ARGUMENTS, "config_file", "preset", "participant_label", "exclude_participant_label")
_KINDS = ("stimulus", "participant", "group")


def submit(request: Request) -> None:
    """Write the scripts and, with --now, submit them.

    Raises ValueError or RuntimeError, with sentences, for impossible requests.
    """
    start_log(request.settings.verbose)
    check_locations(RunFolders.of(request.settings), reads_raw=request.settings.level != "group")
    participants = _participants(open_sources(request.settings), request.failed)
    if not participants:
        log.info("nothing is missing in %s", request.settings.out_dir)
        return
    script = write_scripts(request, participants)
    log.info("%d participant(s); scripts in %s", len(participants), request.folder)
    if request.now:
        _run(script)
    else:
        log.info("to submit them: bash %s", shlex.quote(str(script)))


def _participants(sources: Sources, failed: bool) -> list[str]:
    if not failed:
        return sources.analysed
    return [label for label in sources.analysed if _has_failed(sources, label)]


def _has_failed(sources: Sources, label: str) -> bool:
    """Whether something of a participant is missing or has crashed; logs it."""
    from bids_app.run.participant import unfinished  # takes seconds, and --failed alone needs it

    out_dir = sources.settings.out_dir
    try:
        missing = unfinished(sources, label)
    except DatasetError as error:  # none of its runs is usable: a repetition would be in vain
        log.warning("left out: %s", error)
        return False
    if not missing and not (out_dir / f"sub-{label}.html").is_file():
        missing = [f"sub-{label}: report"]
    for line in missing or crash_reasons(out_dir, f"sub-{label}"):
        log.info("again: %s", line)
    return bool(missing or crash_reasons(out_dir, f"sub-{label}"))


def write_scripts(request: Request, participants: Sequence[str]) -> Path:
    """Write the list of participants, the settings and the scripts; returns the one that submits the others."""
    folder = request.folder
    _refuse_line_breaks(request, participants)
    write_text(folder / "participants.txt", "".join(f"{label}\n" for label in participants))
    write_text(folder / "settings.toml", _kept_settings(request))
    for kind in _KINDS:
        directives = [f"#SBATCH {directive}" for directive in _directives(kind, request, len(participants))]
        write_text(folder / f"{kind}.sh", _filled("slurm_job.sh", _parts(kind, request, directives)))
    return write_text(folder / "submit.sh", _filled("slurm_submit.sh", {"FOLDER": shlex.quote(str(folder))}))


class _Template(string.Template):
    """A script template with placeholders such as @{COMMAND}; `$` belongs to the shell."""

    delimiter = "@"
    idpattern = "[A-Z]+"


def _filled(template: str, values: dict[str, str]) -> str:
    text = (resources.files("bids_app.engines") / "templates" / template).read_text(encoding="utf-8")
    return _Template(text).substitute(values)


def _refuse_line_breaks(request: Request, participants: Sequence[str]) -> None:
    """Raise SettingsError for a text with a line break, which would break a script or the list of participants."""
    texts = {
        "the folder of the scripts": [str(request.folder)],
        "the folder in which n2n was called": [str(Path.cwd())],
        "--sbatch, --partition or --account": request.sbatch,
        "--bind": request.bind,
        "--container": [str(request.container)],
        "this Python": [sys.executable],
        "BIDS_DIR or OUT_DIR": [str(request.settings.bids_dir), str(request.settings.out_dir)],
        "a participant's label": participants,
    }
    wrong = [f"{name} ({text!a})" for name, values in texts.items() for text in values if not text.isprintable()]
    if wrong:
        raise SettingsError(f"control characters or line breaks in {', '.join(wrong)}: they cannot stand in a script")
    odd = [label for label in participants if not re.fullmatch("[0-9A-Za-z+]+", label)]
    if odd:
        raise SettingsError(f"participants {', '.join(odd)}: a label may hold letters and digits only; leave them out")


def _kept_settings(request: Request) -> str:
    """Settings of all jobs as TOML, with the threads and the memory that the jobs have.

    Relative paths such as `--model models/mine` refer to the current folder, in which the jobs start.
    """
    settings = request.settings
    kept = dataclasses.replace(
        settings,
        nprocs=1,
        omp_nthreads=settings.omp_nthreads or request.cpus,
        mem_mb=settings.mem_mb or request.mem_mb,
    )
    lines = to_toml(kept).splitlines(keepends=True)
    return "".join(line for line in lines if line.partition(" = ")[0] not in _NOT_KEPT)


def _directives(kind: str, request: Request, n_participants: int) -> list[str]:
    throttle = f"%{request.throttle}" if request.throttle else ""
    array = [f"--array=1-{n_participants}{throttle}"] if kind == "participant" else []
    log_name = "participant-%A_%a.txt" if array else f"{kind}-%j.txt"
    return [
        f"--job-name=n2n-{kind}",
        f"--output={shlex.quote(_literal(request.folder) + '/' + log_name)}",
        f"--chdir={shlex.quote(str(Path.cwd()))}",
        f"--time={request.time[kind]}",
        f"--cpus-per-task={request.cpus}",
        f"--mem={request.mem}",
        *([f"--gres=gpu:{request.gpus}"] if request.gpus and kind != "group" else []),
        *array,
        *(_quoted(option) for option in request.sbatch),
    ]


def _quoted(option: str) -> str:
    """An option of sbatch with its value, quoted if needed."""
    name, equals, value = option.partition("=")
    return f"{name}={shlex.quote(value)}" if equals else option


def _literal(folder: Path) -> str:
    """A folder in a SLURM file pattern, with % escaped."""
    return str(folder).replace("%", "%%")


def _parts(kind: str, request: Request, directives: Sequence[str]) -> dict[str, str]:
    settings, list_of = request.settings, request.folder / "participants.txt"
    command = [str(settings.bids_dir), str(settings.out_dir), kind, "--config-file"]
    words = [*_program(kind, request), *command, str(request.folder / "settings.toml")]
    prepare, more = list(request.setup), ""
    if kind == "participant":
        prepare.append(f'label=$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" {shlex.quote(str(list_of))})')
        more = ' --participant-label "$label"'
    elif kind == "group":
        more = " --device cpu"
    return {
        "DIRECTIVES": "\n".join(directives),
        "PREPARE": "\n".join(prepare),
        "COMMAND": shlex.join(words) + more,
    }


def _program(kind: str, request: Request) -> list[str]:
    """The command before the arguments of the app: this Python, or the container with every path bound as it is."""
    if request.container is None:
        return [sys.executable, "-m", "bids_app"]
    binds = [f"{path}:{path}" for path in _paths(request.settings)] + list(request.bind)
    bound = [word for bind in dict.fromkeys(binds) for word in ("--bind", bind)]
    gpu = ["--nv"] if request.gpus and kind != "group" else []
    # Packages in the user's home must not override those of the container.
    return ["apptainer", "run", *gpu, "--env", "PYTHONNOUSERSITE=1", *bound, str(request.container)]


def _paths(settings: Settings) -> list[Path]:
    """Existing files and folders in the settings; creates OUT_DIR and the work directory."""
    for folder in (settings.out_dir, settings.work):
        folder.mkdir(parents=True, exist_ok=True)
    values = [value for field in vars(settings).values() for value in (field if isinstance(field, tuple) else (field,))]
    texts = [str(value).partition("=")[2] or str(value) for value in values if isinstance(value, str | Path)]
    # A word such as `gpt2` is a name, even if a folder has the same name.
    paths = [Path(text) for text in texts if "/" in text]
    return [path.absolute() for path in paths if path.exists()]


def _run(script: Path) -> None:
    if shutil.which("sbatch") is None:
        raise RuntimeError(f"there is no sbatch here: on a machine that submits jobs, run `bash {script}`")
    done = subprocess.run(["bash", script], capture_output=True, text=True, check=False)
    if done.returncode:
        stderr = " ".join(done.stderr.split())
        raise RuntimeError(f"sbatch refused a job ({stderr}); jobs submitted before it can be removed with scancel")
    log.info("%s", done.stdout.strip())
