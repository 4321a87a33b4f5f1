"""Outputs of syntactic and semantic forecasts: two scores over distances, and the stories with swapped words."""

from __future__ import annotations

from bids_app.analyses.distance_outputs import DistanceScore, base_outputs
from bids_app.bids.catalogue import Output

SYNTAX = DistanceScore(
    "futuressyntax",
    "futuresbase",
    "Syntactic forecast score",
    "F_syn",
    "a window of the syntactic part of words ahead",
)
SEMANTICS = DistanceScore(
    "futuressemantics",
    "futuresbase",
    "Semantic forecast score",
    "F_sem",
    "a window of the semantic part of words ahead",
)
SCORES = (SYNTAX, SEMANTICS)

_STORY_FIELDS = {
    "Parser": "spaCy pipeline: name, hash of its content, version of spaCy.",
    "Corpus": "Hash of the text from which words are drawn.",
    "SwapCorpus": "The file of that text, or `stories`.",
    "SpearmanMean": "For each future, the mean over its tested sentences of the similarity of their trees.",
    "KeptWords": "For each future, the share of words that are those of the story.",
    "UnswappedSentences": "Number of tested sentences without a valid sample; they stay as they are.",
}
WORDS = Output(
    "futures",
    "stories",
    ("stimulus",),
    "The words of a story and of its futures, whose words are swapped while the syntax stays: one row per aligned "
    "word.",
    columns={
        "word": "The word as it was aligned.",
        "sentence": "Its sentence, counted from 1.",
        "future-#": "The word of a future.",
    },
    fields=_STORY_FIELDS,
)
SENTENCES = Output(
    "futures",
    "sentences",
    ("stimulus",),
    "How the futures of each sentence were sampled.",
    columns={
        "sentence": "Sentence, counted from 1.",
        "words": "Number of its words.",
        "rounds": "Rounds of 50 samples.",
        "valid": "Samples whose tree is similar enough.",
        "spearman-#": "Similarity of the tree of a future; n/a for a sentence of fewer than 3 words, which is not "
        "tested.",
    },
    fields=_STORY_FIELDS,
)

OUTPUTS = (
    *(output for score in SCORES for output in score.outputs()),
    *base_outputs(SYNTAX.base),
    WORDS,
    SENTENCES,
)
