"""The methods text of unique variance."""

from __future__ import annotations

from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import CAUCHETEUX_2023, HIMALAYA
from bids_app.analyses.variance.options import VarianceOptions


def paragraph(s: VarianceOptions) -> Paragraph:
    """The paragraph of this analysis."""
    ahead = abs(s.tested_distance)
    text = (
        f"Unique variance of the present word, the window {ahead} words ahead and that {ahead} words behind: the "
        "difference of held-out R² between banded ridge regressions with all three feature spaces and without one of "
        f"them ({s.banded_candidates} candidate weightings of the spaces, chosen per voxel by contiguous folds inside the "
        "training folds)."
    )
    return Paragraph(
        text,
        (
            CAUCHETEUX_2023,
            HIMALAYA,
        ),
    )
