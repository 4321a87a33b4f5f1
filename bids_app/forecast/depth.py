"""The depth of the model at which the forecast score peaks."""

import numpy as np
import numpy.typing as npt

from bids_app.forecast.distance import best_distance, group_distance
from bids_app.stats.arrays import Doubles, Floats


def best_layer(gains: npt.ArrayLike) -> Floats:
    """First layer (from 1) with the largest gain, (V,); NaN if no gain is finite or all are equal.

    Parameters
    ----------
    gains : array of shape (n_layers, V), F of each layer at one distance

    >>> best_layer([[0.1, np.nan], [0.3, np.nan]]).tolist()
    [2.0, nan]
    """
    return best_distance(gains, _numbers(np.shape(gains)[:1]))


def group_layer(gains: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Layer at which the mean curve of the participants peaks, and the mean of their individual layers, (V,) each.

    Participants with a value in every layer are included; NaN if there are none.

    Parameters
    ----------
    gains : array of shape (n_participants, n_layers, V)
    """
    return group_distance(gains, _numbers(np.shape(gains)[1:2]))


def fraction_of_depth(layers: npt.ArrayLike, n_layers: int) -> Doubles:
    """Layers, counted from 1, as fractions of the depth, for comparison of models of different size.

    >>> fraction_of_depth([1, 6, 12], 12).tolist()
    [0.08333333333333333, 0.5, 1.0]
    """
    if n_layers < 1:
        raise ValueError(f"n_layers={n_layers}; a model has at least 1 layer.")
    return np.asarray(layers, dtype=np.float64) / n_layers


def _numbers(length: tuple[int, ...]) -> range:
    return range(1, 1 + sum(length))
