"""Organisation of a model: how its atoms are spread over networks, and its sub-groups over layers."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def involvement(links: pd.DataFrame) -> pd.DataFrame:
    """For each network, the number of atoms linked to it with their active and with their deactive part.

    Parameters
    ----------
    links : table of `correspondence.link`

    Returns
    -------
    table with the columns network, active, deactive; one row per network, in the order of `links`
    """
    counts = links.pivot_table(index="network", columns="part", values="linked", aggfunc="sum", sort=False)
    counts = counts.reindex(columns=["active", "deactive"], fill_value=0).astype(np.int64)
    return counts.rename_axis(columns=None).reset_index()


def involvement_entropy(counts: NDArray[np.number]) -> float:
    """Diversity of networks: −Σ s log₂ s in bits, s the share of each network in all links; NaN without links.

    Parameters
    ----------
    counts : array of shape (n_networks,), such as active + deactive of `involvement`
    """
    total = counts.sum()
    return _entropy(counts / total) / np.log(2) if total > 0 else float("nan")


def atom_diversity(atoms: NDArray[np.floating]) -> float:
    """1 − mean |r| over all pairs of atoms: atoms (n_volumes, n_atoms); NaN for fewer than two."""
    strength = _correlation_strength(atoms)
    n_atoms = len(strength)
    if n_atoms < 2:
        return float("nan")
    return float(1 - strength.sum() / (n_atoms * (n_atoms - 1)))


def consistency(atoms: NDArray[np.floating], links: pd.DataFrame, n_draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Mean |r| among the atoms linked to the same network, compared with as many atoms drawn at random.

    The mean depends on the number of atoms, so each network has a separate null: n_draws sets of as many distinct
    atoms, drawn from all; p = (b + 1) / (n_draws + 1), where b sets are at least as consistent.

    Parameters
    ----------
    atoms : array of shape (n_volumes, n_atoms), time courses
    links : table of `correspondence.link`; both parts count

    Returns
    -------
    table with the columns network, atoms (how many), consistency, null_mean, null_low, null_high (2.5th and 97.5th
    percentile), p; NaN for networks with fewer than two atoms
    """
    strength = _correlation_strength(atoms)
    rng = np.random.default_rng(seed)
    order = rng.permuted(np.tile(np.arange(len(strength)), (n_draws, 1)), axis=1)  # (n_draws, n_atoms)
    rows = []
    for network, table in links.groupby("network", sort=False):
        linked = np.unique(table.loc[table["linked"], "atom"].to_numpy(dtype=np.int64))
        row = {"network": network, "atoms": len(linked)}
        rows.append(row | (_against_null(strength, linked, order) if len(linked) > 1 else {}))
    columns = ["network", "atoms", "consistency", "null_mean", "null_low", "null_high", "p"]
    return pd.DataFrame(rows).reindex(columns=columns)


def _against_null(
    strength: NDArray[np.float64], linked: NDArray[np.int64], order: NDArray[np.int64]
) -> dict[str, float]:
    observed = _mean_within(strength, linked[None])[0]
    null = _mean_within(strength, order[:, : len(linked)])
    low, high = np.percentile(null, [2.5, 97.5])
    # a set in another order may differ by rounding
    reached = int((null >= observed - 1e-12).sum())
    return {
        "consistency": float(observed),
        "null_mean": float(null.mean()),
        "null_low": float(low),
        "null_high": float(high),
        "p": (reached + 1) / (len(null) + 1),
    }


def _mean_within(strength: NDArray[np.float64], sets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean over the pairs of each set: sets (n_sets, size) → (n_sets,)."""
    inside = np.zeros((len(sets), len(strength)))
    np.put_along_axis(inside, sets, 1, axis=1)
    size = sets.shape[1]
    return np.asarray(np.einsum("sk,sk->s", inside @ strength, inside) / (size * (size - 1)))


def _correlation_strength(atoms: NDArray[np.floating]) -> NDArray[np.float64]:
    """|r| between atoms, (n_atoms, n_atoms), zero on the diagonal and for a constant atom."""
    centred = np.asarray(atoms, dtype=np.float64) - np.mean(atoms, axis=0, dtype=np.float64)
    norms = np.linalg.norm(centred, axis=0)
    scaled = centred / np.where(norms > 0, norms, 1)
    strength = np.abs(scaled.T @ scaled)
    np.fill_diagonal(strength, 0)
    return np.asarray(strength)


def link_table(links: pd.DataFrame) -> pd.DataFrame:
    """Atom × network table of the links, summed over parts: probability (of published links Dice); 0 without a link."""
    strength = links["probability" if "probability" in links else "dice"]
    weights = links.assign(weight=strength.where(links["linked"], 0.0))
    return weights.pivot_table(index="atom", columns="network", values="weight", aggfunc="sum", sort=False)


def gini(values: NDArray[np.floating]) -> float:
    """Gini index of numbers ≥ 0, G = Σ (2i − n − 1) x_i / (n Σ x) with x in ascending order; NaN if all are zero.

    0 if all are equal, 1 − 1/n if one has everything. For zeros and ones, it is the share of zeros.

    >>> gini(np.array([1, 1, 1])), gini(np.array([0, 0, 0, 5]))
    (0.0, 0.75)
    """
    ordered = np.sort(np.ravel(values).astype(np.float64))
    total, n = ordered.sum(), ordered.size
    if total <= 0:
        return float("nan")
    return float(((2 * np.arange(1, n + 1) - n - 1) * ordered).sum() / (n * total))


def compactness(links: pd.DataFrame) -> float:
    """Gini index over all cells of `link_table`: the nearer to 1, the fewer atoms and networks share the overlap."""
    return gini(link_table(links).to_numpy(dtype=np.float64))


def layer_concentration(histogram: NDArray[np.integer]) -> NDArray[np.float64]:
    """1 − H / log n_layers, H the entropy of each sub-group's layers: 0 spread evenly, 1 all in one layer.

    Parameters
    ----------
    histogram : array of shape (n_groups, n_layers), see `subgroups.layer_histogram`

    Returns
    -------
    array of shape (n_groups,), NaN for an empty group and for a model of one layer
    """
    n_groups, n_layers = histogram.shape
    size = histogram.sum(axis=1)
    concentration = np.full(n_groups, np.nan)
    for group in np.flatnonzero(size) if n_layers > 1 else ():
        concentration[group] = 1 - _entropy(histogram[group] / size[group]) / np.log(n_layers)
    return concentration


def _entropy(shares: NDArray[np.floating]) -> float:
    some = shares[shares > 0]
    return float(abs((some * np.log(some)).sum()))  # abs: not −0.0
