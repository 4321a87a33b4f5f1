"""The methods text of brain scores."""

from __future__ import annotations

from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import CAUCHETEUX_2023, HIMALAYA
from bids_app.settings import Settings


def paragraph(s: Settings) -> Paragraph:
    """The paragraph of this analysis."""
    text = (
        f"Brain scores are those of layer {s.layer}; p-values come from {s.n_permutations} scores of the same fits to "
        "circularly shifted responses, corrected by the Benjamini-Hochberg procedure. The noise ceiling is the score of "
        "a ridge regression on the mean response of the other participants."
    )
    return Paragraph(
        text,
        (
            CAUCHETEUX_2023,
            HIMALAYA,
        ),
    )
