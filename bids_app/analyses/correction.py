"""How p-values of scores are corrected over the brain, for methods texts."""

from __future__ import annotations

from bids_app.analyses.references import BENJAMINI_BOGOMOLOV_2014, KNIJNENBURG_2009, WINKLER_2016
from bids_app.shared_options.scores import ScoreOptions

_PARCELS = (
    "corrected in two steps: parcels of about 50 neighbouring targets, each by its mean response, by the "
    "Benjamini-Hochberg procedure, then the targets of each of the R parcels that pass out of m, by the same procedure "
    "at the level times R / m (regions are corrected all at once)"
)
_TARGETS = "corrected over all targets by the Benjamini-Hochberg procedure"
_TAIL = "; beyond the largest of these scores from a generalised Pareto tail, exponential or heavier"


def correction_text(settings: ScoreOptions) -> str:
    """How p-values were made beyond the null, and corrected."""
    return f"{_TAIL}; they were {_PARCELS if settings.correction == 'parcels' else _TARGETS}"


def correction_cites(settings: ScoreOptions) -> tuple[str, ...]:
    """The works behind it."""
    tail = (KNIJNENBURG_2009, WINKLER_2016)
    return (*tail, BENJAMINI_BOGOMOLOV_2014) if settings.correction == "parcels" else tail
