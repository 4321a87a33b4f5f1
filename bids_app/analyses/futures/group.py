"""The group level of syntactic and semantic forecasts."""

from __future__ import annotations

from bids_app.analyses.collection import Collection
from bids_app.analyses.comparison import Row
from bids_app.analyses.distance_group import summarise_distances
from bids_app.analyses.futures.options import FuturesOptions
from bids_app.analyses.futures.outputs import SCORES


def summarise_futures(scores: Collection, settings: FuturesOptions) -> list[Row]:
    """Write the maps and tables of one of the two scores; returns the rows for the comparison of models."""
    score = next(score for score in SCORES if score.desc == scores.entities["desc"])
    return summarise_distances(score, scores, settings)
