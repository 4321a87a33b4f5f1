"""Options of the banded ridge."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.options import Range, option
from bids_app.shared_options.scores import DistanceOptions


@dataclass(frozen=True, kw_only=True)
class VarianceOptions(DistanceOptions):
    """Options of the banded ridge."""

    banded_candidates: int = option(
        7,
        "variance",
        "Number of weightings of the feature spaces that the banded ridge of the variance analysis tries: 7 for equal "
        "weights of each subset of the spaces, more for random ones besides; the time grows with their number.",
        metavar="N",
        allowed=Range(1, 100_000),
    )
