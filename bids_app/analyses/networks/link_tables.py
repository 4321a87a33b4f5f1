"""Tables of links between atoms and networks, as arrays ready to be drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]

PARTS = ("active", "deactive")


@dataclass(frozen=True)
class Links:
    """Strength of the link of each atom, or family, with each network, in one part (active or deactive).

    `strength` and `linked` (n_atoms, n_networks); `measure` names the strength: a probability, or the overlap
    (Dice) of maps; `sharing` the number of participants that share each link, `rho` (n_atoms,) the reproducibility of
    each family, or None.
    """

    part: str
    atoms: tuple[str, ...]
    networks: tuple[str, ...]
    strength: Array
    linked: Array
    sharing: Array | None = None
    measure: str = "Dice"
    rho: Array | None = None


def read_links(table: pd.DataFrame) -> list[Links]:
    """The parts in a table of links: of families with their probability, or of atoms with their Dice."""
    table = table.rename(columns={"family": "atom"})
    atoms = tuple(dict.fromkeys(table["atom"].astype(str)))
    networks = tuple(dict.fromkeys(table["network"].astype(str)))
    present = [part for part in PARTS if (table["part"] == part).any()]
    return [_one_part(table[table["part"] == part], part, atoms, networks) for part in present]


def _one_part(rows: pd.DataFrame, part: str, atoms: Sequence[str], networks: Sequence[str]) -> Links:
    place = tuple(
        pd.Index(names).get_indexer(pd.Index(rows[column].astype(str)))
        for names, column in ((atoms, "atom"), (networks, "network"))
    )

    def grid(values: object, empty: float) -> Array:
        filled = np.full((len(atoms), len(networks)), empty)
        filled[place] = np.asarray(values, dtype=float)
        return filled

    sharing = grid(rows["participants"], np.nan) if "participants" in rows else None
    linked = grid(as_bool(rows["linked"]), 0) > 0
    measure = "probability" if "probability" in rows else "dice"
    rho = grid(rows["rho"], np.nan)[:, 0] if "rho" in rows else None
    strength = grid(rows[measure], np.nan)
    return Links(part, tuple(atoms), tuple(networks), strength, linked, sharing, measure.replace("dice", "Dice"), rho)


def as_bool(column: pd.Series[Any]) -> Array:
    """A column of true and false in any common spelling."""
    return np.asarray(column.astype(str).str.lower().isin(["true", "1", "1.0", "yes"]), dtype=bool)


def order_of_atoms(parts: Sequence[Links]) -> tuple[Array, int]:
    """Order of the atoms in the matrix of links, and the number of linked atoms at its start.

    Linked atoms come first, grouped by the network of their strongest link; all others follow by strength.
    """
    strength = np.nan_to_num(np.concatenate([part.strength for part in parts], axis=1))
    linked = np.concatenate([part.linked for part in parts], axis=1)
    n_networks = len(parts[0].networks)
    strongest = np.where(linked, strength, -1).argmax(axis=1) % n_networks
    any_link = linked.any(axis=1)
    height = np.where(any_link, np.where(linked, strength, 0).max(axis=1), strength.max(axis=1))
    group = np.where(any_link, strongest, n_networks)
    return np.lexsort([-height, group]), int(any_link.sum())


def strongest_links(parts: Sequence[Links], most: int) -> list[tuple[int, int, Links]]:
    """(atom, network, part) of the strongest link of each of the `most` most strongly linked atoms."""
    found = [
        (float(np.nan_to_num(part.strength[atom, network])), int(atom), int(network), part)
        for part in parts
        for atom, network in np.argwhere(part.linked)
    ]
    best: dict[int, tuple[int, int, Links]] = {}
    for _, atom, network, part in sorted(found, key=lambda link: -link[0]):
        best.setdefault(atom, (atom, network, part))
    return list(best.values())[:most]


def winning_networks(parts: Sequence[Links], maps: Array, cuts: Array) -> Array:
    """Per target (n_targets,) the position of the network whose linked atom is strongest there; NaN where none is.

    `maps` (n_atoms, n_targets) are compared in units of `cuts` (n_atoms,), the thresholds of their active parts.
    """
    highest = np.ones(maps.shape[1])  # below the threshold no atom counts
    winner = np.full(maps.shape[1], np.nan)
    for part in parts:
        sign = 1 if part.part == "active" else -1
        for atom, network in np.argwhere(part.linked):
            strength = sign * maps[atom] / cuts[atom]
            higher = strength > highest  # False where NaN
            highest[higher], winner[higher] = strength[higher], network
    return winner


def map_rows(atoms: Sequence[str], names: Sequence[str]) -> list[int] | None:
    """The row of each atom's map: by its name, or in order when there are as many; None when they do not match."""
    plain = [short_name(name) for name in names]
    wanted = [short_name(atom) for atom in atoms]
    if set(wanted) <= set(plain) and len(set(plain)) == len(plain):
        return [plain.index(atom) for atom in wanted]
    return list(range(len(atoms))) if len(atoms) == len(names) else None


def short_name(atom: str) -> str:
    """The number of an atom or family; a name without one is unchanged.

    >>> short_name("atom-07"), short_name("7"), short_name("late words")
    ('7', '7', 'late words')
    """
    match = re.fullmatch(r"(?i)(?:atom|family)?[\s_-]*0*(\d+)", atom)
    return match[1] if match else atom


def layer_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Share of each sub-group's neurons per layer: a row per network that has neurons, a column (int) per layer.

    `table` has a row per network and layer, with the columns network, layer and neurons.
    """
    counts = table.pivot_table(index="network", columns="layer", values="neurons", aggfunc="sum", sort=False)
    counts = counts.fillna(0).sort_index(axis=1)
    sizes = counts.sum(axis=1)
    return counts[sizes > 0].div(sizes[sizes > 0], axis=0)


def subgroup_summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per sub-group that has neurons: its size, fullest layer, and how concentrated it is in few layers."""
    shares = layer_shares(table)
    first = table.drop_duplicates("network").set_index("network").loc[shares.index]
    return pd.DataFrame(
        {
            "network": shares.index,
            "neurons": first["size"].to_numpy(),
            "fullest layer": shares.idxmax(axis=1).to_numpy(),
            "share in it": shares.max(axis=1).to_numpy(),
            "layer concentration": first["layer_concentration"].to_numpy(),
        }
    )
