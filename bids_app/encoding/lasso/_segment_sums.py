"""Moments of many overlapping training sets from the sums over the segments they share."""

from collections.abc import Sequence

import numpy as np
import torch

from bids_app.stats.arrays import Ints


class SegmentSums:
    """Rows are divided into segments that every training set contains completely or not at all.

    Each product is computed once per segment; a training set adds up its segments. X (n, K) and Y (n, V) are tensors
    with columns centred over all rows, which keeps the sums small; means of the training set are subtracted exactly.
    """

    def __init__(self, X: torch.Tensor, Y: torch.Tensor, training_sets: Sequence[Ints]):
        """Sum over each segment: XᵀX and the counts in float64, XᵀY in float32."""
        member = np.zeros((len(training_sets), X.shape[0]), dtype=bool)
        for row, train in enumerate(training_sets):
            member[row, train] = True
        patterns, segment = np.unique(member, axis=1, return_inverse=True)
        self._segments_of_set = [np.flatnonzero(row) for row in patterns]
        rows = [
            torch.as_tensor(np.flatnonzero(segment.ravel() == s), device=X.device) for s in range(patterns.shape[1])
        ]
        self._count = [len(r) for r in rows]
        self._x = [X[r].sum(dim=0, dtype=torch.float64) for r in rows]
        self._y = [Y[r].sum(dim=0, dtype=torch.float64) for r in rows]
        self._gram = [X[r].double().T @ X[r].double() for r in rows]
        self._cross = [X[r].T @ Y[r] for r in rows]

    def moments(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Centred XᵀX (K, K) and XᵀY (K, V), and the means (K,) and (V,), over one training set, in float32."""
        chosen = self._segments_of_set[index]
        n = sum(self._count[s] for s in chosen)
        x_mean = torch.stack([self._x[s] for s in chosen]).sum(dim=0) / n
        y_mean = torch.stack([self._y[s] for s in chosen]).sum(dim=0) / n
        gram = torch.stack([self._gram[s] for s in chosen]).sum(dim=0) - n * torch.outer(x_mean, x_mean)
        cross = torch.outer((-n * x_mean).float(), y_mean.float())
        for s in chosen:
            cross += self._cross[s]
        return gram.float(), cross, x_mean.float(), y_mean.float()
