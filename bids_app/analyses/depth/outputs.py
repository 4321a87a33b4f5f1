"""Outputs of the forecast depth: the forecast score from each layer, and the best layer."""

from __future__ import annotations

from bids_app.bids.catalogue import (
    GAIN,
    INTERVAL_COLUMNS,
    REGION_COLUMNS,
    SUMMARY_COLUMNS,
    Output,
    StatisticMaps,
    over_participants,
)

_LAYERS = ("layer-#",)
_PEAKS = ("group-curve", "participants-mean")
_FIELDS = {
    "Layers": "Layer of each score, counted from 1.",
    "Fractions": "The same as fractions of the model's depth.",
    "Window": "Words in a window.",
    "TestedDistance": "Distance of the window, in words.",
}
_LAYER_COLUMNS = {
    **REGION_COLUMNS,
    "layer": "Layer, counted from 1.",
    "fraction": "The same as a fraction of the model's depth.",
}
_OF_GROUP = "of the highest mean score over participants, and mean of the participants' own."

DEPTH = Output(
    "forecastdepth",
    "statmap",
    ("participant",),
    "Forecast depth: the forecast score from each layer, and the layer of the highest.",
    (
        StatisticMaps("k", "Layer, counted from 1, from which the words ahead add most.", ("layer",)),
        StatisticMaps(
            "fraction", "Layer / number of layers, of the layer from which the words ahead add most.", ("fraction",)
        ),
        StatisticMaps(
            "r", "Forecast score at TestedDistance, present words and window from the same layer.", _LAYERS, GAIN
        ),
    ),
    fields=_FIELDS,
)
CURVES = Output(
    "forecastdepth",
    "networks",
    ("participant",),
    "Forecast score over layers: one row per region and layer.",
    columns={
        **_LAYER_COLUMNS,
        "r": "Forecast score at the tested distance, mean over the region's targets.",
    },
)
GROUP_DEPTH = Output(
    "forecastdepth",
    "statmap",
    ("group",),
    "Forecast depth over participants.",
    (
        *over_participants("r", _LAYERS, GAIN, is_family_wise=False),
        StatisticMaps("k", f"Layer, counted from 1, {_OF_GROUP}", _PEAKS),
        StatisticMaps("fraction", f"Layer / number of layers, {_OF_GROUP}", _PEAKS),
    ),
    fields=_FIELDS,
)
GROUP_CURVES = Output(
    "forecastdepth",
    "networks",
    ("group",),
    "Forecast score over layers and participants: one row per region and layer.",
    columns={
        **_LAYER_COLUMNS,
        "mean": SUMMARY_COLUMNS["mean"],
        **INTERVAL_COLUMNS,
        "participants": SUMMARY_COLUMNS["participants"],
    },
)
GROUP_PEAKS = Output(
    "forecastdepthpeak",
    "networks",
    ("group",),
    "Forecast depth: one row per region, with its interval.",
    columns={
        **REGION_COLUMNS,
        "group_curve": "Layer, counted from 1, at which the mean curve of the participants peaks.",
        "fraction": "The same as a fraction of the model's depth.",
        "low": "Lower end of the layer's 95 % bootstrap interval over participants.",
        "high": "Upper end of the layer's 95 % bootstrap interval over participants.",
        "participants_mean": "Mean of the layers at which the participants' own curves peak; noise draws it to the "
        "middle.",
        "participants": SUMMARY_COLUMNS["participants"],
    },
)

OUTPUTS = (DEPTH, CURVES, GROUP_DEPTH, GROUP_CURVES, GROUP_PEAKS)
