"""The tables that follow from links of atoms to networks: the links, the sub-groups, the model's organisation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.networks.outputs import ORGANISATION
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_table
from bids_app.networks.organisation import (
    atom_diversity,
    compactness,
    consistency,
    involvement,
    involvement_entropy,
    layer_concentration,
)
from bids_app.networks.subgroups import layer_histogram, of_networks, summary

_COUNTED = ("atom", "layer")


@dataclass(frozen=True)
class NeuronGroups:
    """Atoms as time courses (n_volumes, n_atoms), and the neurons of each (see `networks.subgroups.members`)."""

    atoms: npt.NDArray[np.float32]
    members: pd.DataFrame
    n_layers: int


def counted_from_one(table: pd.DataFrame) -> pd.DataFrame:
    """A table as files have it: atoms and layers, which are counted from 0 in the package, counted from 1."""
    return table.assign(**{name: table[name] + 1 for name in _COUNTED if name in table})


def counted_from_zero(table: pd.DataFrame) -> pd.DataFrame:
    """A table that was read from a file: undoes `counted_from_one`."""
    return table.assign(**{name: table[name] - 1 for name in _COUNTED if name in table})


def write_links(writer: Writer, what: str, links: pd.DataFrame, groups: NeuronGroups) -> None:
    """Write the links, as `networks.correspondence.link` gives them, and what follows from them."""
    subgroups = describe_subgroups(links, groups, str(writer.entities["model"]))
    organisation = describe_organisation(links, groups.atoms)
    for name, table in (("atoms", links), ("subgroups", subgroups), ("organisation", organisation)):
        writer.table(what.replace("atoms", name), counted_from_one(table))


def read_links(path: Path) -> pd.DataFrame:
    """The links that `write_links` wrote, atoms counted from 0."""
    return counted_from_zero(read_table(path))


def describe_subgroups(links: pd.DataFrame, groups: NeuronGroups, model: str) -> pd.DataFrame:
    """Neurons per network and layer; columns of `outputs.SUBGROUPS`, layers counted from 0."""
    names = list(links["network"].unique())
    neurons = of_networks(links, groups.members)
    table = summary(neurons, "network", names, groups.n_layers)
    concentration = layer_concentration(layer_histogram(neurons, "network", names, groups.n_layers))
    return table.assign(model=model, layer_concentration=np.repeat(concentration, groups.n_layers))


def describe_organisation(links: pd.DataFrame, atoms: npt.NDArray[np.float32]) -> pd.DataFrame:
    """Organisation of a model: a row per network and one for the whole; columns of `outputs.ORGANISATION`."""
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
    return pd.concat([table, pd.DataFrame([whole])], ignore_index=True).reindex(columns=list(ORGANISATION.columns))
