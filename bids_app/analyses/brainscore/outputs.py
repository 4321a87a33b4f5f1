"""What the brain score writes: scores of the layers, and the noise ceiling."""

from __future__ import annotations

from bids_app.bids.catalogue import (
    CORRECTED,
    PARCELS_FIELD,
    SCORE_COLUMNS,
    Output,
    StatisticMaps,
    mean_over_participants,
    over_few_participants,
    over_parcels,
    over_participants,
)

_LAYERS = ("layer-#",)
_REPEATED = {
    "VolumesRepeated": "Number of different volumes that were heard at least twice.",
    "Presentations": "How often most of them were heard.",
}
_FIELDS = {"Layers": "Layers that were scored, counted from 1."}

BRAIN_SCORE = Output(
    "brainscore",
    "statmap",
    ("participant",),
    "Score of a layer's hidden states on held-out responses.",
    (
        StatisticMaps("p", "Chance of a score this high when the prediction is shifted in time.", _LAYERS),
        StatisticMaps("q", CORRECTED, _LAYERS),
        StatisticMaps("alpha", "Ridge penalty, geometric mean over folds.", _LAYERS),
        StatisticMaps("layer", "Layer with the highest score.", ("best-layer",)),
        StatisticMaps("r", "Correlation of predicted and held-out responses, averaged over folds.", _LAYERS),
    ),
    fields={**_FIELDS, **PARCELS_FIELD},
)
PARCEL_SCORE = Output(
    "brainscoreparcels",
    "statmap",
    ("participant",),
    "Score of the mean responses of parcels of about 50 neighbours, which are tested before their targets.",
    over_parcels(_LAYERS),
    fields={**_FIELDS, **PARCELS_FIELD},
)
NOISE_CEILING = Output(
    "noiseceiling",
    "statmap",
    ("participant",),
    "Noise ceiling: score of the mean response of the other participants.",
    (
        StatisticMaps(
            "r",
            "Correlation of held-out responses with their prediction from the mean of the other participants.",
            ("ceiling",),
        ),
    ),
    fields={
        "Others": "Labels of the other participants.",
        "OthersAtMost": "How many of them the mean of a volume holds at most.",
        "Volumes": "Number of volumes.",
        "VolumesWithOthers": "Number of volumes whose stimulus somebody else heard.",
    },
)
REPEATABILITY = Output(
    "repeatability",
    "statmap",
    ("participant",),
    "Noise ceiling within a participant, from passages heard more than once.",
    (
        StatisticMaps(
            "r",
            "Highest correlation of any prediction with responses to a presentation, or with means of presentations "
            "(`--repeats average`).",
            ("single", "averaged"),
        ),
    ),
    fields=_REPEATED,
)
GROUP_REPEATABILITY = Output(
    "repeatability",
    "statmap",
    ("group",),
    "Noise ceiling within participants, over those who heard passages more than once.",
    (mean_over_participants("r", ("single", "averaged"), "Ceiling within participants, mean over them."),),
)
GROUP_BRAIN_SCORE = Output(
    "brainscore",
    "statmap",
    ("group",),
    "Brain score over participants.",
    (*over_participants("r", _LAYERS), *over_few_participants(_LAYERS)),
    fields=_FIELDS,
)
GROUP_NOISE_CEILING = Output(
    "noiseceiling",
    "statmap",
    ("group",),
    "Noise ceiling over participants.",
    (mean_over_participants("r", ("ceiling",), "Noise ceiling, mean over participants."),),
)
GROUP_SCORES = Output(
    "brainscore",
    "networks",
    ("group",),
    "Brain score: one row per map and region.",
    columns=SCORE_COLUMNS,
)

OUTPUTS = (
    BRAIN_SCORE,
    PARCEL_SCORE,
    NOISE_CEILING,
    REPEATABILITY,
    GROUP_BRAIN_SCORE,
    GROUP_NOISE_CEILING,
    GROUP_REPEATABILITY,
    GROUP_SCORES,
)
