"""The settings of a run: one frozen object, made once, passed on, and kept beside the outputs.

Every setting is a field of `Settings`, or of the options of an analysis, which `Settings` inherits. Its metadata
hold its appearance on the command line, its help text, its allowed values, and what it decides.
`bids_app.settings_input` makes `Settings` from user input.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bids_app.analyses.record import Analysis
from bids_app.analyses.registry import ANALYSES
from bids_app.choices import AtlasChoice, LayerChoice
from bids_app.options import (
    ACTIVATIONS,
    ATLAS,
    DESIGNS,
    DISTANCES,
    FILES,
    GROUP,
    LAYER,
    NOTHING,
    PENALTIES,
    PERMUTATIONS,
    REGIONS,
    RESPONSES,
    WINDOWS,
    Form,
    Range,
    names_of,
    option,
)

if TYPE_CHECKING:
    from bids_app.analyses.brainscore.options import BrainScoreOptions
    from bids_app.analyses.evidence.options import EvidenceOptions
    from bids_app.analyses.futures.options import FuturesOptions
    from bids_app.analyses.networks.options import NetworkOptions
    from bids_app.analyses.variance.options import VarianceOptions

LEVELS = ("stimulus", "participant", "group")
NAMES = tuple(analysis.name for analysis in ANALYSES)
Options = TypeVar("Options")

GROUPS = {
    "analyse": "what to analyse",
    "data": "which data",
    "model": "the model",
    "mapping": "the mapping",
    **{
        analysis.name: f"the analysis {analysis.name}: {analysis.title}"
        for analysis in ANALYSES
        if names_of(analysis.options)
    },
    "run": "how to run",
}


class SettingsError(ValueError):
    """An impossible setting; the message names it, its value, and the allowed values."""


if TYPE_CHECKING:

    class _Own(NetworkOptions, BrainScoreOptions, FuturesOptions, VarianceOptions, EvidenceOptions):
        """Options of the analyses, for type checkers."""

else:  # from the registry
    _Own = dataclasses.make_dataclass(
        "_Own", [], bases=tuple({analysis.options: 0 for analysis in ANALYSES}), frozen=True
    )


@dataclass(frozen=True)
class Settings(_Own):
    """Everything that determines a run. Paths are absolute; labels have no `sub-`, `ses-`, `task-`, `run-` prefix."""

    bids_dir: Path
    out_dir: Path
    level: str

    analysis: tuple[str, ...] = option(
        ("networks", "brainscore"), "analyse", "What to compute.", choices=NAMES, metavar="NAME", decides=NOTHING
    )
    preset: str | None = option(None, "analyse", "Settings of a published analysis.", metavar="NAME", decides=NOTHING)
    config_file: Path | None = option(
        None,
        "analyse",
        "TOML file with settings; relative paths start at its folder, and the command line takes precedence.",
        metavar="TOML",
        decides=NOTHING,
    )
    controls: tuple[str, ...] = option(
        (),
        "analyse",
        "Controls to run besides the analysis: the same architecture with random weights, or circularly shifted atoms.",
        choices=("untrained", "shifted"),
        metavar="NAME",
        decides=NOTHING,
    )

    participant_label: tuple[str, ...] = option(
        (), "data", "Participants to analyse (default: all).", metavar="LABEL", decides=FILES
    )
    exclude_participant_label: tuple[str, ...] = option(
        (), "data", "Participants to leave out.", metavar="LABEL", decides=FILES
    )
    session_label: tuple[str, ...] = option(
        (), "data", "Sessions to analyse (default: all).", metavar="LABEL", decides=FILES
    )
    task_id: tuple[str, ...] = option(
        (), "data", "Tasks to analyse (default: all tasks with word timings).", metavar="TASK", decides=FILES
    )
    run_id: tuple[str, ...] = option((), "data", "Runs to analyse (default: all).", metavar="RUN", decides=FILES)
    space: str | None = option(
        None,
        "data",
        "Space of the BOLD data (default: the first available of fsaverage6, fsaverage5, MNI152NLin6Asym, "
        "MNI152NLin2009cAsym, any other).",
        metavar="SPACE",
        decides=FILES,
    )
    bids_filter_file: Path | None = option(
        None,
        "data",
        'JSON file with the entities that BOLD files must have: {"bold": {"desc": "clean"}}.',
        metavar="JSON",
        decides=FILES,
    )
    derivatives: tuple[str, ...] = option(
        (),
        "data",
        "Preprocessed data (default: the only folder in BIDS_DIR/derivatives that holds BOLD).",
        metavar="[NAME=]PATH",
        short="-d",
        decides=FILES,
    )
    annotations: Path | None = option(
        None, "data", "Folder with word timings and onsets, searched before BIDS_DIR.", metavar="DIR", decides=FILES
    )
    exclude_scans: Path | None = option(
        None,
        "data",
        "JSON file that lists runs to leave out (default: BIDS_DIR/code/scan_exclude.json).",
        metavar="JSON",
        decides=FILES,
    )
    bids_database_dir: Path | None = option(
        None, "data", "Folder where pybids keeps its index between runs.", metavar="DIR", decides=NOTHING
    )
    skip_bids_validation: bool = option(
        False, "data", "Accept a BIDS_DIR without a dataset_description.json.", decides=NOTHING
    )

    model: tuple[str, ...] = option(
        ("gpt2",),
        "model",
        "Language models: names on the Hugging Face Hub, or folders.",
        metavar="NAME-or-PATH",
        decides=FILES,
    )
    model_revision: str | None = option(
        None, "model", "Revision of the model on the Hugging Face Hub.", metavar="REV", decides=(ACTIVATIONS,)
    )
    layer: str = option(
        "auto",
        "model",
        "Layer of the brain score, counted from 1: a number, 'all', or 'auto' (at two thirds of the depth).",
        metavar="N|all|auto",
        decides=(LAYER,),
        allowed=Form(r"auto|all|0*[1-9][0-9]{0,5}", "must be a number from 1, 'all' or 'auto'"),
    )
    context: str = option(
        "auto",
        "model",
        "Context of a word: 'auto' (causal models: windows with at least 512 tokens to the left; masked models: "
        "overlapping windows), 'left' (only earlier words), 'exact' (one window per word), a minimum number of tokens, "
        "or 'rolled' (left context with the story's end before its start: a leak, for comparison with a released "
        "analysis).",
        metavar="auto|left|exact|rolled|N",
        decides=(ACTIVATIONS,),
        allowed=Form(
            r"auto|left|exact|rolled|[0-9]{1,7}", "must be 'auto', 'left', 'exact', 'rolled' or a number of tokens"
        ),
    )
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
    atlas: str | None = option(
        None,
        "mapping",
        "Atlas of functional networks: a name (yeo7, yeo17, schaefer400), a file, or 'none' (default: yeo7 on "
        "surfaces, schaefer400 in volumes).",
        metavar="NAME-or-FILE",
        decides=(ATLAS,),
    )
    allow_space_mismatch: bool = option(
        False,
        "mapping",
        "Accept an atlas in another MNI152 space than the data (1 to 2 mm off).",
        decides=(ATLAS,),
    )
    window: int = option(
        7, "mapping", "Number of words in a forecast window.", metavar="N", decides=(WINDOWS,), allowed=Range(1, 10_000)
    )
    tested_distance: int = option(
        8,
        "mapping",
        "Distance in words at which the forecast score is tested; the depth and variance analyses use it too.",
        metavar="D",
        decides=(WINDOWS,),
        allowed=Range(-100_000, 100_000),
    )
    distances: tuple[int, ...] = option(
        tuple(range(-10, 31)),
        "mapping",
        "Distances of the forecast window in words: the window at 8 ends 8 words ahead; distances below 0 are past "
        "words, a control (default: all from -10 to 30).",
        metavar="D",
        decides=(DISTANCES,),
        allowed=Range(-100_000, 100_000),
    )
    regions: str | None = option(
        None,
        "mapping",
        "Atlas of regions for the forecast curves: 'destrieux', a file, or 'none' (default: destrieux on surfaces, if "
        "available).",
        metavar="NAME-or-FILE",
        decides=(REGIONS,),
    )
    significance: float = option(
        0.01,
        "mapping",
        "Significance level, corrected over the brain, for group maps of the forecast distance.",
        decides=GROUP,
        allowed=Range(0, 1, open_least=True),
    )
    word_volume: str = option(
        "onset",
        "mapping",
        "Volume to which scores assign a word: that of its onset, or the next (as in a released analysis).",
        choices=("onset", "next"),
        decides=(DESIGNS,),
    )
    wrap: bool = option(
        False,
        "mapping",
        "Let delays and forecast windows wrap from the end of a story to its start (as in a released analysis).",
        decides=(DESIGNS,),
    )
    delays: int = option(
        6,
        "mapping",
        "Number of delays, in volumes, of the finite impulse response.",
        metavar="N",
        decides=(DESIGNS,),
        allowed=Range(1, 10_000),
    )
    pca: int = option(
        20,
        "mapping",
        "Number of principal components of a layer; 0 for no reduction.",
        metavar="N",
        decides=(DESIGNS,),
        allowed=Range(0, 100_000),
    )
    alphas: tuple[float, ...] = option(
        tuple(10.0**exponent for exponent in range(-1, 9)),
        "mapping",
        "Ridge penalties to choose from.",
        metavar="A",
        decides=(PENALTIES,),
        allowed=Range(0, 1e30, open_least=True),
    )
    inner_folds: str = option(
        "contiguous",
        "mapping",
        "How the ridge penalty is chosen inside the training folds.",
        choices=("contiguous", "leave-one-out"),
        decides=(DESIGNS,),
    )
    folds: int = option(
        5,
        "mapping",
        "Number of contiguous folds of the cross-validation.",
        metavar="N",
        decides=(RESPONSES,),
        allowed=Range(2, 10_000),
    )
    purge: int = option(
        0,
        "mapping",
        "Number of volumes dropped from training on each side of a held-out fold.",
        metavar="N",
        decides=(RESPONSES,),
        allowed=Range(0, 10_000),
    )
    repeats: str = option(
        "together",
        "mapping",
        "Passages heard more than once (in two runs, twice in a run, or in versions of a story): 'together' keeps all "
        "presentations in the same fold; 'average' first averages runs that heard the same at the same times.",
        choices=("together", "average"),
        decides=(RESPONSES,),
    )
    confounds: tuple[str, ...] = option(
        ("auto",),
        "mapping",
        "Confounds to regress out: none; those of the Narratives data paper (narratives); a strategy of nilearn "
        "(simple, scrubbing, compcor, ica_aroma); names or quoted patterns of columns ('trans_*' 'rot_*' 'cosine*'); "
        "or auto (narratives, if the data are not yet cleaned and have a table of confounds).",
        metavar="NAME",
        decides=(RESPONSES,),
    )
    high_pass: float = option(
        0.008,
        "mapping",
        "High-pass cut-off in Hz for data that were not cleaned; 0 for no filter besides cosines among the confounds.",
        metavar="HZ",
        decides=(RESPONSES,),
        allowed=Range(0, 10),
    )
    smoothing_fwhm: float = option(
        0.0,
        "mapping",
        "Smoothing kernel (FWHM) in mm, within the mask of volumes or along the cortical surface; 0 for none.",
        metavar="MM",
        decides=(RESPONSES,),
        allowed=Range(0, 100),
    )
    mask: Path | None = option(
        None,
        "mapping",
        "Analyse only what is in this mask: a volume on the grid of the BOLD, one of a pair of GIFTI files, a CIFTI "
        "file, or a list of parcels (.txt, .tsv).",
        metavar="FILE",
        decides=FILES,
    )
    pool_tasks: bool = option(False, "mapping", "Fit all tasks of a participant together.", decides=(RESPONSES,))
    n_permutations: int = option(
        4000,
        "mapping",
        "Number of scores from fits to circularly shifted responses behind each p-value.",
        metavar="N",
        decides=(PERMUTATIONS,),
        allowed=Range(1, 10_000_000),
    )
    correction: str = option(
        "parcels",
        "mapping",
        "How p-values of scores are corrected over the brain: parcels of about 50 neighbours first, then the targets "
        "inside significant parcels (parcels), or all targets at once (targets).",
        choices=("parcels", "targets"),
        decides=(PERMUTATIONS,),
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
    random_seed: int = option(
        0, "run", "Seed of all random numbers.", metavar="N", decides=(ACTIVATIONS,), allowed=Range(0, 2**32 - 1)
    )
    dry_run: bool = option(False, "run", "Print what would be computed, and stop.", decides=NOTHING)
    reports_only: bool = option(False, "run", "Only write the reports again.", decides=NOTHING)
    stop_on_first_crash: bool = option(False, "run", "Stop when a participant fails.", decides=NOTHING)
    resource_monitor: bool = option(False, "run", "Log time and peak memory of each step.", decides=NOTHING)
    verbose: int = option(0, "run", "Log more; -vv for everything.", short="-v", decides=NOTHING)

    @property
    def analyses(self) -> tuple[Analysis, ...]:
        """The selected analyses, in the order of the registry."""
        return tuple(analysis for analysis in ANALYSES if analysis.name in self.analysis)

    def of(self, options: type[Options]) -> Options:
        """These settings as the options of one analysis."""
        assert isinstance(self, options)
        return self

    @cached_property
    def layers(self) -> LayerChoice:
        """`--layer`, parsed."""
        return LayerChoice.parse(self.layer)

    @cached_property
    def network_atlas(self) -> AtlasChoice:
        """`--atlas`, parsed."""
        return AtlasChoice.parse(self.atlas)

    @cached_property
    def region_atlas(self) -> AtlasChoice:
        """`--regions`, parsed."""
        return AtlasChoice.parse(self.regions)

    @property
    def work(self) -> Path:
        """Folder for shared intermediate results."""
        return self.work_dir or self.out_dir / ".work"
