"""The tables that follow from links of atoms to networks: the links, the sub-groups, the model's organisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.writer import Writer
from bids_app.networks.organisation import (
    atom_diversity,
    compactness,
    consistency,
    involvement,
    involvement_entropy,
    layer_concentration,
)
from bids_app.networks.subgroups import layer_histogram, of_networks, summary

LINK_COLUMNS = {
    "atom": "Atom, counted from 1.",
    "network": "Network of the atlas.",
    "part": "Whether the positive (active) or the negative (deactive) part of the atom's map is meant.",
    "dice": "Dice overlap of the part with the network.",
    "p": "Chance of such an overlap when the networks are rotated on the cortical sphere, (b + 1)/(n + 1).",
    "q": "p corrected over atoms and networks of the same part (Benjamini-Hochberg).",
    "linked": "Whether q < 0.05.",
}
SUBGROUP_COLUMNS = {
    "network": "Network whose linked atoms' neurons are meant.",
    "model": "Language model.",
    "layer": "Layer, counted from 1.",
    "neurons": "Neurons of the sub-group in this layer.",
    "share": "The same as a fraction of the sub-group.",
    "mean_loading": "Mean loading of these neurons on the linked atoms.",
    "mean_absolute_loading": "Mean of the absolute loading.",
    "size": "Neurons of the sub-group in all layers.",
    "layer_concentration": "1 - normalised entropy of the sub-group over layers; 1: all in one layer.",
}
ORGANISATION_COLUMNS = {
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
}


@dataclass(frozen=True)
class NeuronGroups:
    """Atoms as time courses (n_volumes, n_atoms), and the neurons of each (see `networks.subgroups.members`)."""

    atoms: npt.NDArray[np.float32]
    members: pd.DataFrame
    n_layers: int


def write_links(
    writer: Writer, what: str, links: pd.DataFrame, groups: NeuronGroups, extra: Mapping[str, str] | None = None
) -> None:
    """Write the links (atoms from 0, as `networks.correspondence.link` gives them) and what follows from them.

    `extra` describes further columns of `links`.
    """
    writer.table(what, links.assign(atom=links["atom"] + 1), {**LINK_COLUMNS, **(extra or {})})
    subgroups = describe_subgroups(links, groups, str(writer.entities["model"]))
    writer.table(what.replace("atoms", "subgroups"), subgroups, SUBGROUP_COLUMNS)
    organisation = describe_organisation(links, groups.atoms)
    writer.table(what.replace("atoms", "organisation"), organisation, ORGANISATION_COLUMNS)


def describe_subgroups(links: pd.DataFrame, groups: NeuronGroups, model: str) -> pd.DataFrame:
    """Neurons per network and layer; columns of `SUBGROUP_COLUMNS`."""
    names = list(links["network"].unique())
    neurons = of_networks(links, groups.members)
    table = summary(neurons, "network", names, groups.n_layers)
    concentration = layer_concentration(layer_histogram(neurons, "network", names, groups.n_layers))
    table = table.assign(
        model=model, layer=table["layer"] + 1, layer_concentration=np.repeat(concentration, groups.n_layers)
    )
    return table[list(SUBGROUP_COLUMNS)]


def describe_organisation(links: pd.DataFrame, atoms: npt.NDArray[np.float32]) -> pd.DataFrame:
    """Organisation of a model: a row per network and one for the whole; columns of `ORGANISATION_COLUMNS`."""
    counts = involvement(links)
    table = counts.merge(consistency(atoms, links), on="network")
    linked = links.loc[links["linked"], "atom"].nunique()
    whole = {
        "network": "all",
        "active": int(counts["active"].sum()),
        "deactive": int(counts["deactive"].sum()),
        "atoms": int(linked),
        "involvement_entropy": involvement_entropy((counts["active"] + counts["deactive"]).to_numpy()),
        "atom_diversity": atom_diversity(atoms),
        "compactness": compactness(links),
    }
    return pd.concat([table, pd.DataFrame([whole])], ignore_index=True).reindex(columns=list(ORGANISATION_COLUMNS))
