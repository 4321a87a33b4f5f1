"""The methods text of the forecast depth."""

from __future__ import annotations

from bids_app.analyses.depth.options import DepthOptions
from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import CAUCHETEUX_2023, HIMALAYA


def paragraph(s: DepthOptions) -> Paragraph:
    """The paragraph of this analysis."""
    text = (
        f"Forecast depth: F({s.tested_distance}) with present words and window from the same layer, for every layer; the "
        "layer of the highest score as a fraction of the number of layers."
    )
    return Paragraph(
        text,
        (
            CAUCHETEUX_2023,
            HIMALAYA,
        ),
    )
