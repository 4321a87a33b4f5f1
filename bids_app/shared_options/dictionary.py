"""Options of the dictionary, which several analyses read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bids_app.choices import UNITS_FORM, UnitsChoice
from bids_app.options import DICTIONARY, FILES, Form, Range, option
from bids_app.shared_options.run import ComputeOptions, Places


@dataclass(frozen=True, kw_only=True)
class DictionaryOptions(ComputeOptions, Places):
    """Options of the dictionary: its neurons, atoms and restarts."""

    units: str = option(
        "ffn-out",
        "model",
        "What counts as a neuron: output (ffn-out) or input (ffn-in) of the second feed-forward matrix, output of the "
        "block (residual), units more active for sentences than for non-words (localiser, of ffn-out; "
        "localiser:residual, of another), or features of a sparse autoencoder in a local file or folder (sae:PATH).",
        metavar="ffn-out|ffn-in|residual|localiser|sae:PATH",
        decides=(DICTIONARY,),
        aliases=("neurons",),
        allowed=Form(UNITS_FORM, "must be ffn-out, ffn-in, residual, localiser, localiser:KIND or sae:PATH"),
    )
    sae_layer: int | None = option(
        None,
        "model",
        "With --units sae:PATH, the layer that the autoencoder reads, counted from 1 (default: that of its cfg.json).",
        metavar="N",
        decides=(DICTIONARY,),
        allowed=Range(1, 999_999),
    )
    sae_hook: str | None = option(
        None,
        "model",
        "With --units sae:PATH, the activations that it reads: the output of the block, or of the second feed-forward "
        "matrix (default: those of its cfg.json).",
        choices=("residual", "ffn-out"),
        decides=(DICTIONARY,),
    )
    localiser_percent: float = option(
        1.0,
        "model",
        "With --units localiser, the share of all units that are kept, those with the largest t.",
        metavar="PERCENT",
        decides=(DICTIONARY,),
        allowed=Range(0, 100, open_least=True),
    )
    localiser_stimuli: Path | None = option(
        None,
        "model",
        "With --units localiser, a table with the columns condition (sentence or nonwords) and text (default: 120 "
        "English sentences and as many lists of non-words, made by rule).",
        metavar="TSV",
        decides=FILES,
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

    @cached_property
    def chosen_units(self) -> UnitsChoice:
        """`--units`, parsed."""
        return UnitsChoice.parse(self.units)
