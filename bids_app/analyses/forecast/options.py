"""Options of forecast scores: none of its own."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.shared_options.scores import DistanceOptions


@dataclass(frozen=True, kw_only=True)
class ForecastOptions(DistanceOptions):
    """Options of forecast scores: none of its own."""
