"""What the analysis of networks writes: atoms and their maps, links, sub-groups, organisation."""

from __future__ import annotations

from bids_app.bids.catalogue import (
    CORRECTED,
    PARCELS_FIELD,
    SCORE_COLUMNS,
    Output,
    StatisticMaps,
    mean_over_participants,
    over_parcels,
    over_participants,
)

_BOTH = ("participant", "group")
_ATOMS = ("atom-#",)

_DICTIONARY_FIELDS = {
    "ReconstructionR2": "Mean variance of the neurons that the atoms explain.",
    "Density": "Share of loadings that are not zero.",
    "Objective": "Value of the objective that the dictionary minimises.",
    "Neurons": "Number of neurons.",
    "Layers": "Number of layers of the model.",
    "ModelRevision": "Commit of the model; null for a folder.",
    "ModelWeightsHash": "SHA-256 of the weights.",
}
_LINK_COLUMNS = {
    "atom": "Atom, counted from 1.",
    "network": "Network of the atlas.",
    "part": "Whether the positive (active) or the negative (deactive) part of the atom's map is meant.",
    "dice": "Dice overlap of the part with the network.",
    "p": "Chance of such an overlap when the networks are rotated on the cortical sphere (regions: dealt out again), "
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
    fields={
        "SamplingFrequency": "Volumes per second.",
        "StartTime": "Time of the first row, in seconds from the start of the audio file.",
        **_DICTIONARY_FIELDS,
    },
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
ATOM_MAPS = Output(
    "atoms",
    "statmap",
    ("participant",),
    "Fit of the atoms to the responses.",
    (
        StatisticMaps("beta", "Coefficient of each atom in a sparse fit.", _ATOMS),
        StatisticMaps("z", "Coefficients, z-scored across the brain.", _ATOMS),
        StatisticMaps("r2", "Variance explained in the data fitted.", ("r2",)),
        StatisticMaps("p", "Chance of r under circular shifts of the atoms.", ("p",)),
        StatisticMaps("q", CORRECTED, ("q",)),
        StatisticMaps("r", "Correlation of predicted and held-out responses, averaged over folds.", ("r",)),
    ),
    fields=PARCELS_FIELD,
    has_variants=True,
)
PARCEL_MAPS = Output(
    "atomsparcels",
    "statmap",
    ("participant",),
    "Fit of the atoms to the mean responses of parcels of about 50 neighbours, which are tested before their targets.",
    over_parcels(),
    fields=PARCELS_FIELD,
    has_variants=True,
)
GROUP_ATOM_MAPS = Output(
    "atoms",
    "statmap",
    ("group",),
    "Coefficients of the atoms over participants.",
    (
        StatisticMaps("t", "One-sample t over participants.", _ATOMS),
        StatisticMaps("p", "Two-sided p of the t-test.", _ATOMS),
        StatisticMaps("q", "p corrected within each map.", _ATOMS),
        StatisticMaps("z", "Mean coefficients, z-scored across the brain.", _ATOMS),
        mean_over_participants("beta", _ATOMS, "Mean coefficient over participants."),
    ),
    has_variants=True,
)
GROUP_FIT_MAPS = Output(
    "atomsfit",
    "statmap",
    ("group",),
    "Held-out score r of the atoms' fit over participants.",
    over_participants("r", ("r",)),
    has_variants=True,
)
LINKS = Output(
    "atoms",
    "networks",
    ("participant",),
    "Links of atoms with networks: one row per atom, network and part.",
    columns=_LINK_COLUMNS,
    has_variants=True,
)
GROUP_LINKS = Output(
    "atoms",
    "networks",
    ("group",),
    "Links of the group's maps of atoms with networks: one row per atom, network and part.",
    columns={
        **_LINK_COLUMNS,
        "participants": "Number of participants whose own map has this link.",
        "replicated": "Whether the group map and the maps of at least half of the participants have it.",
    },
    has_variants=True,
)
SUBGROUPS = Output(
    "subgroups",
    "networks",
    _BOTH,
    "Sub-groups of neurons: one row per network and layer.",
    columns={
        "network": "Network whose linked atoms' neurons are meant.",
        "model": "Language model.",
        "layer": "Layer, counted from 1.",
        "neurons": "Neurons of the sub-group in this layer.",
        "share": "The same as a fraction of the sub-group.",
        "mean_loading": "Mean loading of these neurons on the linked atoms.",
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
        "active": "Atoms linked with their active part.",
        "deactive": "Atoms linked with their deactive part.",
        "atoms": "Atoms linked with either part.",
        "consistency": "Mean |r| between the time courses of the linked atoms.",
        "null_mean": "The same for as many atoms drawn at random, mean.",
        "null_low": "2.5th percentile of the random draws.",
        "null_high": "97.5th percentile of the random draws.",
        "p": "Chance of this consistency under random draws, (b + 1)/(n + 1).",
        "involvement_entropy": "Entropy in bits of the links over networks.",
        "atom_diversity": "1 - mean |r| between all atoms.",
        "compactness": "Gini index of the table of links.",
    },
    has_variants=True,
)
GROUP_FIT_SCORES = Output(
    "atomsfit",
    "networks",
    ("group",),
    "Score of the atoms' fit: one row per map and region.",
    columns=SCORE_COLUMNS,
    has_variants=True,
)

OUTPUTS = (
    ATOM_COURSES,
    LOADINGS,
    ATOM_MAPS,
    PARCEL_MAPS,
    LINKS,
    SUBGROUPS,
    ORGANISATION,
    GROUP_ATOM_MAPS,
    GROUP_FIT_MAPS,
    GROUP_LINKS,
    GROUP_FIT_SCORES,
)
