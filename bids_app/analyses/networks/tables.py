"""The tables that follow from links of atoms to networks: the links, the sub-groups, the model's organisation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.networks.organisation_outputs import ORGANISATION
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


@dataclass(frozen=True)
class NeuronGroups:
    """Atoms as time courses (n_volumes, n_atoms), and the neurons of each (see `networks.subgroups.members`)."""

    atoms: npt.NDArray[np.float32]
    members: pd.DataFrame
    n_layers: int


def as_written(table: pd.DataFrame, kind: str = "atoms") -> pd.DataFrame:
    """A table as in files: atoms and layers, counted from 0 in the package, are counted from 1.

    For `families`, the column `atom` is called `family`.
    """
    counted = table.assign(**{name: table[name] + 1 for name in ("atom", "layer") if name in table})
    return counted.rename(columns={"atom": "family"}) if kind == "families" else counted


def as_read(table: pd.DataFrame) -> pd.DataFrame:
    """A table that was read from a file: undoes `as_written`."""
    named = table.rename(columns={"family": "atom"})
    return named.assign(**{name: named[name] - 1 for name in ("atom", "layer") if name in named})


def write_links(writer: Writer, desc: str, links: pd.DataFrame, groups: NeuronGroups, **fields: object) -> None:
    """Write the links of atoms or families (`desc`), and the tables that follow: sub-groups, organisation.

    `fields` are further fields of the sidecar of the links.
    """
    subgroups = describe_subgroups(links, groups, str(writer.entities["model"]))
    organisation = describe_organisation(links, groups.atoms)
    kind = kind_of_desc(desc)
    writer.table(desc, as_written(links, kind), **fields)
    for name, table in (("subgroups", subgroups), ("organisation", organisation)):
        writer.table(desc.replace(kind, name), as_written(table, kind))


def kind_of_desc(desc: str) -> str:
    """Kind of the results with this desc: `atoms` or `families`."""
    return "families" if desc.startswith("families") else "atoms"


def read_links(path: Path) -> pd.DataFrame:
    """The links that `write_links` wrote, atoms counted from 0."""
    return as_read(read_table(path))


def describe_subgroups(links: pd.DataFrame, groups: NeuronGroups, model: str) -> pd.DataFrame:
    """Neurons per network and layer; columns of `organisation_outputs.SUBGROUPS`, layers counted from 0."""
    names = list(links["network"].unique())
    neurons = of_networks(links, groups.members)
    table = summary(neurons, "network", names, groups.n_layers)
    concentration = layer_concentration(layer_histogram(neurons, "network", names, groups.n_layers))
    return table.assign(model=model, layer_concentration=np.repeat(concentration, groups.n_layers))


def describe_organisation(links: pd.DataFrame, atoms: npt.NDArray[np.float32]) -> pd.DataFrame:
    """A row per network and one for the whole model; columns of `organisation_outputs.ORGANISATION`."""
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
