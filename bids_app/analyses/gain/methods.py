"""The methods text of the gain."""

from __future__ import annotations

from bids_app.analyses.gain.options import GainOptions
from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import CAUCHETEUX_2023, HIMALAYA


def paragraph(_: GainOptions) -> Paragraph:
    """The paragraph of this analysis."""
    text = (
        "Gain of fine-tuning: the model was trained further on text to forecast its own states, with a share α of the loss. "
        "The brain score R(α) is that of the states of the layers at 0, 1/3, 2/3 and all of the depth side by side (0: the "
        "embeddings), averaged over checkpoints. The gain is R(α) - R(0), where the model of α = 0 was trained for as many "
        "steps on words alone. Over participants, R and the gain were tested by Wilcoxon's signed-rank test (two-sided, "
        "Benjamini-Hochberg over the brain)."
    )
    return Paragraph(text, (CAUCHETEUX_2023, HIMALAYA))
