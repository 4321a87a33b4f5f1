"""Outputs of the nuisance band: its score, and gains over it."""

from __future__ import annotations

from dataclasses import replace

from bids_app.bids.catalogue import (
    CORRECTED,
    GAIN,
    PARCELS_FIELD,
    REGION_COLUMNS,
    SCORE_COLUMNS,
    Output,
    StatisticMaps,
    over_few_participants,
    over_parcels,
    over_participants,
)

BAND_FIELDS = {
    "Features": "Features of the nuisance band.",
    "WordFrequencies": "Where the word frequencies come from.",
    "Sentences": "For each story, whether sentences end at punctuation or at pauses.",
    "Envelope": "Where the acoustic envelope comes from, or why it is left out.",
}
_OVER_FIELDS = {**BAND_FIELDS, **PARCELS_FIELD, "Layers": "Layers that were scored, counted from 1."}
_STABILITY = {"Stability": "Rank correlation over targets of the gain on odd and on even folds, by map."}

NUISANCE = (
    Output(
        "nuisance",
        "statmap",
        ("participant",),
        "Score of the nuisance band alone on held-out responses.",
        (
            StatisticMaps("p", "Chance of a score this high when the prediction is shifted in time.", ("p",)),
            StatisticMaps("q", CORRECTED, ("q",)),
            StatisticMaps("r", "Correlation of predicted and held-out responses, averaged over folds.", ("r",)),
        ),
        fields={**BAND_FIELDS, **PARCELS_FIELD},
    ),
    Output(
        "nuisanceparcels",
        "statmap",
        ("participant",),
        "Score of the nuisance band for the mean responses of parcels.",
        over_parcels(),
        fields={**BAND_FIELDS, **PARCELS_FIELD},
    ),
    Output(
        "nuisance",
        "statmap",
        ("group",),
        "Score of the nuisance band over participants.",
        (*over_participants("r", ("r",)), *over_few_participants(())),
        fields=BAND_FIELDS,
    ),
    Output(
        "nuisance",
        "networks",
        ("group",),
        "Score of the nuisance band: one row per region.",
        columns=SCORE_COLUMNS,
    ),
)


def over_nuisance(desc: str, of_whom: str, names: tuple[str, ...], variants: bool) -> tuple[Output, ...]:
    """Maps of a participant and of the group, their parcels, and tables per region."""
    gain = f"Gain of {of_whom} over the nuisance band"
    outputs = (*_over_in_participants(desc, of_whom, gain, names), *_over_in_group(desc, gain, names))
    return tuple(replace(output, has_variants=variants) for output in outputs)


def _over_in_participants(desc: str, of_whom: str, gain: str, names: tuple[str, ...]) -> tuple[Output, ...]:
    maps = (
        StatisticMaps("p", "Chance of such a gain when the responses are shifted in time.", names),
        StatisticMaps("q", CORRECTED, names),
        StatisticMaps("r2", "Held-out R² of both together less that of the band alone.", names),
        StatisticMaps("r", "Held-out r of both together less that of the band alone.", names, GAIN),
    )
    of_parcels = f"The gain of {of_whom} over the nuisance band for the mean responses of parcels."
    of_regions = f"{gain}: one row per region and map."
    columns = {
        **REGION_COLUMNS,
        "map": f"Map of {of_whom}.",
        "nuisance": "Mean held-out r of the nuisance band alone.",
        "gain": "Mean gain in held-out r of both together over the band alone.",
        "unique": "Mean held-out R² that is lost without the model.",
        "significant": "Share of targets where the gain has q < 0.05.",
        "targets": "Number of targets.",
    }
    level, parcels = ("participant",), over_parcels(names, GAIN)
    return (
        Output(desc, "statmap", level, f"{gain} on held-out responses.", maps, fields=_OVER_FIELDS),
        Output(f"{desc}parcels", "statmap", level, of_parcels, parcels, fields=_OVER_FIELDS),
        Output(desc, "networks", level, of_regions, columns=columns, fields=_STABILITY),
    )


def _over_in_group(desc: str, gain: str, names: tuple[str, ...]) -> tuple[Output, ...]:
    maps = (*over_participants("r", names, GAIN), *over_few_participants(names))
    of_regions = f"{gain}: one row per map and region."
    return (
        Output(desc, "statmap", ("group",), f"{gain}, over participants.", maps, fields=_OVER_FIELDS),
        Output(desc, "networks", ("group",), of_regions, columns=SCORE_COLUMNS),
    )
