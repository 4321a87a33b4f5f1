"""The methods text of syntactic and semantic forecasts."""

from __future__ import annotations

from bids_app.analyses.correction import correction_cites
from bids_app.analyses.futures.options import FuturesOptions
from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import CAUCHETEUX_2021, CAUCHETEUX_2023, HIMALAYA, SPACY


def paragraph(s: FuturesOptions) -> Paragraph:
    """The paragraph of this analysis."""
    corpus = f"the text {s.swap_corpus.name}" if s.swap_corpus else "the stories, without the sentence itself"
    read = (
        "the model read each of these stories"
        if s.futures == "story"
        else "the model read, for each word, the true story up to it and then the swapped words"
    )
    text = (
        f"Syntactic and semantic forecasts: {s.n_futures} versions of each story were made in which every word except "
        f"punctuation is replaced by one with the same part of speech and dependency relation, drawn from {corpus} in "
        f"proportion to its frequency; sentences were kept if their dependency tree, parsed by {_name(s.parser)}, had as "
        "many tokens and a mean Spearman correlation of its distances with those of the true tree above "
        f"{s.swap_similarity:g}. Then {read}; the mean of the {s.n_futures} activations of a word position is its syntactic "
        "part, and what remains of the true activation its semantic part. Forecast scores F_syn(d) and F_sem(d) were "
        "computed for windows of either part, as gains over the whole present word, with the same distances, controls and "
        f"tests as F(d); F_syn was tested at {s.syntax_distance} words and F_sem at {s.tested_distance}."
    )
    return Paragraph(text, (CAUCHETEUX_2023, CAUCHETEUX_2021, SPACY, HIMALAYA, *correction_cites(s)))


def _name(parser: str) -> str:
    return f"the spaCy pipeline {parser.rstrip('/').rpartition('/')[2]}"
