"""Outputs of the analysis of networks: atoms and their maps, links, sub-groups, organisation."""

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

_BOTH = ("participant", "group")
_ATOMS, _FAMILIES = ("atom-#",), ("family-#",)

_DICTIONARY_FIELDS = {
    "ReconstructionR2": "Mean variance of the neurons that the atoms explain.",
    "Density": "Share of loadings that are not zero.",
    "Objective": "Value of the objective that the dictionary minimises.",
    "Neurons": "Number of neurons.",
    "NeuronKind": "What counts as a neuron.",
    "SplitHalfR": "Of a localiser: r over units between t of the odd and t of the even texts.",
    "SilentFeatures": "Features of an autoencoder that are 0 at every word of the stories, and left out.",
    "ActivePerToken": "Features of an autoencoder that are not 0 at a token, mean over stories.",
    "AutoencoderR2": "Share of the variance of the activations that the autoencoder rebuilds, median over tokens; null "
    "without a decoder.",
    "Layers": "Number of layers of the model.",
    "ModelRevision": "Commit of the model; null for a folder.",
    "ModelWeightsHash": "SHA-256 of the weights.",
}
_FAMILY_FIELDS = {
    **{key: text for key, text in _DICTIONARY_FIELDS.items() if key not in ("Density", "Objective")},
    "Atoms": "Number of atoms of each restart.",
    "Families": "Number of families of atoms that restarts share.",
    "ReproducibleFamilies": "How many of them are reproducible (rho of at least 0.8).",
}
_COURSE_FIELDS = {
    "SamplingFrequency": "Volumes per second.",
    "StartTime": "Time of the first row, in seconds from the start of the audio file.",
}
_LINK_COLUMNS = {
    "atom": "Atom, counted from 1.",
    "network": "Network of the atlas.",
    "part": "Part of the atom's map: positive (active) or negative (deactive).",
    "dice": "Dice overlap of the part with the network.",
    "p": "p of the overlap under random rotations of the networks on the cortical sphere (regions: permutations), "
    "(b + 1)/(n + 1).",
    "q": "p corrected over atoms and networks of the same part (Benjamini-Hochberg).",
    "linked": "Whether q < 0.05.",
}

ATOM_COURSES = Output(
    "atoms",
    "timeseries",
    ("stimulus",),
    "Time course of each atom in one story.",
    columns={"atom-#": "Time course of one atom; the start time counts from the audio file's."},
    fields={**_COURSE_FIELDS, **_DICTIONARY_FIELDS},
    has_variants=True,
)
LOADINGS = Output(
    "atoms",
    "loadings",
    ("stimulus",),
    "Non-zero loadings of neurons on atoms; `member`: in the atom's sub-group (strongest 5 %).",
    columns={
        "neuron": "Neuron, counted from 0 over all layers.",
        "layer": "Layer, counted from 1.",
        "unit": "Index of the neuron in its layer, counted from 0 as in the model.",
        "atom": "Atom, counted from 1.",
        "loading": "Loading of the neuron on the atom.",
        "member": "Whether the neuron is in the atom's sub-group: among the strongest 5 % of all neurons.",
    },
    fields=_DICTIONARY_FIELDS,
    has_variants=True,
)
FAMILY_COURSES = Output(
    "families",
    "timeseries",
    ("stimulus",),
    "Time course of each family of atoms in one story.",
    columns={"family-#": "Time course of one family: the mean of the atoms that restarts share, z-scored."},
    fields={**_COURSE_FIELDS, **_FAMILY_FIELDS},
    has_variants=True,
)
RESTART_COURSES = Output(
    "restarts",
    "timeseries",
    ("stimulus",),
    "Time course of each atom of each restart of the dictionary in one story.",
    columns={"restart-#_atom-#": "Time course of one atom of one restart."},
    fields={**_COURSE_FIELDS, **_FAMILY_FIELDS},
    has_variants=True,
)
FAMILIES = Output(
    "families",
    "families",
    ("stimulus",),
    "Reproducibility of each family of atoms.",
    columns={
        "family": "Family, counted from 1, in the order of falling reproducibility.",
        "rho": "Reproducibility: mean over restarts of the best |r| of an atom with the family.",
        "restarts": "Number of restarts with an atom of the family (|r| of at least 0.7).",
        "reproducible": "Whether rho is at least 0.8; other families are not linked.",
    },
    fields=_FAMILY_FIELDS,
    has_variants=True,
)
FAMILY_MEMBERS = Output(
    "families",
    "members",
    ("stimulus",),
    "Members of each family: atoms of restarts with |r| of at least 0.7.",
    columns={
        "restart": "Restart, counted from 1.",
        "atom": "Atom of the restart, counted from 1.",
        "family": "Family that the atom belongs to, counted from 1; an atom can belong to two.",
        "sign": "Sign of their correlation.",
    },
    fields=_FAMILY_FIELDS,
    has_variants=True,
)
FAMILY_LOADINGS = Output(
    "families",
    "loadings",
    ("stimulus",),
    "Loadings of neurons on families, of the strongest 20 % of neurons; `member`: in the sub-group (strongest 5 %).",
    columns={
        "neuron": "Neuron, counted from 0 over all layers.",
        "layer": "Layer, counted from 1.",
        "unit": "Index of the neuron in its layer, counted from 0 as in the model.",
        "family": "Family, counted from 1.",
        "loading": "Least-squares loading of the neuron on the family.",
        "member": "Whether the neuron is in the family's sub-group: among the strongest 5 % of all neurons.",
    },
    fields=_FAMILY_FIELDS,
    has_variants=True,
)
LOCALISER = Output(
    "localiser",
    "units",
    ("stimulus",),
    "Selectivity of each unit for language: sentences against lists of non-words.",
    columns={
        "layer": "Layer, counted from 1.",
        "unit": "Index of the unit in its layer, counted from 0 as in the model.",
        "t": "Welch's t of |activation| at the last token, sentences against non-words; n/a for a constant unit.",
        "selected": "Whether the unit counts as a neuron: among the largest t.",
    },
    fields={
        "Stimuli": "The table of texts, or `bundled`.",
        "Sentences": "Number of sentences.",
        "NonWords": "Number of lists of non-words.",
        "SplitHalfR": "r over units between t of the odd and t of the even texts.",
        "Selected": "Number of selected units.",
    },
)
NETWORK_COURSES = Output(
    "families",
    "timeseries",
    ("participant",),
    "Mean response of each piece of each network, and the confounds that were removed, for the group level.",
    columns={
        "run": "Run, counted from 1.",
        "story": "Story, as in the names of the stimulus files.",
        "seconds": "Time of the volume in the story, in seconds since its audio file started.",
        "network-#_piece-#": "Mean response of a piece of a network (at most 36 pieces each), z-scored.",
        "confound-#": "Regressor that was removed from the run.",
    },
    fields={
        "Networks": "Names of the networks, in the order of their numbers.",
        "Pieces": "Identifies the partition of the networks into pieces.",
    },
    has_variants=True,
)
_CONDITIONAL_COLUMNS = {
    "family": "Family of neurons, counted from 1.",
    "network": "Network of the atlas.",
    "part": "Whether the network's response rises (active) or falls (deactive) with the family.",
    "rho": "Reproducibility of the family over restarts of the dictionary; no link is made below 0.8.",
    "probability": "Probability that the family carries the response; mean over the restarts that hold the family.",
    "coefficient": "Mean over the network of the conditional coefficients of that sign, of candidates (P above 0.5).",
    "gate_p": "Family-wise p of the relation of any family to the network's response, by circular shifts.",
    "dice": "Dice overlap of that part of the family's map with the network; descriptive only.",
    "p": "p of the mean coefficient under random rotations of the networks on the sphere (regions: under permutations, "
    "or of the contrast with the rest of the cortex where that is larger).",
    "q": "p corrected over candidates (Benjamini-Hochberg).",
    "linked": "Whether gate_p < 0.05, probability > 0.5, q < 0.05 and rho is at least 0.8, and the mean of 1 - "
    "probability over all links that are at least as probable is at most 0.1.",
}
_LINK_FIELDS = {
    "ExpectedFalseShare": "Expected share of false links among those made, two thirds of the mean of 1 - "
    "probability; null without a link.",
    "NoiseInflation": "Mean z² of whitened residuals with the families under circular shifts, by network; 1 if white.",
}


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


def _group_maps_of(desc: str, names: tuple[str, ...], *more: StatisticMaps) -> Output:
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
            *more,
        ),
        has_variants=True,
    )


_MARGINAL = StatisticMaps(
    "marginal", "Correlation of each family with the response, both whitened and with the confounds removed.", _FAMILIES
)
ATOM_MAPS = _maps_of("atom", "atoms", _ATOMS)
FAMILY_MAPS = _maps_of("family", "families", _FAMILIES, _MARGINAL)
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
_SHARED_COLUMNS = {
    "participants": "Number of participants who have this link at the participant level.",
    "replicated": "Whether the group and at least half of the participants have this link.",
}
LINKS = Output(
    "atoms",
    "networks",
    ("participant",),
    "Published links of atoms with networks (Dice): one row per atom, network and part.",
    columns=_LINK_COLUMNS,
    has_variants=True,
)
GROUP_LINKS = Output(
    "atoms",
    "networks",
    ("group",),
    "Published links of the group's maps of atoms (Dice): one row per atom, network and part.",
    columns={**_LINK_COLUMNS, **_SHARED_COLUMNS},
    has_variants=True,
)
FAMILY_LINKS = Output(
    "families",
    "networks",
    ("participant",),
    "Links of families of neurons with networks: one row per family, network and part.",
    columns=_CONDITIONAL_COLUMNS,
    fields=_LINK_FIELDS,
    has_variants=True,
)
GROUP_FAMILY_LINKS = Output(
    "families",
    "networks",
    ("group",),
    "Links of families with networks in the group: one row per family, network and part.",
    columns={
        **_CONDITIONAL_COLUMNS,
        "t": "One-sample t over participants of the conditional coefficients along the pattern of the others.",
        "t_q": "Its one-sided p, corrected over candidates; a link needs t_q < 0.05.",
        **_SHARED_COLUMNS,
    },
    fields=_LINK_FIELDS,
    has_variants=True,
)
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


_MATCHING_FIELDS = {
    "Pairs": "For each pair of models: stories, volumes, numbers of families (or atoms) and of reproducible ones, how "
    "many are shared, their share in the smaller number, the |r| beyond which p < 0.05, and the number of shifts.",
    "LeftOut": "Pairs of models that could not be matched, and why.",
}
FAMILY_MATCHING = _matching_of(
    "families", "family", {"rho": "Reproducibility of the family over restarts of its dictionary."}
)
ATOM_MATCHING = _matching_of("atoms", "atom", {})

OUTPUTS = (
    FAMILY_COURSES,
    RESTART_COURSES,
    FAMILIES,
    FAMILY_MEMBERS,
    FAMILY_LOADINGS,
    LOCALISER,
    ATOM_COURSES,
    LOADINGS,
    FAMILY_MAPS,
    FAMILY_PARCEL_MAPS,
    FAMILY_LINKS,
    NETWORK_COURSES,
    ATOM_MAPS,
    PARCEL_MAPS,
    LINKS,
    SUBGROUPS,
    ORGANISATION,
    GROUP_FAMILY_MAPS,
    GROUP_FAMILY_FIT_MAPS,
    GROUP_FAMILY_LINKS,
    GROUP_FAMILY_FIT_SCORES,
    FAMILY_MATCHING,
    GROUP_ATOM_MAPS,
    GROUP_FIT_MAPS,
    GROUP_LINKS,
    GROUP_FIT_SCORES,
    ATOM_MATCHING,
)
