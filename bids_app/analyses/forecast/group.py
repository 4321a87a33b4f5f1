"""The group level of the forecast."""

from __future__ import annotations

from bids_app.analyses.collection import Collection
from bids_app.analyses.comparison import Row
from bids_app.analyses.distance_group import summarise_distances
from bids_app.analyses.forecast.options import ForecastOptions
from bids_app.analyses.forecast.outputs import SCORE


def summarise_forecast(scores: Collection, settings: ForecastOptions) -> list[Row]:
    """Write the maps and tables of the forecast; returns the rows of the model for the comparison of models."""
    return summarise_distances(SCORE, scores, settings)
