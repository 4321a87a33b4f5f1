"""Outputs of the evidence: the nuisance band, gains over it, checks, what drives an atom, and the panel."""

from __future__ import annotations

from bids_app.analyses.evidence.driver_outputs import driver_outputs
from bids_app.analyses.evidence.nuisance_outputs import NUISANCE, over_nuisance
from bids_app.bids.catalogue import Output

_OUTCOME = "`passed`, `failed`, or `open` where it cannot be told."
_CHECKS = (
    Output(
        "leaks",
        "networks",
        ("participant",),
        "Leak alarm: held-out score of a model of autocorrelation alone, with the folds of all scores.",
        columns={
            "sigma": "Standard deviation of the smoothing in time, in volumes.",
            "r": "Held-out r, mean over targets; above 0.01, the folds leak.",
            "targets": "Number of targets in the mean.",
            "outcome": _OUTCOME,
        },
    ),
    Output(
        "timing",
        "networks",
        ("participant",),
        "Lag of the responses behind their prediction from the word rate: one row per run.",
        columns={
            "run": "Entities of the run.",
            "volumes": "Volumes inside the story.",
            "lag": "Lag with the highest correlation, in volumes; expected from -2 to 2.",
            "seconds": "The same in seconds.",
            "r": "Correlation at that lag.",
            "p": "How often shifted responses reach it, (b + 1)/(n + 1); the lag counts where p < 0.01.",
            "outcome": _OUTCOME,
            "reason": "What was found, and what to do.",
        },
    ),
)
_PANEL_COLUMNS = {
    "claim": "What is claimed: `brain score`, `families`, or `data` for checks of the recording.",
    "check": "What is checked.",
    "value": "The number behind the outcome.",
    "measure": "What the number is.",
    "outcome": _OUTCOME,
    "reason": "How the outcome was reached, and what is missing where it is open.",
}
_PANEL = (
    Output(
        "evidence",
        "networks",
        ("participant",),
        "Evidence panel: one row per claim and check.",
        columns=_PANEL_COLUMNS,
    ),
    Output(
        "evidence",
        "networks",
        ("group",),
        "Evidence panel over participants: one row per claim and check.",
        columns={
            **_PANEL_COLUMNS,
            "value": "Mean over participants.",
            "low": "Lower end of the 95 % bootstrap interval over participants.",
            "high": "Upper end of the 95 % bootstrap interval over participants.",
            "p": "Two-sided p of the signed-rank test over participants; empty for checks that have no such test.",
            "passed": "Number of participants that pass.",
            "failed": "Number of participants that fail.",
            "open": "Number of participants where it cannot be told.",
        },
    ),
    Output(
        "drivers",
        "networks",
        ("participant", "group"),
        "What drives the sub-group of each network: passages where its mean course is highest and lowest, and its "
        "correlation with the nuisance band.",
        columns={
            "network": "Network of the atlas.",
            "families": "Number of families linked to it; the course is their mean, deactive ones with sign reversed "
            "(of those linked in both parts, the part with the larger Dice coefficient counts).",
            "measure": "`highest` or `lowest`: a passage; `correlation`: with a feature.",
            "rank": "Rank of the passage, from 1.",
            "item": "Passage with the words that fire in asterisks, or name of the feature.",
            "story": "Story of the passage.",
            "onset": "Time of the peak, in seconds from the start of the audio file.",
            "value": "Value of the course at the peak, in standard deviations, or correlation over words.",
        },
        has_variants=True,
    ),
)

OUTPUTS = (
    *NUISANCE,
    *over_nuisance("overnuisance", "the model", ("layer-#",), variants=False),
    *over_nuisance("familiesovernuisance", "the families", ("families",), variants=True),
    *over_nuisance("atomsovernuisance", "the atoms", ("atoms",), variants=True),
    *_CHECKS,
    *_PANEL,
    *driver_outputs("families", "family"),
    *driver_outputs("atoms", "atom"),
)
