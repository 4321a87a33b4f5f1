"""Moments of many overlapping sets of rows from the sums over the segments they share."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from bids_app.stats.arrays import Ints


class Moments(NamedTuple):
    """Means over one set of rows of products of deviations from given values, in float32."""

    gram: torch.Tensor  # (K, K), X with X
    cross: torch.Tensor  # (K, V), X with Y
    square: torch.Tensor  # (V,), Y with itself


class SegmentSums:
    """Rows are divided into segments that every set contains completely or not at all.

    Each product is computed once per segment; a set adds up its segments. X (n, K) and Y (n, V) are tensors with
    columns centred over all rows, which keeps the sums small; means of a set are subtracted exactly.
    """

    def __init__(self, X: torch.Tensor, Y: torch.Tensor, sets: Sequence[Ints]):
        """Sum over each segment: XᵀX, yᵀy, X, Y and the counts in float64, XᵀY in float32."""
        member = np.zeros((len(sets), X.shape[0]), dtype=bool)
        for row, of_set in enumerate(sets):
            member[row, of_set] = True
        patterns, segment = np.unique(member, axis=1, return_inverse=True)
        self._segments_of_set = [np.flatnonzero(row) for row in patterns]
        self._count: list[int] = []
        self._x, self._y, self._gram, self._square, self._cross = ([] for _ in range(5))
        for number in range(patterns.shape[1]):
            rows = torch.as_tensor(np.flatnonzero(segment.ravel() == number), device=X.device)
            x, y = X[rows], Y[rows]
            self._count.append(len(rows))
            self._x.append(x.sum(dim=0, dtype=torch.float64))
            self._y.append(y.sum(dim=0, dtype=torch.float64))
            self._gram.append(x.double().T @ x.double())
            self._cross.append(_product(x, y))
            self._square.append(y.square_().sum(dim=0, dtype=torch.float64))

    def moments(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Centred XᵀX (K, K) and XᵀY (K, V), and the means (K,) and (V,), over one set, in float32."""
        n, x_mean, y_mean = self._means(index)
        gram = self._sum(self._gram, index) - n * torch.outer(x_mean, x_mean)
        cross = _outer(-n * x_mean, y_mean)
        for s in self._segments_of_set[index]:
            cross += self._cross[s]
        return gram.float(), cross, x_mean.float(), y_mean.float()

    def moments_about(self, index: int, x: torch.Tensor, y: torch.Tensor) -> Moments:
        """Means over one set of the products of deviations from x (K,) and y (V,)."""
        n, x_mean, y_mean = self._means(index)
        x, y = x.double(), y.double()
        gram = self._sum(self._gram, index) / n - torch.outer(x_mean, x) - torch.outer(x, x_mean - x)
        cross = _outer(n * (x - x_mean), y) - _outer(n * x, y_mean)
        for s in self._segments_of_set[index]:
            cross += self._cross[s]
        square = self._sum(self._square, index) / n - y * (2 * y_mean - y)
        return Moments(gram.float(), cross.div_(n), square.float())

    def _means(self, index: int) -> tuple[int, torch.Tensor, torch.Tensor]:
        """Count of rows, and means of X and Y, of one set."""
        n = sum(self._count[s] for s in self._segments_of_set[index])
        return n, self._sum(self._x, index) / n, self._sum(self._y, index) / n

    def _sum(self, parts: list[torch.Tensor], index: int) -> torch.Tensor:
        return torch.stack([parts[s] for s in self._segments_of_set[index]]).sum(dim=0)


def _product(X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    """XᵀY, (K, V); on the CPU, where targets are solved one by one, the numbers of each lie side by side."""
    return (Y.T @ X).T if X.device.type == "cpu" else X.T @ Y


def _outer(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The outer product (K, V) in float32, laid out as `_product`."""
    x, y = x.float(), y.float()
    return torch.outer(y, x).T if x.device.type == "cpu" else torch.outer(x, y)
