"""The pieces of networks, so that responses of both signs inside a network do not cancel in its mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Doubles, Ints
from bids_app.stats.standardise import zscore

MOST_PIECES = 36  # of one network
STRIDE = 1000  # the pieces of network n are numbered from 1000 n


@dataclass(frozen=True)
class NetworkSeries:
    """Mean responses of the pieces of networks.

    Attributes
    ----------
    series : array of shape (n_volumes, n_pieces), z-scored
    number : array of shape (n_pieces,), the same for all participants: `STRIDE` times the network, plus the piece in it
    n_networks : of the atlas; some may have no piece
    """

    series: Doubles
    number: Ints
    n_networks: int

    @property
    def network(self) -> Ints:
        """The network that each is a piece of, from 0."""
        return self.number // STRIDE

    def of(self, network: int) -> Ints:
        """The columns of one network's pieces."""
        return np.flatnonzero(self.network == network)

    @property
    def present(self) -> list[int]:
        """Networks with a piece that varies: what is constant says nothing."""
        return [int(network) for network in np.unique(self.network[self.series.any(axis=0)])]


def network_series(
    Y: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], pieces: npt.NDArray[np.integer], n_networks: int
) -> NetworkSeries:
    """Mean over the targets of each piece.

    Parameters
    ----------
    Y : array of shape (n_volumes, n_targets), z-scored
    labels : array of shape (n_targets,), 1 … n_networks, 0 for no network
    pieces : array of shape (n_targets,), number of each target's piece, see `NetworkSeries.number`
    """
    inside = np.flatnonzero(labels > 0)
    numbers, position = np.unique(pieces[inside], return_inverse=True)
    size = np.bincount(position, minlength=len(numbers))
    means = np.array([np.bincount(position, volume[inside], len(numbers)) / size for volume in Y])
    return NetworkSeries(zscore(means.reshape(len(Y), -1)).astype(np.float64), numbers.astype(np.int64), n_networks)


def consecutive_pieces(labels: npt.NDArray[np.integer], most: int = MOST_PIECES) -> Ints:
    """At most so many pieces of each network, of targets that follow each other, (n_targets,): for targets in no space.

    Regions of an atlas are listed with their neighbours, as a rule.

    >>> consecutive_pieces(np.array([1, 1, 2, 1, 0]), most=2).tolist()
    [0, 0, 1000, 1, -1]
    """
    pieces = np.full(len(labels), -1)
    for network in np.unique(labels[labels > 0]):
        members = np.flatnonzero(labels == network)
        n_pieces = min(most, len(members))
        pieces[members] = (network - 1) * STRIDE + np.arange(len(members)) * n_pieces // len(members)
    return pieces
