"""Sets of neurons to lesion: the strongest of a sub-group, controls that match it, and units of extreme activation."""

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

N_DECILES = 10
OUTLIER = 100.0  # times the median |activation| of a layer
MOST_SHARED = 0.5  # expected share of its units that a matched draw may have in common with the set


def strongest_neurons(links: pd.DataFrame, members: pd.DataFrame, left_out: npt.ArrayLike = ()) -> dict[str, Ints]:
    """Neurons of each network's sub-group, by falling |loading| (ties: by number); networks without one are absent.

    Parameters
    ----------
    links : columns network, atom, linked; a row per candidate
    members : see `networks.subgroups.members`; of a neuron of several atoms, the strongest loading counts
    left_out : neurons that are in no set
    """
    linked = links.loc[links["linked"], ["network", "atom"]].drop_duplicates()
    kept = members[~members["neuron"].isin(np.asarray(left_out, dtype=np.int64))]
    pairs = linked.merge(kept.assign(strength=kept["loading"].abs()), on="atom")
    grouped = pairs.groupby(["network", "neuron"], as_index=False)
    ordered = grouped.agg(strength=("strength", "max")).sort_values(
        ["strength", "neuron"], ascending=[False, True], kind="stable"
    )
    names = [name for name in links["network"].unique() if (ordered["network"] == name).any()]
    return {str(name): ordered.loc[ordered["network"] == name, "neuron"].to_numpy(dtype=np.int64) for name in names}


def size_of(dose: float, n_neurons: int) -> int:
    """Neurons of a dose in per cent of all neurons, rounded; 0 for a dose below half a neuron."""
    return round(dose / 100 * n_neurons)


def outliers(activity: npt.ArrayLike, layer_of: Ints) -> tuple[Ints, Doubles]:
    """Neurons whose mean |activation| exceeds 100 times the median of their layer, and that ratio of every neuron.

    `activity` (n_neurons,), mean |activation| of each neuron over a text.
    """
    values = np.asarray(activity, dtype=np.float64)
    ratio = np.zeros(len(values))
    for layer in np.unique(layer_of):
        inside = layer_of == layer
        median = np.median(values[inside])
        ratio[inside] = np.divide(values[inside], median, out=np.full(inside.sum(), np.inf), where=median > 0)
        if median == 0:
            ratio[inside & (values == 0)] = 0.0
    return np.flatnonzero(ratio > OUTLIER), ratio


def cells_of(activity: npt.ArrayLike, layer_of: Ints) -> Ints:
    """Layer and decile of mean |activation| within it of each neuron, as one number (n_neurons,)."""
    values = np.asarray(activity, dtype=np.float64)
    cells = np.empty(len(values), dtype=np.int64)
    for layer in np.unique(layer_of):
        inside = np.flatnonzero(layer_of == layer)
        rank = np.argsort(np.argsort(values[inside], kind="stable"), kind="stable")
        cells[inside] = layer * N_DECILES + rank * N_DECILES // len(inside)
    return cells


def expected_share(chosen: Ints, cells: Ints) -> float:
    """Share of its units that a set has in common, on average, with a draw of as many from each cell."""
    in_cell, of_all = (np.bincount(cells[rows], minlength=int(cells.max()) + 1) for rows in (chosen, slice(None)))
    there = in_cell > 0
    return float((in_cell[there] ** 2 / of_all[there]).sum() / len(chosen))


def matched_draw(chosen: Ints, cells: Ints, random: np.random.Generator) -> Ints:
    """A random set with as many neurons from each cell as `chosen`, ascending.

    It is drawn from all neurons of a cell, those of the set included: if the set is a random one, it and its draws are
    exchangeable.
    """
    drawn = []
    for cell, count in zip(*np.unique(cells[chosen], return_counts=True), strict=True):
        drawn.append(random.choice(np.flatnonzero(cells == cell), size=int(count), replace=False))
    return np.sort(np.concatenate(drawn)).astype(np.int64)
