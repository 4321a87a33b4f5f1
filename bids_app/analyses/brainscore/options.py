"""Options of brain scores and their noise ceiling."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.options import CEILING, option
from bids_app.shared_options.inputs import ModelOptions, ResponseOptions
from bids_app.shared_options.scores import ScoreOptions


@dataclass(frozen=True, kw_only=True)
class BrainScoreOptions(ResponseOptions, ScoreOptions, ModelOptions):
    """Options of brain scores and their noise ceiling."""

    noise_ceiling: str = option(
        "all",
        "brainscore",
        "Predict each participant from the mean of all others who heard the story (all), or omit the ceiling (none).",
        choices=("all", "none"),
        decides=(CEILING,),
    )
