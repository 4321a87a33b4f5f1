"""Options of gains of fine-tuned models: none of its own."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.shared_options.inputs import ModelOptions
from bids_app.shared_options.scores import GroupOptions, ScoreOptions


@dataclass(frozen=True, kw_only=True)
class GainOptions(ScoreOptions, GroupOptions, ModelOptions):
    """Options of gains of fine-tuned models: none of its own."""
