"""Outputs of the dictionary: atoms, families of atoms, their loadings on neurons, and the localiser."""

from __future__ import annotations

from bids_app.bids.catalogue import Output

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
_NEURON_COLUMNS = {
    "neuron": "Neuron, counted from 0 over all layers.",
    "layer": "Layer, counted from 1.",
    "unit": "Index of the neuron in its layer, counted from 0 as in the model.",
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
        **_NEURON_COLUMNS,
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
        **_NEURON_COLUMNS,
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
