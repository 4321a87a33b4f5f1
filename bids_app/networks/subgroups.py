"""Sub-groups of artificial neurons: of an atom, and of a network."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def members(
    loadings: NDArray[np.floating],
    layer_of: NDArray[np.integer],
    unit_of: NDArray[np.integer],
    top_percent: float = 5,
) -> pd.DataFrame:
    """The sub-group of each atom: the neurons in the top per cent of |loading| among all neurons, without zeros.

    Parameters
    ----------
    loadings : array of shape (n_atoms, n_neurons)
    layer_of, unit_of : arrays of shape (n_neurons,), the layer of each neuron and its index in the layer
    top_percent : above 0, at most 100; percentage of n_neurons, rounded, at least one neuron. Ties at the border are
        included

    Returns
    -------
    table with the columns atom, neuron, layer, unit, loading; atoms and neurons from 0, by atom, then neuron
    """
    if not 0 < top_percent <= 100:
        raise ValueError(f"top_percent is {top_percent}; it must be above 0 and at most 100.")
    n_neurons = loadings.shape[1]
    if len(layer_of) != n_neurons or len(unit_of) != n_neurons:
        raise ValueError(f"{len(layer_of)} layers and {len(unit_of)} units are given for {n_neurons} neurons.")
    wanted = max(round(n_neurons * top_percent / 100), 1)
    strongest = [_strongest(np.abs(row), wanted) for row in loadings]  # atom by atom, to avoid a copy of all loadings
    atom = np.repeat(np.arange(len(strongest)), [len(neurons) for neurons in strongest])
    neuron = np.concatenate([np.empty(0, dtype=np.int64), *strongest])
    columns = {"atom": atom, "neuron": neuron, "layer": layer_of[neuron], "unit": unit_of[neuron]}
    return pd.DataFrame(columns | {"loading": loadings[atom, neuron]})


def _strongest(strength: NDArray[np.floating], wanted: int) -> NDArray[np.int64]:
    weakest = np.partition(strength, len(strength) - wanted)[len(strength) - wanted]
    return np.flatnonzero((strength >= weakest) & (strength > 0))


def of_networks(links: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """The sub-group of each network: the union of the sub-groups of the atoms linked to it, by either part.

    Parameters
    ----------
    links : table of `correspondence.link`
    members : table of `members`

    Returns
    -------
    table with the columns network, neuron, layer, unit, atoms (how many linked atoms it belongs to), loading (mean
    over these); only networks with a linked atom, in the order of `links`
    """
    linked = links.loc[links["linked"], ["network", "atom"]].drop_duplicates()
    pairs = linked.merge(members, on="atom")
    groups = pairs.groupby(["network", "neuron", "layer", "unit"], sort=True, as_index=False)
    table = groups.agg(atoms=("atom", "size"), loading=("loading", "mean"))
    rank = {network: position for position, network in enumerate(links["network"].unique())}
    return table.sort_values("network", key=lambda names: names.map(rank), kind="stable", ignore_index=True)


def layer_histogram(groups: pd.DataFrame, by: str, names: list[str] | list[int], n_layers: int) -> NDArray[np.int64]:
    """Neurons per layer of each sub-group, (n_groups, n_layers).

    Parameters
    ----------
    groups : table of `members` or `of_networks`
    by : "atom" or "network"
    names : the atoms or networks, in the order of the rows; those without neurons get zeros
    n_layers : layers of the model; `groups["layer"]` counts from 0
    """
    position = groups[by].map({name: row for row, name in enumerate(names)})
    known = position.notna()
    cells = position[known].astype(np.int64) * n_layers + groups.loc[known, "layer"]
    return np.bincount(cells.to_numpy(dtype=np.int64), minlength=len(names) * n_layers).reshape(len(names), n_layers)


def summary(groups: pd.DataFrame, by: str, names: list[str] | list[int], n_layers: int) -> pd.DataFrame:
    """Size, layers and mean loading of each sub-group, one row per group and layer.

    Parameters as in `layer_histogram`.

    Returns
    -------
    table with the columns `by`, layer, neurons, share (of the group's neurons), mean_loading and
    mean_absolute_loading (of the neurons of that layer, NaN without any), size (neurons of the group)
    """
    index = pd.MultiIndex.from_product([names, range(n_layers)], names=[by, "layer"])
    grouped = groups.assign(strength=groups["loading"].abs()).groupby([by, "layer"])
    means = grouped[["loading", "strength"]].mean().reindex(index)
    histogram = layer_histogram(groups, by, names, n_layers)
    size = histogram.sum(axis=1, keepdims=True)
    table = index.to_frame(index=False)
    table["neurons"] = histogram.ravel()
    table["share"] = (histogram / np.maximum(size, 1)).ravel()
    table["mean_loading"] = means["loading"].to_numpy()
    table["mean_absolute_loading"] = means["strength"].to_numpy()
    table["size"] = np.repeat(size, n_layers)
    return table
