"""Outputs of links to networks: of atoms by Dice, of families given all others, and responses for the group level."""

from __future__ import annotations

from bids_app.bids.catalogue import Output

_DICE_COLUMNS = {
    "atom": "Atom, counted from 1.",
    "network": "Network of the atlas.",
    "part": "Part of the atom's map: positive (active) or negative (deactive).",
    "dice": "Dice overlap of the part with the network.",
    "p": "p of the overlap under random rotations of the networks on the cortical sphere (regions: permutations), "
    "(b + 1)/(n + 1).",
    "q": "p corrected over atoms and networks of the same part (Benjamini-Hochberg).",
    "linked": "Whether q < 0.05.",
}
_CONDITIONAL_COLUMNS = {
    "family": "Family of neurons, counted from 1.",
    "network": "Network of the atlas.",
    "part": "Whether the network's response rises (active) or falls (deactive) with the family.",
    "rho": "Reproducibility of the family over restarts of the dictionary; no link is made below 0.8.",
    "probability": "Probability that the family carries the response; mean over restarts, see the methods.",
    "coefficient": "Mean over the network of the conditional coefficients of that sign, of candidates (P above 0.5).",
    "gate_p": "Family-wise p of the relation of any family to the network's response, by circular shifts.",
    "dice": "Dice overlap of that part of the family's map with the network; descriptive only.",
    "p": "p of the mean coefficient under random rotations of the networks on the sphere (regions: under permutations, "
    "or of the contrast with the rest of the cortex where that is larger).",
    "q": "p corrected over candidates (Benjamini-Hochberg).",
    "linked": "Whether gate_p is at most 0.02 (or as small as the shifts allow), probability > 0.5, q < 0.05 and rho "
    "is at least 0.8, and the mean of 1 - probability over all links that are at least as probable is at most 0.08.",
}
_SHARED_COLUMNS = {
    "participants": "Number of participants who have this link at the participant level.",
    "replicated": "Whether the group and at least half of the participants have this link.",
}
_CONDITIONAL_FIELDS = {
    "ExpectedFalseShare": "Expected share of false links among those made, two thirds of the mean of 1 - "
    "probability; null without a link.",
    "NoiseInflation": "Mean z² of whitened residuals with the families under circular shifts, by network; 1 if white.",
}

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
FAMILY_LINKS = Output(
    "families",
    "networks",
    ("participant",),
    "Links of families of neurons with networks: one row per family, network and part.",
    columns=_CONDITIONAL_COLUMNS,
    fields=_CONDITIONAL_FIELDS,
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
    fields=_CONDITIONAL_FIELDS,
    has_variants=True,
)
LINKS = Output(
    "atoms",
    "networks",
    ("participant",),
    "Published links of atoms with networks (Dice): one row per atom, network and part.",
    columns=_DICE_COLUMNS,
    has_variants=True,
)
GROUP_LINKS = Output(
    "atoms",
    "networks",
    ("group",),
    "Published links of the group's maps of atoms (Dice): one row per atom, network and part.",
    columns={**_DICE_COLUMNS, **_SHARED_COLUMNS},
    has_variants=True,
)
