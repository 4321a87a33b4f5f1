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


# What an option can decide. Results of participants are made again only by other settings that decide them.
SCORES = ("brainscore", "forecast", "depth", "variance")
FORECASTS = ("forecast", "depth", "variance")
ATOMS = ("dictionary", "networks")
OF_MODELS = (*ATOMS, *SCORES)
FITS = ("networks", *SCORES, "ceiling")
RESULTS = ("dictionary", *FITS)
FILES = ("files",)  # which files are read: they count by their content (`bids.provenance`), wherever they lie
GROUP = ("group",)  # the group level, which is computed anew each time
NOTHING = ()  # where things are, which results are made, how they are computed, what is said


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
    decides: tuple[str, ...] | None = None,
) -> Any:
    """Declare one setting with what the command line shows of it, and which of `RESULTS` it decides.

    `decides` may also be `FILES`, `GROUP` or `NOTHING`; a test fails for an option that leaves it out.
    """
    metadata = {"group": group, "help": help, "choices": choices, "metavar": metavar, "short": short}
    placed = {} if decides is None else {"decides": decides}
    return field(default=default, metadata=metadata | placed)


@dataclass(frozen=True)
class Settings:
    """Everything that determines a run. Paths are absolute; labels have no `sub-`, `ses-`, `task-`, `run-` prefix."""

    bids_dir: Path
    out_dir: Path
    level: str

    analysis: tuple[str, ...] = _option(
        ("networks", "brainscore"), "analyse", "What to compute.", choices=ANALYSES, metavar="NAME", decides=NOTHING
    )
    preset: str | None = _option(None, "analyse", "Settings of a published analysis.", metavar="NAME", decides=NOTHING)
    config_file: Path | None = _option(
        None,
        "analyse",
        "TOML file with settings; relative paths start at its folder, and the command line takes precedence.",
        metavar="TOML",
        decides=NOTHING,
    )
    controls: tuple[str, ...] = _option(
        (),
        "analyse",
        "Controls to run besides the analysis: the same architecture with random weights, or circularly shifted atoms.",
        choices=("untrained", "shifted"),
        metavar="NAME",
        decides=NOTHING,
    )

    participant_label: tuple[str, ...] = _option(
        (), "data", "Participants to analyse (default: all).", metavar="LABEL", decides=FILES
    )
    exclude_participant_label: tuple[str, ...] = _option(
        (), "data", "Participants to leave out.", metavar="LABEL", decides=FILES
    )
    session_label: tuple[str, ...] = _option(
        (), "data", "Sessions to analyse (default: all).", metavar="LABEL", decides=FILES
    )
    task_id: tuple[str, ...] = _option(
        (), "data", "Tasks to analyse (default: all tasks with word timings).", metavar="TASK", decides=FILES
    )
    run_id: tuple[str, ...] = _option((), "data", "Runs to analyse (default: all).", metavar="RUN", decides=FILES)
    space: str | None = _option(
        None,
        "data",
        "Space of the BOLD data (default: the first available of fsaverage6, fsaverage5, MNI152NLin6Asym, "
        "MNI152NLin2009cAsym, any other).",
        metavar="SPACE",
        decides=FILES,
    )
    bids_filter_file: Path | None = _option(
        None,
        "data",
        'JSON file with the entities that BOLD files must have: {"bold": {"desc": "clean"}}.',
        metavar="JSON",
        decides=FILES,
    )
    derivatives: tuple[str, ...] = _option(
        (),
        "data",
        "Preprocessed data (default: the only folder in BIDS_DIR/derivatives that holds BOLD).",
        metavar="[NAME=]PATH",
        short="-d",
        decides=FILES,
    )
    annotations: Path | None = _option(
        None, "data", "Folder with word timings and onsets, searched before BIDS_DIR.", metavar="DIR", decides=FILES
    )
    exclude_scans: Path | None = _option(
        None,
        "data",
        "JSON file that lists runs to leave out (default: BIDS_DIR/code/scan_exclude.json).",
        metavar="JSON",
        decides=FILES,
    )
    bids_database_dir: Path | None = _option(
        None, "data", "Folder where pybids keeps its index between runs.", metavar="DIR", decides=NOTHING
    )
    skip_bids_validation: bool = _option(
        False, "data", "Accept a BIDS_DIR without a dataset_description.json.", decides=NOTHING
    )

    model: tuple[str, ...] = _option(
        ("gpt2",),
        "model",
        "Language models: names on the Hugging Face Hub, or folders.",
        metavar="NAME-or-PATH",
        decides=FILES,
    )
    model_revision: str | None = _option(
        None, "model", "Revision of the model on the Hugging Face Hub.", metavar="REV", decides=OF_MODELS
    )
    neurons: str = _option(
        "ffn-out",
        "model",
        "Which values count as neurons: output or input of the second feed-forward matrix, or the output of the block.",
        choices=NEURON_KINDS,
        decides=ATOMS,
    )
    layer: str = _option(
        "auto",
        "model",
        "Layer of the brain score, counted from 1: a number, 'all', or 'auto' (at two thirds of the depth).",
        metavar="N|all|auto",
        decides=("brainscore", "forecast", "variance"),
    )
    context: str = _option(
        "auto",
        "model",
        "Context of a word: 'auto' (causal models: windows with at least 512 tokens to the left; masked models: "
        "overlapping windows), 'left' (only earlier words), 'exact' (one window per word), a minimum number of tokens, "
        "or 'rolled' (left context with the story's end before its start: a leak, for comparison with a released "
        "analysis).",
        metavar="auto|left|exact|rolled|N",
        decides=OF_MODELS,
    )
    dtype: str = _option(
        "float32", "model", "Number format of the model.", choices=("float32", "bfloat16", "float16"), decides=OF_MODELS
    )
    device: str = _option(
        "auto", "model", "Where to compute: auto, cpu, cuda, cuda:1.", metavar="DEVICE", decides=NOTHING
    )

    atoms: tuple[int, ...] = _option(
        (64,), "mapping", "Number of atoms in the dictionary; several numbers for a sweep.", metavar="K", decides=ATOMS
    )
    penalty: float = _option(
        0.15,
        "mapping",
        "Sparsity of the dictionary, from 0 (none) to 1 (all loadings are zero).",
        metavar="FLOAT",
        decides=ATOMS,
    )
    dictionary_scope: str = _option(
        "all",
        "mapping",
        "One dictionary for all stories, or one for each story.",
        choices=("all", "story"),
        decides=ATOMS,
    )
    encoding_penalty: str = _option(
        "cv",
        "mapping",
        "Sparsity of the fit of the atoms to a voxel: 'cv', or a fixed fraction of the penalty at which every "
        "coefficient is zero.",
        metavar="cv|FLOAT",
        decides=("networks",),
    )
    atlas: str | None = _option(
        None,
        "mapping",
        "Atlas of functional networks: a name (yeo7, yeo17, schaefer400), a file, or 'none' (default: yeo7 on "
        "surfaces, schaefer400 in volumes).",
        metavar="NAME-or-FILE",
        decides=("networks", "forecast", "depth"),
    )
    allow_space_mismatch: bool = _option(
        False,
        "mapping",
        "Accept an atlas in another MNI152 space than the data (1 to 2 mm off).",
        decides=("networks", "forecast", "depth"),
    )
    threshold: float = _option(
        2.3,
        "mapping",
        "|z| across the brain beyond which a map is active or deactive.",
        metavar="Z",
        decides=("networks",),
    )
    top_percent: float | None = _option(
        None,
        "mapping",
        "Instead of --threshold: percentage of the brain with the strongest values of each sign.",
        metavar="PERCENT",
        decides=("networks",),
    )
    n_spins: int = _option(
        1000, "mapping", "Number of rotations of the sphere in the spin test.", metavar="N", decides=("networks",)
    )
    distances: tuple[int, ...] = _option(
        tuple(range(-10, 31)),
        "mapping",
        "Distances of the forecast window in words: the window at 8 ends 8 words ahead; distances below 0 are past "
        "words, a control (default: all from -10 to 30).",
        metavar="D",
        decides=("forecast",),
    )
    window: int = _option(7, "mapping", "Number of words in a forecast window.", metavar="N", decides=FORECASTS)
    tested_distance: int = _option(
        8,
        "mapping",
        "Distance in words at which the forecast score is tested; the depth and variance analyses use it too.",
        metavar="D",
        decides=FORECASTS,
    )
    regions: str | None = _option(
        None,
        "mapping",
        "Atlas of regions for the forecast curves: 'destrieux', a file, or 'none' (default: destrieux on surfaces, if "
        "available).",
        metavar="NAME-or-FILE",
        decides=("forecast", "depth"),
    )
    significance: float = _option(
        0.01,
        "mapping",
        "Significance level, corrected over the brain, for group maps of the forecast distance.",
        decides=GROUP,
    )
    banded_candidates: int = _option(
        20,
        "mapping",
        "Number of weightings of the feature spaces that the banded ridge of the variance analysis tries.",
        metavar="N",
        decides=("variance",),
    )
    word_volume: str = _option(
        "onset",
        "mapping",
        "Volume to which scores assign a word: that of its onset, or the next (as in a released analysis).",
        choices=("onset", "next"),
        decides=SCORES,
    )
    wrap: bool = _option(
        False,
        "mapping",
        "Let delays and forecast windows wrap from the end of a story to its start (as in a released analysis).",
        decides=SCORES,
    )
    delays: int = _option(
        6, "mapping", "Number of delays, in volumes, of the finite impulse response.", metavar="N", decides=SCORES
    )
    pca: int = _option(
        20, "mapping", "Number of principal components of a layer; 0 for no reduction.", metavar="N", decides=SCORES
    )
    alphas: tuple[float, ...] = _option(
        tuple(10.0**exponent for exponent in range(-1, 9)),
        "mapping",
        "Ridge penalties to choose from.",
        metavar="A",
        decides=(*SCORES, "ceiling"),
    )
    inner_folds: str = _option(
        "contiguous",
        "mapping",
        "How the ridge penalty is chosen inside the training folds.",
        choices=("contiguous", "leave-one-out"),
        decides=SCORES,
    )
    folds: int = _option(5, "mapping", "Number of contiguous folds of the cross-validation.", metavar="N", decides=FITS)
    purge: int = _option(
        0,
        "mapping",
        "Number of volumes dropped from training on each side of a held-out fold.",
        metavar="N",
        decides=FITS,
    )
    repeats: str = _option(
        "together",
        "mapping",
        "Passages heard more than once (in two runs, twice in a run, or in versions of a story): 'together' keeps all "
        "presentations in the same fold; 'average' first averages runs that heard the same at the same times.",
        choices=("together", "average"),
        decides=FITS,
    )
    confounds: tuple[str, ...] = _option(
        ("auto",),
        "mapping",
        "Confounds to regress out: none; those of the Narratives data paper (narratives); a strategy of nilearn "
        "(simple, scrubbing, compcor, ica_aroma); names or quoted patterns of columns ('trans_*' 'rot_*' 'cosine*'); "
        "or auto (narratives, if the data are not yet cleaned and have a table of confounds).",
        metavar="NAME",
        decides=FITS,
    )
    high_pass: float = _option(
        0.008,
        "mapping",
        "High-pass cut-off in Hz for data that were not cleaned; 0 for no filter besides cosines among the confounds.",
        metavar="HZ",
        decides=FITS,
    )
    smoothing_fwhm: float = _option(
        0.0,
        "mapping",
        "Smoothing kernel (FWHM) in mm, within the mask of volumes or along the cortical surface; 0 for none.",
        metavar="MM",
        decides=FITS,
    )
    mask: Path | None = _option(
        None,
        "mapping",
        "Analyse only what is in this mask: a volume on the grid of the BOLD, one of a pair of GIFTI files, a CIFTI "
        "file, or a list of parcels (.txt, .tsv).",
        metavar="FILE",
        decides=FILES,
    )
    pool_tasks: bool = _option(False, "mapping", "Fit all tasks of a participant together.", decides=FITS)
    noise_ceiling: str = _option(
        "all",
        "mapping",
        "Predict each participant from the mean of all others who heard the story (all), or omit the ceiling (none).",
        choices=("all", "none"),
        decides=("ceiling",),
    )
    n_permutations: int = _option(
        4000,
        "mapping",
        "Number of scores from fits to circularly shifted responses behind each p-value.",
        metavar="N",
        decides=("networks", "brainscore", "forecast"),
    )

    work_dir: Path | None = _option(
        None,
        "run",
        "Folder for intermediate results that jobs share (default: OUT_DIR/.work).",
        metavar="DIR",
        short="-w",
        decides=NOTHING,
    )
    resources: Path | None = _option(
        None,
        "run",
        "Folder that `n2n fetch` has filled with models and atlases; the network is then not used. The folder in the "
        "environment variable N2N_HOME is searched as well.",
        metavar="DIR",
        decides=FILES,
    )
    nprocs: int = _option(1, "run", "Number of participants computed at the same time.", metavar="N", decides=NOTHING)
    omp_nthreads: int = _option(
        0,
        "run",
        "Threads of each process; 0: the number of processors divided by --nprocs.",
        metavar="N",
        decides=NOTHING,
    )
    mem_mb: int = _option(
        0, "run", "Memory for the whole run in MB; 0: the memory of the machine.", metavar="MB", decides=NOTHING
    )
    engine: str = _option(
        "local",
        "run",
        "Where the jobs run: on this machine, or on Dask workers.",
        choices=("local", "dask"),
        decides=NOTHING,
    )
    dask_scheduler: str | None = _option(
        None,
        "run",
        "With --engine dask: address of a running scheduler, tcp://HOST:8786.",
        metavar="ADDRESS",
        decides=NOTHING,
    )
    dask_cluster: tuple[str, ...] = _option(
        (),
        "run",
        "With --engine dask: start workers as jobs of a cluster: kind (slurm, pbs, sge, lsf), jobs, gpus (of each "
        "job), and arguments of dask-jobqueue such as cores, memory, walltime, queue; in a settings file, a table.",
        metavar="KEY=VALUE",
        decides=NOTHING,
    )
    random_seed: int = _option(0, "run", "Seed of all random numbers.", metavar="N", decides=OF_MODELS)
    dry_run: bool = _option(False, "run", "Print what would be computed, and stop.", decides=NOTHING)
    reports_only: bool = _option(False, "run", "Only write the reports again.", decides=NOTHING)
    stop_on_first_crash: bool = _option(False, "run", "Stop when a participant fails.", decides=NOTHING)
    resource_monitor: bool = _option(False, "run", "Log time and peak memory of each step.", decides=NOTHING)
    verbose: int = _option(0, "run", "Log more; -vv for everything.", short="-v", decides=NOTHING)

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


def numbers_of(settings: Settings, result: str) -> dict[str, Any]:
    """The settings that decide a result (one of `RESULTS`), ready for JSON; kept in every sidecar.

    An option whose declaration does not say what it decides counts for every result.
    """
    deciding = [item for item in OPTIONS if result in item.metadata.get("decides", RESULTS)]
    return {item.name: _without_folder(item, getattr(settings, item.name)) for item in deciding}


def _without_folder(item: dataclasses.Field[Any], value: Any) -> Any:
    """A file that an option names counts by its content, wherever it lies (see `bids.provenance`)."""
    is_file = item.metadata["metavar"] == "NAME-or-FILE" or isinstance(value, Path)
    return Path(value).name if is_file and value is not None else value


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
