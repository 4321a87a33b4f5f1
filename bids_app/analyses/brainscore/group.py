"""The group level of brain scores and their noise ceiling."""

from __future__ import annotations

from bids_app.analyses.brainscore.options import BrainScoreOptions
from bids_app.analyses.collection import Collection
from bids_app.analyses.comparison import Row, write_scores
from bids_app.analyses.significance import write_few_participants, write_statistics


def summarise(scores: Collection, settings: BrainScoreOptions) -> list[Row]:
    """Write statistics over participants, and the scores of each network with intervals."""
    write_statistics(scores, settings.out_dir, "brainscore")
    write_few_participants(scores, settings.out_dir, "brainscore")
    write_scores(scores, settings.out_dir, "brainscore")
    return []


def summarise_ceiling(ceiling: Collection, settings: BrainScoreOptions) -> list[Row]:
    """Write the mean noise ceiling, between or within participants."""
    ceiling.writer(settings.out_dir).maps(ceiling.entities["desc"], "mean", ceiling.mean(), ceiling.names)
    return []
