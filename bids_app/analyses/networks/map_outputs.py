"""Outputs of the fit of atoms or families to the responses: maps, their parcels, and scores over participants."""

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

_ATOMS, _FAMILIES = ("atom-#",), ("family-#",)
_MARGINAL = StatisticMaps(
    "marginal", "Correlation of each family with the response, both whitened and with the confounds removed.", _FAMILIES
)


def _maps_of(noun: str, desc: str, names: tuple[str, ...], *more: StatisticMaps) -> Output:
    return Output(
        desc,
        "statmap",
        ("participant",),
        f"Fit of the {desc} to the responses.",
        (
            StatisticMaps("beta", f"Coefficient of each {noun} in a sparse fit.", names),
            StatisticMaps("z", "Coefficients, z-scored across the brain.", names),
            *more,
            StatisticMaps("r2", "Variance explained in the data fitted.", ("r2",)),
            StatisticMaps("p", f"p of r under circular shifts of the {desc}.", ("p",)),
            StatisticMaps("q", CORRECTED, ("q",)),
            StatisticMaps("r", "Correlation of predicted and held-out responses, averaged over folds.", ("r",)),
        ),
        fields=PARCELS_FIELD,
        has_variants=True,
    )


def _group_maps_of(desc: str, names: tuple[str, ...]) -> Output:
    return Output(
        desc,
        "statmap",
        ("group",),
        f"Coefficients of the {desc} over participants.",
        (
            StatisticMaps("t", "One-sample t over participants.", names),
            StatisticMaps("p", "Two-sided p of the t-test.", names),
            StatisticMaps("q", "p corrected within each map.", names),
            StatisticMaps("z", "Mean coefficients, z-scored across the brain.", names),
            mean_over_participants("beta", names, "Mean coefficient over participants."),
        ),
        has_variants=True,
    )


ATOM_MAPS = _maps_of("atom", "atoms", _ATOMS)
FAMILY_MAPS = _maps_of("family", "families", _FAMILIES, _MARGINAL)
PARCEL_MAPS, FAMILY_PARCEL_MAPS = (
    Output(
        f"{desc}parcels",
        "statmap",
        ("participant",),
        f"Fit of the {desc} to the mean responses of parcels of about 50 neighbours, tested before their targets.",
        over_parcels(),
        fields=PARCELS_FIELD,
        has_variants=True,
    )
    for desc in ("atoms", "families")
)
GROUP_ATOM_MAPS = _group_maps_of("atoms", _ATOMS)
GROUP_FAMILY_MAPS = _group_maps_of("families", _FAMILIES)
GROUP_FIT_MAPS, GROUP_FAMILY_FIT_MAPS = (
    Output(
        f"{desc}fit",
        "statmap",
        ("group",),
        f"Held-out score r of the fit of the {desc} over participants.",
        (*over_participants("r", ("r",)), *over_few_participants(())),
        has_variants=True,
    )
    for desc in ("atoms", "families")
)
GROUP_FIT_SCORES, GROUP_FAMILY_FIT_SCORES = (
    Output(
        f"{desc}fit",
        "networks",
        ("group",),
        f"Score of the fit of the {desc}: one row per map and region.",
        columns=SCORE_COLUMNS,
        has_variants=True,
    )
    for desc in ("atoms", "families")
)
