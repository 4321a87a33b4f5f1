"""Outputs of lesions: what each costs each network, how specific it is, and what it does to the words."""

from __future__ import annotations

from collections.abc import Mapping

from bids_app.bids.catalogue import INTERVAL_COLUMNS, Output, StatisticMaps, over_participants

_FIELDS = {
    "LeftOut": "Lesions and controls that were left out, and why.",
    "Layer": "Layer of the brain score, counted from 1.",
    "MainDose": "Dose of the maps, in per cent of all neurons.",
    "MaskedWords": "Of masked models: words of each story, drawn at random, whose surprisal was read.",
    "MaskedContext": "Of masked models: tokens on each side of a masked one.",
    "WithoutSurprisal": "Why there is no surprisal; absent where there is.",
}
_LESION: Mapping[str, str] = {
    "dose": "Lesioned neurons in per cent of all.",
    "network": "Network whose sub-group is lesioned.",
}
_CONTROL: Mapping[str, str] = {
    "control": "Random sets of as many neurons: of the same layers and deciles of mean |activation| (activity), of the "
    "same layers (layer), or any (random).",
    "draws": "Number of these sets; 0 if there is no such control.",
    "control_mean": "Mean over these sets.",
    "control_low": "2.5th percentile over these sets.",
    "control_high": "97.5th percentile over these sets.",
    "p": "p, (b + 1)/(n + 1), b of n of these sets with a value at least as large.",
}
_MEASURE = {
    "measure": "`brainscore`: score of the layer's hidden states; `families` or `atoms`: score of their time courses."
}
_INDEX = {"index": "Of the matrix lesioned × scored: mean drop on the diagonal minus mean of the other entries."}
_T = {"t": "The index over its standard error; rows and columns may differ in mean. The index itself for two networks."}
_P = {
    "p": "p of t, (b + 1)/(n + 1), b of n of these sets with a t at least as large.",
    "p_index": "The same of the index itself; strong lesions have large indices of either sign.",
}
_OVER_PARTICIPANTS = {
    "mean": "Mean over participants.",
    **INTERVAL_COLUMNS,
    "participants": "Number of participants.",
}
_DROP = "drop in Pearson correlation with held-out data"
_NAMES = ("own", "others")

DROPS = Output(
    "lesion",
    "statmap",
    ("participant",),
    "Drop of the brain score at the main dose, without the sub-group of the target's own network, and of the others.",
    (
        StatisticMaps(
            "r", "Held-out r of the intact model minus that of the lesioned one; others: mean over them.", _NAMES, _DROP
        ),
    ),
    fields=_FIELDS,
)
NETWORK_DROPS = Output(
    "lesionnetworks",
    "statmap",
    ("participant",),
    "Drop of the brain score at the main dose, without the sub-group of each network.",
    (StatisticMaps("r", "Held-out r of the intact model minus that of the lesioned one.", ("network-#",), _DROP),),
    fields={**_FIELDS, "Networks": "Network that is lesioned in each map."},
)
MATRIX = Output(
    "lesion",
    "networks",
    ("participant",),
    "What each lesion costs each network: one row per measure, dose, lesioned network, scored network and control.",
    columns={
        **_MEASURE,
        **_LESION,
        "neurons": "Number of lesioned neurons.",
        "scored": "Network whose score it is, mean over its pieces; `all` for all pieces.",
        "intact": "Held-out r with features of the intact model.",
        "lesioned": "The same with features of the lesioned model, fitted anew.",
        "drop": "Intact minus lesioned.",
        **_CONTROL,
    },
    fields=_FIELDS,
)
INDEX = Output(
    "lesionindex",
    "networks",
    ("participant",),
    "How specific the lesions are: one row per measure, dose and control.",
    columns={**_MEASURE, "dose": _LESION["dose"], **_INDEX, **_T, **_CONTROL, **_P},
    fields=_FIELDS,
)
DRAWS = Output(
    "lesiondraws",
    "networks",
    ("participant",),
    "The index of each control: one row per measure, dose, control and draw.",
    columns={
        **_MEASURE,
        "dose": _LESION["dose"],
        "control": _CONTROL["control"],
        "draw": "0: the sub-groups with this control; from 1: a random set for each of them.",
        **_INDEX,
        **_T,
    },
    fields=_FIELDS,
)
SURPRISAL = Output(
    "lesionsurprisal",
    "networks",
    ("participant",),
    "Surprisal of the lesioned model: one row per network, dose, story, kind of words and control.",
    columns={
        **_LESION,
        "story": "Story, or `all`.",
        "seen": "Whether the dictionary was learned from it, so that it is no held-out story.",
        "words": "`all`, `content` or `function` words; the latter two for English stories.",
        "count": "Number of words.",
        "intact": "Mean surprisal of the intact model, in nats.",
        "lesioned": "The same of the lesioned model.",
        "rise": "Lesioned minus intact.",
        "low": "Lower end of the 95 % bootstrap interval over stories; n/a with one story.",
        "high": "Upper end of that interval.",
        **_CONTROL,
    },
    fields=_FIELDS,
)
PASSAGES = Output(
    "lesionpassages",
    "networks",
    ("participant",),
    "Passages where the surprisal of a word rises most at the main dose: one row per network and passage.",
    columns={
        **_LESION,
        "rank": "Rank of the passage.",
        "story": "Story.",
        "onset": "Onset of the word whose surprisal rises most, in seconds.",
        "rise": "By how much, in nats.",
        "passage": "The passage; words that rise as much as two standard deviations in asterisks.",
    },
    fields=_FIELDS,
)
PAIRS = Output(
    "lesionpairs",
    "networks",
    ("participant",),
    "Minimal pairs read by the lesioned model: one row per network, dose, category and control.",
    columns={
        **_LESION,
        "category": "Category of the pairs, or `all`.",
        "pairs": "Number of pairs.",
        "intact": "Share of pairs whose better sentence is the more probable one for the intact model.",
        "lesioned": "The same for the lesioned model.",
        "loss": "Intact minus lesioned.",
        **_CONTROL,
    },
    fields=_FIELDS,
)
OUTLIERS = Output(
    "lesionoutliers",
    "networks",
    ("participant",),
    "Neurons whose mean |activation| exceeds 100 times the median of their layer: one row per neuron.",
    columns={
        "layer": "Layer, counted from 1.",
        "unit": "Unit, counted from 0 as in the model.",
        "activity": "Mean |activation| over the words of the stories.",
        "ratio": "The same over the median of the layer.",
        "networks": "Networks whose set at the main dose holds it, or none.",
        "left_out": "Whether it is left out of all sets (`--lesion-outliers drop`).",
    },
    fields=_FIELDS,
)
GROUP_DROPS = Output(
    "lesion",
    "statmap",
    ("group",),
    "Drop of the brain score over participants.",
    over_participants("r", _NAMES, _DROP),
    fields=_FIELDS,
)
GROUP_MATRIX = Output(
    "lesion",
    "networks",
    ("group",),
    "What lesions cost over participants: one row per measure, dose, lesioned network, scored network and control.",
    columns={
        **_MEASURE,
        **_LESION,
        "scored": "Network whose score it is, or `all`.",
        **_OVER_PARTICIPANTS,
        "p": "Two-sided p of the signed-rank test over participants.",
        "control": _CONTROL["control"],
        "control_mean": "Mean over participants of the mean over these sets.",
        "difference": "Mean over participants of the drop minus that mean.",
    },
    fields=_FIELDS,
)
GROUP_INDEX = Output(
    "lesionindex",
    "networks",
    ("group",),
    "How specific lesions are over participants: one row per measure, dose and control.",
    columns={
        **_MEASURE,
        "dose": _LESION["dose"],
        **_OVER_PARTICIPANTS,
        **_T,
        **_CONTROL,
        **_P,
    },
    fields=_FIELDS,
)
GROUP_SURPRISAL = Output(
    "lesionsurprisal",
    "networks",
    ("group",),
    "Surprisal of lesioned models over participants: one row per network, dose, kind of words and control.",
    columns={
        **_LESION,
        "words": "`all`, `content` or `function` words.",
        **_OVER_PARTICIPANTS,
        "control": _CONTROL["control"],
        "control_mean": "Mean over participants of the mean over these sets.",
    },
    fields=_FIELDS,
)

OUTPUTS = (
    *(DROPS, NETWORK_DROPS, MATRIX, INDEX, DRAWS, SURPRISAL, PASSAGES, PAIRS, OUTLIERS),
    *(GROUP_DROPS, GROUP_MATRIX, GROUP_INDEX, GROUP_SURPRISAL),
)


def columns_of(desc: str) -> list[str]:
    """Columns of a table of a participant."""
    return next(
        list(output.columns)
        for output in OUTPUTS
        if output.desc == desc and output.suffix == "networks" and "participant" in output.levels
    )
