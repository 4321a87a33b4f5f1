"""Outputs of the gain: brain scores of fine-tuned models, and what they gain over the model of words alone."""

from __future__ import annotations

from bids_app.bids.catalogue import (
    GAIN,
    REGION_COLUMNS,
    SUMMARY_COLUMNS,
    Output,
    StatisticMaps,
    over_participants,
)

_SCORES = ("mean", "step-#")
_GAINS = ("gain",)
_TRAINING_FIELDS = {
    "Alpha": "Share of the loss of high level in the training.",
    "Control": "`near`, `low`, or `shuffled` for a control; empty for none.",
    "Steps": "Steps of training after which the model was scored.",
    "Layers": "Layers whose states were put side by side, counted from 1; 0 for the embeddings.",
}
_FIELDS = {
    **_TRAINING_FIELDS,
    "Perplexity": "Perplexity of the model on held-out text after each of these steps.",
}
_TRAINING_COLUMNS = {
    "alpha": "Share of the loss of high level in the training.",
    "control": "`none`, or the control: `near`, `low`, `shuffled`.",
}
_STEP_COLUMNS = {
    **REGION_COLUMNS,
    **_TRAINING_COLUMNS,
    "step": "Steps of training; missing for the mean over checkpoints.",
    "perplexity": "Perplexity on held-out text after these steps; for the mean, the geometric mean.",
}

SCORES = Output(
    "finetuned",
    "statmap",
    ("participant",),
    "Brain score of a fine-tuned model: layers at 0, 1/3, 2/3 and all of the depth together.",
    (
        StatisticMaps(
            "r", "Correlation of predicted and held-out responses, mean over checkpoints, then of each.", _SCORES
        ),
    ),
    fields=_FIELDS,
)
GAINS = Output(
    "gain",
    "statmap",
    ("participant",),
    "Gain in brain score, mean over checkpoints, over the model trained as long on words alone.",
    (StatisticMaps("r", "Brain score of the model minus that of the model of α = 0.", _GAINS, GAIN),),
    fields=_TRAINING_FIELDS,
)
SCORE_CURVES = Output(
    "finetuned",
    "networks",
    ("participant",),
    "Brain score of a fine-tuned model beside its perplexity: one row per region and checkpoint.",
    columns={**_STEP_COLUMNS, "r": "Brain score, mean over the region's targets."},
)
GAIN_CURVES = Output(
    "gain",
    "networks",
    ("participant",),
    "Gain in brain score: one row per region.",
    columns={**REGION_COLUMNS, **_TRAINING_COLUMNS, "r": "Gain in brain score, mean over the region's targets."},
)
GROUP_SCORES = Output(
    "finetuned",
    "statmap",
    ("group",),
    "Brain score of a fine-tuned model over participants.",
    over_participants("r", _SCORES),
    fields=_FIELDS,
)
GROUP_GAINS = Output(
    "gain",
    "statmap",
    ("group",),
    "Gain in brain score over participants.",
    over_participants("r", _GAINS, GAIN),
    fields=_TRAINING_FIELDS,
)
GROUP_SCORE_CURVES = Output(
    "finetuned",
    "networks",
    ("group",),
    "Brain score of a fine-tuned model over participants beside its perplexity: one row per region and checkpoint.",
    columns={**_STEP_COLUMNS, **SUMMARY_COLUMNS},
)
GROUP_GAIN_CURVES = Output(
    "gain",
    "networks",
    ("group",),
    "Gain in brain score over participants: one row per region.",
    columns={**REGION_COLUMNS, **_TRAINING_COLUMNS, **SUMMARY_COLUMNS},
)

OUTPUTS = (
    *(SCORES, GAINS, SCORE_CURVES, GAIN_CURVES),
    *(GROUP_SCORES, GROUP_GAINS, GROUP_SCORE_CURVES, GROUP_GAIN_CURVES),
)
