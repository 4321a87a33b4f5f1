"""Outputs that describe models: sub-groups of neurons, organisation, and what pairs of models share."""

from __future__ import annotations

from bids_app.bids.catalogue import Output

_BOTH = ("participant", "group")

SUBGROUPS = Output(
    "subgroups",
    "networks",
    _BOTH,
    "Sub-groups of neurons: one row per network and layer.",
    columns={
        "network": "Network; its sub-group holds the neurons of the linked families (or atoms).",
        "model": "Language model.",
        "layer": "Layer, counted from 1.",
        "neurons": "Neurons of the sub-group in this layer.",
        "share": "The same as a fraction of the sub-group.",
        "mean_loading": "Mean loading of these neurons on the linked families (or atoms).",
        "mean_absolute_loading": "Mean of the absolute loading.",
        "size": "Neurons of the sub-group in all layers.",
        "layer_concentration": "1 - normalised entropy of the sub-group over layers; 1: all in one layer.",
    },
    has_variants=True,
)
ORGANISATION = Output(
    "organisation",
    "networks",
    _BOTH,
    "Organisation of the model: one row per network, and `all`.",
    columns={
        "network": "Network, or `all` for measures of the whole model.",
        "active": "Families (or atoms) linked with their active part.",
        "deactive": "Families (or atoms) linked with their deactive part.",
        "atoms": "Families (or atoms) linked with either part.",
        "consistency": "Mean |r| between the time courses of the linked families (or atoms).",
        "null_mean": "The same for as many families (or atoms) drawn at random, mean.",
        "null_low": "2.5th percentile of the random draws.",
        "null_high": "97.5th percentile of the random draws.",
        "p": "p of the consistency under random draws, (b + 1)/(n + 1).",
        "involvement_entropy": "Entropy in bits of the links over networks.",
        "atom_diversity": "1 - mean |r| between all families (or atoms).",
        "compactness": "Gini index of the table of links.",
    },
    has_variants=True,
)
_MATCHING_FIELDS = {
    "Pairs": "For each pair of models: stories, volumes, numbers of families (or atoms) and of reproducible ones, how "
    "many are shared, their share in the smaller number, the |r| beyond which p < 0.05, and the number of shifts.",
    "LeftOut": "Pairs of models that could not be matched, and why.",
}


def _matching_of(desc: str, noun: str, rho: dict[str, str]) -> Output:
    def of(prefix: str, model: str) -> dict[str, str]:
        named = {f"{prefix}model": model, f"{prefix}{noun}": f"Its {noun}, counted from 1."}
        return named | {f"{prefix}{name}": text for name, text in rho.items()}

    return Output(
        desc,
        "matching",
        ("group",),
        f"The {desc} of each pair of models, matched one to one by their time courses: one row per match.",
        columns={
            "story": "Story of the dictionaries; `all`: one dictionary of all stories.",
            **of("", "Language model."),
            **of("other_", "The other language model."),
            "r": "Correlation of their time courses, z-scored within each story; signs of both are arbitrary.",
            "p": "Family-wise p over all matches of the pair of models: the same matching under circular shifts, "
            "(b + 1)/(n + 1).",
            "shared": "Whether p < 0.05: both models have it.",
        },
        fields=_MATCHING_FIELDS,
        has_variants=True,
    )


FAMILY_MATCHING = _matching_of(
    "families", "family", {"rho": "Reproducibility of the family over restarts of its dictionary."}
)
ATOM_MATCHING = _matching_of("atoms", "atom", {})
