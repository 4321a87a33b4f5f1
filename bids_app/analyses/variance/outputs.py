"""Outputs of the unique variance: variance explained by all words, and the loss without each kind."""

from __future__ import annotations

from bids_app.bids.catalogue import REGION_COLUMNS, SUMMARY_COLUMNS, Output, StatisticMaps, over_participants

_NAMES = ("total", "present", "future", "past")
_FIELDS = {
    "Layer": "Layer, counted from 1.",
    "Window": "Words in a window.",
    "Spaces": "Names of the feature spaces.",
    "FutureDistance": "Distance of the window ahead, in words.",
    "PastDistance": "Distance of the window behind, in words.",
}

VARIANCE = Output(
    "variance",
    "statmap",
    ("participant",),
    "Unique variance of the present word, words ahead and words behind.",
    (StatisticMaps("r2", "Held-out R² of all spaces together, and what it loses without each of them.", _NAMES),),
    fields=_FIELDS,
)
GROUP_VARIANCE = Output(
    "variance",
    "statmap",
    ("group",),
    "Unique variance over participants.",
    over_participants("r2", _NAMES),
    fields=_FIELDS,
)
GROUP_SPACES = Output(
    "variance",
    "networks",
    ("group",),
    "Unique variance: one row per region and feature space.",
    columns={
        **REGION_COLUMNS,
        "space": "`total`: all feature spaces together; otherwise what is lost without that one.",
        **SUMMARY_COLUMNS,
    },
)

OUTPUTS = (VARIANCE, GROUP_VARIANCE, GROUP_SPACES)
