"""Which atom's map lies on which network: parts, overlap, test and links of a set of maps."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bids_app.networks.overlap import dice, parts, spatial_z
from bids_app.networks.spins import Spins, relabelling_test, spin_test
from bids_app.networks.surfaces import labels_to_fsaverage5, to_fsaverage5
from bids_app.stats.fdr import fdr

__all__ = [
    "PARTS",
    "correspond",
    "dice",
    "labels_to_fsaverage5",
    "link",
    "parts",
    "relabelling_test",
    "spatial_z",
    "spin_test",
    "to_fsaverage5",
]

PARTS = ("active", "deactive")


def link(
    p: Mapping[str, NDArray[np.floating]],
    overlap: Mapping[str, NDArray[np.floating]],
    network_names: Sequence[str],
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Links of atoms with networks: q from p by Benjamini–Hochberg over atoms × networks, separately for each part.

    With n spins no p is below 1 / (n + 1), so with m = atoms × networks at least m / (alpha (n + 1)) of them must be
    that small before any is linked: 9 of 64 × 7 with 1,000 spins, 1 with 10,000.

    Parameters
    ----------
    p, overlap : for each of the parts "active" and "deactive", p and Dice, arrays of shape (n_atoms, n_networks)
    network_names : n_networks names
    alpha : an atom is linked to a network where q is below this

    Returns
    -------
    table with the columns atom (from 0), network, part, dice, p, q, linked; by part, atom, network
    """
    tables = []
    for part, values in p.items():
        n_atoms, n_networks = values.shape
        columns = {
            "atom": np.repeat(np.arange(n_atoms), n_networks),
            "network": np.tile(np.asarray(network_names, dtype=object), n_atoms),
            "part": part,
            "dice": np.ravel(overlap[part]),
            "p": np.ravel(values),
            "q": np.ravel(fdr(values)),
        }
        tables.append(pd.DataFrame(columns).assign(linked=lambda table: table["q"] < alpha))
    return pd.concat(tables, ignore_index=True)


def correspond(
    maps: NDArray[np.floating],
    labels: NDArray[np.integer],
    network_names: Sequence[str],
    *,
    spins: Spins | None,
    threshold: float = 2.3,
    top_percent: float | None = None,
    n_permutations: int = 1000,
    seed: int = 0,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """All steps from maps to links: z-scores, parts, Dice, p, q.

    Parameters
    ----------
    maps : array of shape (n_atoms, n_targets), the coefficients of each atom, NaN where there are no data; on both
        hemispheres of fsaverage5 (`to_fsaverage5`), or one column per region
    labels : array of shape (n_targets,), 1 … in the order of `network_names`, 0 for no network
    spins : rotations for maps on fsaverage5; None for regions, whose networks are permuted `n_permutations` times
    threshold, top_percent : see `parts`
    alpha : see `link`

    Returns
    -------
    the table of `link`; Dice is that of the targets given here
    """
    valid = np.isfinite(maps).all(axis=0)
    labels = np.where(valid, labels, 0)
    both = _both_parts(maps, valid, threshold, top_percent)
    overlap = dice(both, labels, len(network_names))
    if spins is None:
        p = relabelling_test(both, labels, len(network_names), n_permutations, seed, valid=valid)
    else:
        p = spin_test(both, labels, len(network_names), valid=valid, spins=spins)
    return link(_by_part(p), _by_part(overlap), network_names, alpha)


def part_overlaps(
    maps: NDArray[np.floating],
    labels: NDArray[np.integer],
    n_networks: int,
    threshold: float = 2.3,
    top_percent: float | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Dice of the active and the deactive part of each map with each network, (n_maps, n_networks) each.

    Parameters as in `correspond`.
    """
    valid = np.isfinite(maps).all(axis=0)
    both = _both_parts(maps, valid, threshold, top_percent)
    return _by_part(dice(both, np.where(valid, labels, 0), n_networks))


def _both_parts(
    maps: NDArray[np.floating], valid: NDArray[np.bool_], threshold: float, top_percent: float | None
) -> NDArray[np.bool_]:
    """Active, then deactive parts, (2 n_maps, n_targets), so that each draw is made once for both."""
    z = spatial_z(np.where(valid, maps, np.nan))
    return np.concatenate(parts(z, threshold, top_percent, signs=maps))


def _by_part(values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return dict(zip(PARTS, np.split(values, 2), strict=True))
