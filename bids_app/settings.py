"""The settings of a run: one frozen object, made once, passed on, and kept beside the outputs.

Every setting is a field of `Settings`; its metadata says how the command line and the help text show it.
`bids_app.settings_input` makes it from what a user gives.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

LEVELS = ("stimulus", "participant", "group")
ANALYSES = ("networks", "brainscore", "forecast", "depth", "variance")
NEURON_KINDS = ("ffn-out", "ffn-in", "residual")

GROUPS = {
    "analyse": "what to analyse",
    "data": "which data",
    "model": "the model",
    "mapping": "the mapping",
    "run": "how to run",
}


class SettingsError(ValueError):
    """A setting that cannot be: says which, what came, what is allowed."""


def _option(
    default: Any,
    group: str,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    metavar: str | None = None,
    short: str | None = None,
) -> Any:
    """Declare one setting with what the command line shows of it."""
    metadata = {"group": group, "help": help, "choices": choices, "metavar": metavar, "short": short}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """Everything that determines a run. Paths are absolute; labels have no `sub-`, `ses-`, `task-`, `run-` prefix."""

    bids_dir: Path
    out_dir: Path
    level: str

    analysis: tuple[str, ...] = _option(
        ("networks", "brainscore"), "analyse", "What to compute.", choices=ANALYSES, metavar="NAME"
    )
    preset: str | None = _option(None, "analyse", "Settings of a published analysis.", metavar="NAME")
    config_file: Path | None = _option(
        None, "analyse", "Settings as TOML, relative paths from its folder; the command line wins.", metavar="TOML"
    )
    controls: tuple[str, ...] = _option(
        (),
        "analyse",
        "Controls to run beside the analysis: the same architecture with random weights, circularly shifted atoms.",
        choices=("untrained", "shifted"),
        metavar="NAME",
    )

    participant_label: tuple[str, ...] = _option((), "data", "Participants to analyse (default: all).", metavar="LABEL")
    exclude_participant_label: tuple[str, ...] = _option((), "data", "Participants to leave out.", metavar="LABEL")
    session_label: tuple[str, ...] = _option((), "data", "Sessions to analyse (default: all).", metavar="LABEL")
    task_id: tuple[str, ...] = _option((), "data", "Tasks to analyse (default: all with word timings).", metavar="TASK")
    run_id: tuple[str, ...] = _option((), "data", "Runs to analyse (default: all).", metavar="RUN")
    space: str | None = _option(
        None,
        "data",
        "Space of the BOLD data (default: the first present of fsaverage6, fsaverage5, MNI152NLin6Asym, "
        "MNI152NLin2009cAsym, any other).",
        metavar="SPACE",
    )
    bids_filter_file: Path | None = _option(
        None, "data", 'JSON with entities that the BOLD files must have: {"bold": {"desc": "clean"}}.', metavar="JSON"
    )
    derivatives: tuple[str, ...] = _option(
        (),
        "data",
        "Preprocessed data (default: the one folder of BIDS_DIR/derivatives that holds BOLD).",
        metavar="[NAME=]PATH",
        short="-d",
    )
    annotations: Path | None = _option(
        None, "data", "Folder with word timings, looked in before BIDS_DIR.", metavar="DIR"
    )
    exclude_scans: Path | None = _option(
        None, "data", "JSON list of runs to leave out (default: BIDS_DIR/code/scan_exclude.json).", metavar="JSON"
    )
    bids_database_dir: Path | None = _option(
        None, "data", "Folder where pybids keeps its index between runs.", metavar="DIR"
    )
    skip_bids_validation: bool = _option(False, "data", "Take a BIDS_DIR without a dataset_description.json.")

    model: tuple[str, ...] = _option(
        ("gpt2",), "model", "Language models: names on the Hugging Face hub, or folders.", metavar="NAME-or-PATH"
    )
    model_revision: str | None = _option(None, "model", "Revision of the model on the hub.", metavar="REV")
    neurons: str = _option(
        "ffn-out",
        "model",
        "What counts as a neuron: output or input of the second feed-forward matrix, or the block's output.",
        choices=NEURON_KINDS,
    )
    layer: str = _option(
        "auto",
        "model",
        "Layer of the brain score, counted from 1: a number, 'all', or 'auto' (at two thirds of the depth).",
        metavar="N|all|auto",
    )
    context: str = _option(
        "auto",
        "model",
        "Context of a word: 'auto' (causal models: windows with at least 512 tokens to the left; masked models: "
        "overlapping windows), 'left' (never later words), 'exact' (a window per word), a least number of tokens, or "
        "'rolled' (left context, the story's end before its start: a leak, for comparison with a released analysis).",
        metavar="auto|left|exact|rolled|N",
    )
    dtype: str = _option("float32", "model", "Number format of the model.", choices=("float32", "bfloat16", "float16"))
    device: str = _option("auto", "model", "Where to compute: auto, cpu, cuda, cuda:1.", metavar="DEVICE")

    atoms: tuple[int, ...] = _option((64,), "mapping", "Atoms of the dictionary; several for a sweep.", metavar="K")
    penalty: float = _option(
        0.15, "mapping", "Sparsity of the dictionary: 0 none, 1 every loading zero.", metavar="FLOAT"
    )
    dictionary_scope: str = _option(
        "all", "mapping", "One dictionary for all stories, or one for each.", choices=("all", "story")
    )
    encoding_penalty: str = _option(
        "cv",
        "mapping",
        "Sparsity of the fit of the atoms to a voxel: 'cv', or a fixed fraction of the penalty at which every "
        "coefficient is zero.",
        metavar="cv|FLOAT",
    )
    atlas: str | None = _option(
        None,
        "mapping",
        "Atlas of functional networks: a name (yeo7, yeo17, schaefer400), a file, or 'none' (default: yeo7 on "
        "surfaces, schaefer400 in volumes).",
        metavar="NAME-or-FILE",
    )
    allow_space_mismatch: bool = _option(
        False, "mapping", "Take an atlas in another MNI152 space than the data's (1 to 2 mm off)."
    )
    threshold: float = _option(2.3, "mapping", "|z| across the brain from which a map is active.", metavar="Z")
    top_percent: float | None = _option(
        None, "mapping", "Instead of --threshold: the strongest percent of the brain, of each sign.", metavar="PERCENT"
    )
    n_spins: int = _option(1000, "mapping", "Rotations of the sphere in the spin test.", metavar="N")
    distances: tuple[int, ...] = _option(
        tuple(range(-10, 31)),
        "mapping",
        "Distances of the forecast window in words: the window at 8 ends 8 words ahead; below 0 lies the past, a "
        "control (default: every one from -10 to 30).",
        metavar="D",
    )
    window: int = _option(7, "mapping", "Words in a forecast window.", metavar="N")
    tested_distance: int = _option(
        8, "mapping", "Distance at which the forecast score is tested, and of the depth and the variance.", metavar="D"
    )
    regions: str | None = _option(
        None,
        "mapping",
        "Atlas of regions for the forecast curves: 'destrieux', a file, or 'none' (default: destrieux on surfaces "
        "where it is at hand).",
        metavar="NAME-or-FILE",
    )
    significance: float = _option(
        0.01, "mapping", "Level, corrected over the brain, at which group maps of the forecast distance are shown."
    )
    banded_candidates: int = _option(
        20, "mapping", "Weightings of the feature spaces that the banded ridge of the variance tries.", metavar="N"
    )
    word_volume: str = _option(
        "onset",
        "mapping",
        "Volume in which a word counts for scores: that of its onset, or the next (as in a released analysis).",
        choices=("onset", "next"),
    )
    wrap: bool = _option(
        False,
        "mapping",
        "Let delays and forecast windows run on from a story's end to its start (as in a released analysis).",
    )
    delays: int = _option(6, "mapping", "Delays of the finite impulse response, in volumes.", metavar="N")
    pca: int = _option(20, "mapping", "Principal components of a layer; 0 for none.", metavar="N")
    alphas: tuple[float, ...] = _option(
        tuple(10.0**exponent for exponent in range(-1, 9)), "mapping", "Ridge penalties to choose from.", metavar="A"
    )
    inner_folds: str = _option(
        "contiguous",
        "mapping",
        "How the ridge penalty is chosen inside the training folds.",
        choices=("contiguous", "leave-one-out"),
    )
    folds: int = _option(5, "mapping", "Contiguous folds of the cross-validation.", metavar="N")
    purge: int = _option(0, "mapping", "Volumes dropped from training at each side of a fold's border.", metavar="N")
    repeats: str = _option(
        "together",
        "mapping",
        "What was heard more than once (in two runs, twice in a run, in versions of a story): 'together', all of it in "
        "one fold, or 'average', the runs that heard the same at the same times are averaged first.",
        choices=("together", "average"),
    )
    confounds: tuple[str, ...] = _option(
        ("auto",),
        "mapping",
        "Confounds to regress out: none; those of the Narratives data paper (narratives); a strategy of nilearn "
        "(simple, scrubbing, compcor, ica_aroma); names or quoted patterns of columns ('trans_*' 'rot_*' 'cosine*'); "
        "or auto (narratives where the data are not cleaned and have a table of confounds).",
        metavar="NAME",
    )
    high_pass: float = _option(
        0.008,
        "mapping",
        "High-pass in Hz for data that were not cleaned; 0 for none beyond the cosines among the confounds.",
        metavar="HZ",
    )
    smoothing_fwhm: float = _option(0.0, "mapping", "Smoothing of volumes in mm; 0 for none.", metavar="MM")
    pool_tasks: bool = _option(False, "mapping", "Fit all tasks of a participant together.")
    noise_ceiling: str = _option(
        "all",
        "mapping",
        "Predict each participant from the mean of all others who heard the story, or leave the ceiling out.",
        choices=("all", "none"),
    )
    n_permutations: int = _option(
        4000, "mapping", "Scores of fits to circularly shifted responses behind each p-value.", metavar="N"
    )

    work_dir: Path | None = _option(
        None, "run", "Folder for what is computed once and shared (default: OUT_DIR/.work).", metavar="DIR", short="-w"
    )
    resources: Path | None = _option(
        None,
        "run",
        "Folder that `n2n fetch` has filled with models and atlases; nothing is asked of the network then. The one "
        "that the environment variable N2N_HOME names is looked into as well.",
        metavar="DIR",
    )
    nprocs: int = _option(1, "run", "Participants computed at the same time.", metavar="N")
    omp_nthreads: int = _option(0, "run", "Threads of one process; 0: the processors divided by --nprocs.", metavar="N")
    mem_mb: int = _option(0, "run", "Memory for the whole run in MB; 0: what the machine has.", metavar="MB")
    engine: str = _option(
        "local", "run", "Where the jobs run: on this machine, or on Dask workers.", choices=("local", "dask")
    )
    dask_scheduler: str | None = _option(
        None, "run", "With --engine dask: a scheduler that is running, tcp://HOST:8786.", metavar="ADDRESS"
    )
    dask_cluster: tuple[str, ...] = _option(
        (),
        "run",
        "With --engine dask: workers to start as jobs of a cluster: kind (slurm, pbs, sge, lsf), jobs, gpus (of each "
        "job), and arguments of dask-jobqueue such as cores, memory, walltime, queue; in a settings file a table.",
        metavar="KEY=VALUE",
    )
    random_seed: int = _option(0, "run", "Seed of everything random.", metavar="N")
    dry_run: bool = _option(False, "run", "Say what would be computed, and stop.")
    reports_only: bool = _option(False, "run", "Only write the reports again.")
    stop_on_first_crash: bool = _option(False, "run", "Stop when a participant fails.")
    resource_monitor: bool = _option(False, "run", "Log time and peak memory of each step.")
    verbose: int = _option(0, "run", "Say more; -vv for everything.", short="-v")

    @property
    def work(self) -> Path:
        """Folder for shared intermediate results."""
        return self.work_dir or self.out_dir / ".work"


ARGUMENTS = ("bids_dir", "out_dir", "level")
OPTIONS = tuple(f for f in dataclasses.fields(Settings) if f.name not in ARGUMENTS)
_TYPES = get_type_hints(Settings)


def element_type(name: str) -> type:
    """Type of one value of a setting: `int` for `tuple[int, ...]` and for `int | None`.

    >>> element_type("atoms"), element_type("space"), element_type("penalty")
    (<class 'int'>, <class 'str'>, <class 'float'>)
    """
    hint = _TYPES[name]
    arguments = [a for a in get_args(hint) if a not in (type(None), Ellipsis)]
    kind = arguments[0] if arguments else hint
    assert isinstance(kind, type)
    return kind


def is_list(name: str) -> bool:
    """Whether a setting holds several values."""
    return str(_TYPES[name]).startswith("tuple")


# What a result depends on; the rest says where things are or how they are run.
_NUMBERS = {
    "common": (
        "space session_label run_id confounds high_pass smoothing_fwhm pool_tasks folds purge repeats n_permutations "
        "model_revision context dtype random_seed"
    ),
    "networks": (
        "neurons penalty dictionary_scope encoding_penalty atlas allow_space_mismatch threshold top_percent n_spins"
    ),
    "brainscore": "layer delays pca alphas inner_folds noise_ceiling word_volume wrap",
    "forecast": "layer delays pca alphas inner_folds word_volume wrap distances window tested_distance regions atlas",
    "depth": "delays pca alphas inner_folds word_volume wrap window tested_distance regions atlas",
    "variance": "layer delays pca alphas inner_folds word_volume wrap window tested_distance banded_candidates",
}


def numbers_of(settings: Settings, analysis: str) -> dict[str, Any]:
    """The settings that determine the numbers of an analysis, ready for JSON; kept in every sidecar."""
    names = (_NUMBERS["common"] + " " + _NUMBERS[analysis]).split()
    return {name: getattr(settings, name) for name in names}


def to_toml(settings: Settings) -> str:
    """All settings as TOML, for the record beside the outputs."""
    lines = []
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        if value is None:
            continue
        if isinstance(value, Path):
            value = str(value)
        # A JSON string, number, boolean or list of those is valid TOML.
        lines.append(f"{item.name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
