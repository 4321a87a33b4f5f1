"""Options of what a run reads: the files of a data set, the model, the atlases, and the responses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bids_app.choices import AtlasChoice, LayerChoice
from bids_app.options import ACTIVATIONS, ATLAS, FILES, LAYER, NOTHING, REGIONS, RESPONSES, Form, Range, option
from bids_app.shared_options.run import ComputeOptions, Places


@dataclass(frozen=True, kw_only=True)
class DataOptions(Places):
    """Which files of a data set are read. Labels have no `sub-`, `ses-`, `task-`, `run-` prefix."""

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
    skip_bids_validation: bool = option(
        False, "data", "Accept a BIDS_DIR without a dataset_description.json.", decides=NOTHING
    )


@dataclass(frozen=True, kw_only=True)
class ModelOptions(ComputeOptions, Places):
    """Which models are read, and how."""

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
    activations_dtype: str = option(
        "float32",
        "model",
        "Number format of activations in the work directory: float16 takes half the disk, and rounds them to three "
        "digits.",
        choices=("float32", "float16"),
        decides=(ACTIVATIONS,),
    )
    controls: tuple[str, ...] = option(
        (),
        "analyse",
        "Controls to run besides the analysis: the same architecture with random weights, or circularly shifted atoms.",
        choices=("untrained", "shifted"),
        metavar="NAME",
        decides=NOTHING,
    )

    @cached_property
    def layers(self) -> LayerChoice:
        """`--layer`, parsed."""
        return LayerChoice.parse(self.layer)


@dataclass(frozen=True, kw_only=True)
class AtlasOptions(Places):
    """Which atlases divide the brain."""

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
    regions: str | None = option(
        None,
        "mapping",
        "Atlas of regions for the forecast curves: 'destrieux', a file, or 'none' (default: destrieux on surfaces, if "
        "available).",
        metavar="NAME-or-FILE",
        decides=(REGIONS,),
    )

    @cached_property
    def network_atlas(self) -> AtlasChoice:
        """`--atlas`, parsed."""
        return AtlasChoice.parse(self.atlas)

    @cached_property
    def region_atlas(self) -> AtlasChoice:
        """`--regions`, parsed."""
        return AtlasChoice.parse(self.regions)


@dataclass(frozen=True, kw_only=True)
class FoldOptions:
    """Which volumes are held out together."""

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


@dataclass(frozen=True, kw_only=True)
class ResponseOptions(FoldOptions, ComputeOptions, Places):
    """How the responses of the brain are read and cleaned."""

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
