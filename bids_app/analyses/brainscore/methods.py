"""The methods text of brain scores."""

from __future__ import annotations

from bids_app.analyses.brainscore.options import BrainScoreOptions
from bids_app.analyses.correction import correction_cites, correction_text
from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import CAUCHETEUX_2023, HIMALAYA, SAHANI_LINDEN_2003


def paragraph(s: BrainScoreOptions) -> Paragraph:
    """The paragraph of this analysis."""
    text = (
        f"Brain scores are those of layer {s.layer}; p-values come from {s.n_permutations} scores of the same fits to "
        f"circularly shifted responses{correction_text(s)}. The noise ceiling is the score of a ridge regression on "
        "the mean response of the other participants; the repeatability of passages that a participant heard more than "
        "once is the signal power of their presentations."
    )
    return Paragraph(
        text,
        (
            CAUCHETEUX_2023,
            HIMALAYA,
            SAHANI_LINDEN_2003,
            *correction_cites(s),
        ),
    )
