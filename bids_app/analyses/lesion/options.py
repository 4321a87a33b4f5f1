"""Options of the lesions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bids_app.options import FILES, Range, option
from bids_app.shared_options.designs import FeatureOptions
from bids_app.shared_options.inputs import AtlasOptions, ModelOptions
from bids_app.shared_options.scores import ScoreOptions


@dataclass(frozen=True, kw_only=True)
class LesionOptions(AtlasOptions, FeatureOptions, ScoreOptions, ModelOptions):
    """Options of the lesions."""

    lesion_kind: str = option(
        "mean",
        "lesion",
        "What replaces the activations of lesioned neurons: their mean over the story (mean), zero, or their values at "
        "another word of the story (resample).",
        choices=("mean", "zero", "resample"),
    )
    lesion_doses: tuple[float, ...] = option(
        (0.1, 0.5, 1.0, 2.0, 5.0),
        "lesion",
        "Sizes of a lesion in per cent of all neurons, the strongest loadings first; maps and the first matrix of the "
        "page are those of the middle one.",
        metavar="PERCENT",
        allowed=Range(0, 100, open_least=True),
    )
    lesion_controls: tuple[str, ...] = option(
        ("activity", "random"),
        "lesion",
        "Controls: as many neurons of the same layers and deciles of mean |activation| (activity), of the same layers "
        "(layer), or any (random). The other networks' sub-groups are always controls.",
        choices=("activity", "layer", "random"),
        metavar="NAME",
    )
    lesion_draws: int = option(
        100,
        "lesion",
        "Random sets of each control, for each network and dose; the smallest possible p is 1/(N + 1).",
        metavar="N",
        allowed=Range(1, 100_000),
    )
    lesion_links: str = option(
        "own",
        "lesion",
        "Which links define the sub-groups: those of the participant (own), or those of the group, which all "
        "participants then share (group; run the group level first).",
        choices=("own", "group"),
    )
    lesion_outliers: str = option(
        "keep",
        "lesion",
        "Whether neurons with more than 100 times the median |activation| of their layer may be in a set (keep), or "
        "are left out of all (drop). They are listed in either case.",
        choices=("keep", "drop"),
    )
    lesion_held_out: bool = option(
        False,
        "lesion",
        "With --dictionary-scope story, also read the surprisal of a story that neither the dictionary nor the links "
        "have seen: the next one of the data set in the order of names.",
    )
    lesion_words: int = option(
        64,
        "lesion",
        "Words of each story whose surprisal is read of masked models, drawn at random; each of their tokens is masked "
        "in turn, with 32 tokens on each side. 0 for none. Causal models give the surprisal of all words.",
        metavar="N",
        allowed=Range(0, 1_000_000),
    )
    minimal_pairs: Path | None = option(
        None,
        "lesion",
        "Table of minimal pairs with the columns good, bad and category, for models that predict words.",
        metavar="TSV",
        decides=FILES,
    )
