"""Futures: stories whose words are swapped while their syntax stays (Caucheteux et al. 2021, 2023)."""

from bids_app.language.futures._lists import SwapLists
from bids_app.language.futures._parser import Parser, ParserError, load_parser, parser_identity
from bids_app.language.futures._sampling import Sampling, SentenceFutures, sample_sentence
from bids_app.language.futures._sentence import Sentence
from bids_app.language.futures._sentences import sentence_slices
from bids_app.language.futures._stories import StoryFutures, random_of, story_futures
from bids_app.language.futures._trees import row_spearman, tree_distances

__all__ = [
    "Parser",
    "ParserError",
    "Sampling",
    "Sentence",
    "SentenceFutures",
    "StoryFutures",
    "SwapLists",
    "load_parser",
    "parser_identity",
    "random_of",
    "row_spearman",
    "sample_sentence",
    "sentence_slices",
    "story_futures",
    "tree_distances",
]
