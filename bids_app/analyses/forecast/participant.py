"""Forecast scores of one fit: gains from windows of words ahead over the present word, with controls."""

from __future__ import annotations

from bids_app.analyses.distance_scores import DistanceScoring, checked_distances
from bids_app.analyses.forecast.options import ForecastOptions
from bids_app.analyses.forecast.outputs import SCORE
from bids_app.analyses.writer import Writer
from bids_app.inputs.designs import Designs
from bids_app.inputs.responses import Responses


def forecast(responses: Responses, designs: Designs, settings: ForecastOptions, writer: Writer) -> None:
    """Score every distance and the controls, test one distance, and write maps, distances and curves."""
    tested = settings.tested_distance
    distances = checked_distances(designs, settings, tested)
    DistanceScoring(SCORE, responses, designs, settings, distances, tested).write(writer)
