"""Outputs of the forecast: gains from windows of words ahead at each distance, with the controls."""

from __future__ import annotations

from bids_app.analyses.distance_outputs import DistanceScore, base_outputs

SCORE = DistanceScore("forecast", "forecastbase", "Forecast score")
OUTPUTS = (*SCORE.outputs(), *base_outputs(SCORE.base))
