"""Options of scores and their tests, which several analyses share."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.options import GROUP, PENALTIES, PERMUTATIONS, Range, option
from bids_app.shared_options.designs import WindowOptions
from bids_app.shared_options.inputs import ModelOptions
from bids_app.shared_options.run import ComputeOptions, Places


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(ComputeOptions, Places):
    """How scores are fitted and tested."""

    alphas: tuple[float, ...] = option(
        tuple(10.0**exponent for exponent in range(-1, 9)),
        "mapping",
        "Ridge penalties to choose from.",
        metavar="A",
        decides=(PENALTIES,),
        allowed=Range(0, 1e30, open_least=True),
    )
    n_permutations: int = option(
        4000,
        "mapping",
        "Number of scores from fits to circularly shifted responses behind each p-value.",
        metavar="N",
        decides=(PERMUTATIONS,),
        allowed=Range(1, 10_000_000),
    )
    correction: str = option(
        "parcels",
        "mapping",
        "How p-values of scores are corrected over the brain: parcels of about 50 neighbours first, then the targets "
        "inside significant parcels (parcels), or all targets at once (targets).",
        choices=("parcels", "targets"),
        decides=(PERMUTATIONS,),
    )


@dataclass(frozen=True, kw_only=True)
class GroupOptions(Places):
    """How participants are summarised."""

    significance: float = option(
        0.01,
        "mapping",
        "Significance level, corrected over the brain, for group maps of the forecast distance.",
        decides=GROUP,
        allowed=Range(0, 1, open_least=True),
    )


@dataclass(frozen=True, kw_only=True)
class DistanceOptions(WindowOptions, ScoreOptions, GroupOptions, ModelOptions, ComputeOptions, Places):
    """All that decides scores of words at several distances."""
