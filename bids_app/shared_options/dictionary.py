"""Options of the dictionary, which several analyses read."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.options import DICTIONARY, Range, option
from bids_app.shared_options.run import ComputeOptions, Places

NEURON_KINDS = ("ffn-out", "ffn-in", "residual")


@dataclass(frozen=True, kw_only=True)
class DictionaryOptions(ComputeOptions, Places):
    """Options of the dictionary: its neurons, atoms and restarts."""

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
