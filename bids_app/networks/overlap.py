"""Parts of a map and their overlap with networks."""

import numpy as np
from numpy.typing import NDArray


def spatial_z(maps: NDArray[np.floating]) -> NDArray[np.float32]:
    """z-score of each map across its targets: maps (n_maps, n_targets), NaN left out; a constant map becomes 0."""
    maps = np.asarray(maps, dtype=np.float64)
    finite = np.isfinite(maps)
    counts = np.maximum(finite.sum(axis=1, keepdims=True), 1)
    centred = maps - np.where(finite, maps, 0).sum(axis=1, keepdims=True) / counts
    spread = np.sqrt((np.where(finite, centred, 0) ** 2).sum(axis=1, keepdims=True) / counts)
    # rounding leaves a spread of about 1e-16 of the values in a constant map
    largest = np.abs(np.where(finite, maps, 0)).max(axis=1, keepdims=True, initial=0)
    varies = spread > 1e-12 * largest
    return np.where(varies, centred / np.where(varies, spread, 1), np.where(finite, 0, np.nan)).astype(np.float32)


def parts(
    maps: NDArray[np.floating],
    threshold: float = 2.3,
    top_percent: float | None = None,
    signs: NDArray[np.floating] | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The active and the deactive part of each map.

    Targets above the threshold are active, those below its negative deactive; with `top_percent`, this percentage of
    a map's finite targets, the highest if positive and the lowest if negative. NaN is in neither.

    Parameters
    ----------
    maps : array of shape (n_maps, n_targets), usually from `spatial_z`
    threshold : positive number
    top_percent : above 0, at most 50; replaces the threshold
    signs : array of shape (n_maps, n_targets): only where these are positive can a target be active, only where they
        are negative deactive. Give the maps whose z-scores `maps` are: a weak positive value is far below the mean
        of a map of strong ones, but not deactive.

    Returns
    -------
    active, deactive : boolean arrays of shape (n_maps, n_targets)
    """
    maps = np.asarray(maps)
    signs = maps if signs is None else np.asarray(signs)
    if top_percent is None:
        if not threshold > 0:
            raise ValueError(f"The threshold is {threshold}; it must be above 0.")
        high, low = maps > threshold, maps < -threshold
    else:
        if not 0 < top_percent <= 50:
            raise ValueError(f"top_percent is {top_percent}; it must be above 0 and at most 50.")
        high, low = _highest(maps, top_percent), _highest(-maps, top_percent)
    return high & (signs > 0), low & (signs < 0)


def _highest(maps: NDArray[np.floating], percent: float) -> NDArray[np.bool_]:
    """The highest `percent` % of each map's finite targets; ties at the border are all included."""
    if maps.shape[0] == 0:
        return np.zeros(maps.shape, dtype=bool)
    ranked = -np.sort(np.where(np.isfinite(maps), -maps, np.inf), axis=1)  # highest first, NaN last
    last = np.maximum(np.round(np.isfinite(maps).sum(axis=1) * percent / 100).astype(int), 1) - 1
    return np.asarray(maps >= np.take_along_axis(ranked, last[:, None], axis=1))


def dice(parts: NDArray[np.bool_], labels: NDArray[np.integer], n_networks: int) -> NDArray[np.float64]:
    """Dice overlap 2|A∩B| / (|A|+|B|) of each part A with each network B.

    Parameters
    ----------
    parts : boolean array of shape (n_parts, n_targets)
    labels : array of shape (n_targets,), 1 … n_networks, 0 for no network

    Returns
    -------
    array of shape (n_parts, n_networks); 0 where part and network are both empty
    """
    members = labels == np.arange(1, n_networks + 1)[:, None]  # (n_networks, n_targets)
    common = parts.astype(np.float32) @ members.astype(np.float32).T  # whole numbers below 2²⁴: exact
    return dice_of_counts(common, parts.sum(axis=1), members.sum(axis=1))


def dice_of_counts(
    common: NDArray[np.floating] | NDArray[np.integer],
    part_sizes: NDArray[np.integer],
    network_sizes: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Dice from counts: common (n_parts, n_networks), part_sizes (n_parts,), network_sizes (n_networks,)."""
    total = part_sizes[:, None].astype(np.float64) + network_sizes
    return np.asarray(2 * common / np.where(total > 0, total, 1), dtype=np.float64)
