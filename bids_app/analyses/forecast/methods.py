"""The methods text of forecast scores."""

from __future__ import annotations

from bids_app.analyses.correction import correction_cites, correction_text
from bids_app.analyses.forecast.options import ForecastOptions
from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import ANTONELLO_HUTH_2024, CAUCHETEUX_2023, HIMALAYA


def paragraph(s: ForecastOptions) -> Paragraph:
    """The paragraph of this analysis."""
    distances = [d for d in s.distances if d >= 0]
    past = [d for d in s.distances if d < 0]
    behind = f" and, as a control, {len(past)} in the past down to {min(past)}" if past else ""
    reach = f"{len(distances)} distances up to {max(distances)} words ahead{behind}" if distances else "the past alone"
    text = (
        f"Forecast scores: the vectors of the {s.window} words that end d words after the present one were concatenated, "
        "summed and reduced in the same way, and laid beside those of the present word; the forecast score F(d) is the "
        f"gain in score over the present word alone. It was computed at {reach}, and for windows of random words of the "
        f"same story. p-values of F({s.tested_distance}) come from {s.n_permutations} scores of the same fits to "
        f"circularly shifted responses{correction_text(s)}. The forecast distance is the d of the highest F. At the "
        "group level, F was tested by Wilcoxon's signed-rank test over participants "
        f"(two-sided, Benjamini-Hochberg over the brain); distances are shown where F({s.tested_distance}) - F(0) is "
        f"significant at {s.significance:g}. Both the distance of the mean curve and the mean of individual distances "
        "are reported, since the latter is biased to the middle of the range, with split halves of the participants "
        "compared against curves shifted at random."
    )
    return Paragraph(
        text,
        (
            CAUCHETEUX_2023,
            HIMALAYA,
            ANTONELLO_HUTH_2024,
            *correction_cites(s),
        ),
    )
