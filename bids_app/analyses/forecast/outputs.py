"""Outputs of the forecast: gains from windows of words ahead at each distance, with the controls."""

from __future__ import annotations

from bids_app.bids.catalogue import (
    CORRECTED,
    GAIN,
    PARCELS_FIELD,
    REGION_COLUMNS,
    SUMMARY_COLUMNS,
    Output,
    StatisticMaps,
    mean_over_participants,
    over_parcels,
    over_participants,
)

_DISTANCES = ("distance#",)
_DRAWS = ("random-#",)
_PEAKS = ("group-curve", "participants-mean")

_LAYER_FIELDS = {
    "Layer": "Layer of the present word and of the window, counted from 1.",
    "Layers": "Number of layers of the model.",
    "Fraction": "The layer as a fraction of the model's depth.",
}
_DISTANCE_FIELD = {"Distances": "Distance of each map, in words; negative in the past."}
_WINDOW_FIELDS = {"Window": "Words in a window.", "TestedDistance": "Distance whose gain was tested, in words."}
_WORDS_FIELD = {"WordsPerVolume": "Mean number of words in a volume."}
_FIELDS = {**_LAYER_FIELDS, **_DISTANCE_FIELD, **_WINDOW_FIELDS, **_WORDS_FIELD}
_CONTROL_FIELDS = {**_LAYER_FIELDS, "Window": _WINDOW_FIELDS["Window"], **_WORDS_FIELD}

_CURVE_COLUMNS = {
    **REGION_COLUMNS,
    "window": "`distance`, or `random` for windows of random words, a control.",
    "distance": "Words from the present one to the end of the window; negative in the past, a control too.",
}

FORECAST = Output(
    "forecast",
    "statmap",
    ("participant",),
    "Forecast score F(d): what a window of words ahead adds to the present word.",
    (
        StatisticMaps("p", "Chance of a gain this high with responses shifted in time.", _DISTANCES),
        StatisticMaps("q", CORRECTED, _DISTANCES),
        StatisticMaps(
            "r",
            "Gain in held-out correlation from the window at each distance over the present word alone.",
            _DISTANCES,
            GAIN,
        ),
    ),
    fields={**_FIELDS, **PARCELS_FIELD},
)
PARCELS = Output(
    "forecastparcels",
    "statmap",
    ("participant",),
    "Forecast score, at the tested distance, of the mean responses of parcels, which are tested before their targets.",
    over_parcels(_DISTANCES, GAIN),
    fields={**_FIELDS, **PARCELS_FIELD},
)
BASE = Output(
    "forecastbase",
    "statmap",
    ("participant",),
    "Score of the present word alone.",
    (StatisticMaps("r", "Held-out correlation with the present word alone.", ("present",)),),
    fields=_CONTROL_FIELDS,
)
RANDOM = Output(
    "forecastrandom",
    "statmap",
    ("participant",),
    "Forecast score of windows of random words, a control.",
    (
        StatisticMaps(
            "r",
            "Forecast score of windows of random words of the story: what more features add by themselves.",
            _DRAWS,
            GAIN,
        ),
    ),
    fields=_CONTROL_FIELDS,
)
DISTANCE = Output(
    "forecastdistance",
    "statmap",
    ("participant",),
    "Forecast distance: the distance with the highest forecast score.",
    (
        StatisticMaps(
            "d",
            "Distance, in words, at which the forecast score is highest; noisy scores make it tend to the middle.",
            ("distance",),
        ),
    ),
    fields=_FIELDS,
)
CURVES = Output(
    "forecast",
    "networks",
    ("participant",),
    "Forecast score: one row per region and distance.",
    columns={
        **_CURVE_COLUMNS,
        "r": "Forecast score, mean over the region's targets: gain in held-out correlation over the present word "
        "alone.",
        "base": "Held-out correlation with the present word alone, mean over the region's targets.",
    },
)
GROUP_FORECAST = Output(
    "forecast",
    "statmap",
    ("group",),
    "Forecast score over participants.",
    over_participants("r", _DISTANCES, GAIN),
    fields=_FIELDS,
)
GROUP_BASE = Output(
    "forecastbase",
    "statmap",
    ("group",),
    "Score of the present word alone over participants.",
    (
        mean_over_participants(
            "r", ("present",), "Held-out correlation with the present word alone, mean over participants."
        ),
    ),
    fields=_CONTROL_FIELDS,
)
GROUP_RANDOM = Output(
    "forecastrandom",
    "statmap",
    ("group",),
    "Forecast score of windows of random words over participants.",
    (
        mean_over_participants(
            "r", _DRAWS, "Forecast score of windows of random words, a control, mean over participants.", GAIN
        ),
    ),
    fields=_CONTROL_FIELDS,
)
GROUP_CONTRAST = Output(
    "forecastcontrast",
    "statmap",
    ("group",),
    "Contrast of the tested distance with distance 0: F(d) - F(0).",
    over_participants("r", ("contrast",), GAIN),
    fields={**_FIELDS, "Contrast": "The contrast as a formula."},
)
GROUP_DISTANCE = Output(
    "forecastdistance",
    "statmap",
    ("group",),
    "Forecast distance over participants, where the contrast is significant.",
    (
        StatisticMaps(
            "d",
            "Distance of the highest score, of the mean over participants and as the mean of their own distances, "
            "where q of the contrast is below Significance.",
            _PEAKS,
        ),
    ),
    fields={**_FIELDS, "Significance": "Level of q below which targets are shown."},
)
GROUP_CURVES = Output(
    "forecast",
    "networks",
    ("group",),
    "Forecast score over participants: one row per region and distance.",
    columns={
        **_CURVE_COLUMNS,
        **SUMMARY_COLUMNS,
        "base": "Held-out correlation with the present word alone, mean over participants and targets.",
    },
)
GROUP_DISTANCES = Output(
    "forecastdistance",
    "networks",
    ("group",),
    "Forecast distance: one row per region, with interval, contrast and split-half test.",
    columns={
        **REGION_COLUMNS,
        "group_curve": "Distance at which the mean curve of the participants peaks.",
        "low": "Lower end of its 95 % bootstrap interval over participants.",
        "high": "Upper end of its 95 % bootstrap interval over participants.",
        "participants_mean": "Mean of the distances at which the participants' own curves peak; with noise, the "
        "middle.",
        "contrast": "F at the tested distance - F(0), mean over participants.",
        "contrast_p": "Two-sided p of its signed-rank test over participants.",
        "contrast_q": "The same, corrected for the number of regions of the atlas (Benjamini-Hochberg).",
        "split_half": "Words between the peaks of two halves of the participants, mean over random halves.",
        "split_half_null": "The same where each participant's curve is shifted circularly by an amount of its own.",
        "split_half_p": "How often shifted curves agree as well.",
        "cross_validated": "F at the peak of one half of the participants - F(0), both in the other half.",
        "participants": SUMMARY_COLUMNS["participants"],
    },
)

OUTPUTS = (
    FORECAST,
    PARCELS,
    BASE,
    RANDOM,
    DISTANCE,
    CURVES,
    GROUP_FORECAST,
    GROUP_BASE,
    GROUP_RANDOM,
    GROUP_CONTRAST,
    GROUP_DISTANCE,
    GROUP_CURVES,
    GROUP_DISTANCES,
)
