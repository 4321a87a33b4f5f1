"""The methods text of the evidence."""

from __future__ import annotations

from bids_app.analyses.evidence.options import EvidenceOptions
from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import FEGHHI_2024, HIMALAYA, NUNEZ_ELIZALDE_2019


def paragraph(s: EvidenceOptions) -> Paragraph:
    """The paragraph of this analysis."""
    source = "in the stories" if s.word_frequencies == "stories" else f"from wordfreq ({s.word_frequencies})"
    text = (
        "The nuisance band holds, per volume, the number of words, their length and log frequency (counted "
        f"{source}), their position in story and sentence (over the first 30 words), and the acoustic envelope where "
        "the audio is at hand. Held-out predictions of the band alone were compared with those of the band and the "
        "model together (banded ridge, one penalty per feature space, chosen inside the training folds); gains have "
        "the null of the scores. Folds were tested with a model of autocorrelation alone, and the timing of each run "
        "with the lag between its word rate and the responses that follow it most."
    )
    return Paragraph(text, (NUNEZ_ELIZALDE_2019, HIMALAYA, FEGHHI_2024))
