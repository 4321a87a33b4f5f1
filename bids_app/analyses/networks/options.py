"""Options of the dictionary, its fit to the brain, and the links to networks."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.options import DICTIONARY, Form, Range, option
from bids_app.shared_options.designs import DesignOptions
from bids_app.shared_options.inputs import AtlasOptions, ModelOptions, ResponseOptions
from bids_app.shared_options.scores import ScoreOptions

NEURON_KINDS = ("ffn-out", "ffn-in", "residual")


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(AtlasOptions, DesignOptions, ResponseOptions, ScoreOptions, ModelOptions):
    """Options of the dictionary, its fit to the brain, and the links to networks."""

    neurons: str = option(
        "ffn-out",
        "model",
        "Which values count as neurons: output or input of the second feed-forward matrix, or the output of the block.",
        choices=NEURON_KINDS,
        decides=(DICTIONARY,),
    )
    atoms: tuple[int, ...] = option(
        (64,),
        "networks",
        "Number of atoms in the dictionary; several numbers for a sweep.",
        metavar="K",
        decides=(DICTIONARY,),
        allowed=Range(2, 100_000),
    )
    penalty: float = option(
        0.2,
        "networks",
        "Sparsity of the dictionary, from 0 (none) to 1 (all loadings are zero).",
        metavar="FLOAT",
        decides=(DICTIONARY,),
        allowed=Range(0, 1, open_least=True, open_most=True),
    )
    dictionary_scope: str = option(
        "all",
        "networks",
        "One dictionary for all stories, or one for each story.",
        choices=("all", "story"),
        decides=(DICTIONARY,),
    )
    encoding_penalty: str = option(
        "cv",
        "networks",
        "Sparsity of the fit of the atoms to a voxel: 'cv', or a fixed fraction of the penalty at which every "
        "coefficient is zero.",
        metavar="cv|FLOAT",
        allowed=Form("cv", "must be 'cv' or lie between 0 and 1", Range(0, 1, open_least=True, open_most=True)),
    )
    links: str = option(
        "conditional",
        "networks",
        "How sub-groups of neurons are linked to networks: 'conditional' asks which reproducible family of neurons "
        "carries a network's response, given all others; 'dice' is the published overlap of maps, whose links cannot "
        "be trusted.",
        choices=("conditional", "dice"),
        decides=(DICTIONARY,),
    )
    restarts: int = option(
        10,
        "networks",
        "Number of dictionaries learned from different random starts; their shared atoms form the families of "
        "--links conditional.",
        metavar="N",
        decides=(DICTIONARY,),
        allowed=Range(2, 1000),
    )
    threshold: float = option(
        2.3,
        "networks",
        "|z| across the brain beyond which a map is active or deactive.",
        metavar="Z",
        allowed=Range(0, 100),
    )
    top_percent: float | None = option(
        None,
        "networks",
        "Instead of --threshold: percentage of the brain with the strongest values of each sign.",
        metavar="PERCENT",
        allowed=Range(0, 100, open_least=True, open_most=True),
    )
    n_spins: int = option(
        1000,
        "networks",
        "Number of rotations of the sphere in the spin test.",
        metavar="N",
        allowed=Range(1, 1_000_000),
    )
