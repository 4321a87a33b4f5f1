"""Syntactic and semantic forecast scores of one fit."""

from __future__ import annotations

import dataclasses

from bids_app.analyses.distance_scores import DistanceScoring, checked_distances
from bids_app.analyses.futures.options import FuturesOptions
from bids_app.analyses.futures.outputs import SEMANTICS, SYNTAX
from bids_app.analyses.writer import Writer
from bids_app.inputs.designs import Designs
from bids_app.inputs.future_vectors import vectors_of
from bids_app.inputs.futures import Futures
from bids_app.inputs.responses import Responses


def futures(responses: Responses, designs: Designs, settings: FuturesOptions, writer: Writer) -> None:
    """Score windows of the syntactic and of the semantic part of words at every distance, and write the results."""
    tested = (settings.syntax_distance, settings.tested_distance)
    distances = checked_distances(designs, settings, *tested)
    syntax, semantics = vectors_of(designs.model, Futures(designs.stories, settings))
    scores = ((SYNTAX, syntax, tested[0]), (SEMANTICS, semantics, tested[1]))
    for score, part, distance in scores:
        windows = dataclasses.replace(designs, ahead=part)
        scoring = DistanceScoring(score, responses, windows, settings, distances, distance)
        scoring.write(writer, with_base=score is SYNTAX)
