"""How strongly predictions and responses correlate at the right time, and by chance: at all circular shifts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.arrays import AnyArray, require_matrix
from bids_app.encoding.device import column_batches, targets_per_batch, to_device
from bids_app.encoding.folds import Fold
from bids_app.encoding.haemodynamics import CONSTANT

_BATCH = 1024  # targets of one fold that stay in a processor's cache, and that keep it busy


def paired(predictions: npt.ArrayLike, Y: npt.ArrayLike) -> tuple[AnyArray, AnyArray]:
    """Both as arrays of one shape; ValueError else."""
    predictions = require_matrix("predictions", predictions)
    Y = require_matrix("Y", Y, predictions.shape[0])
    if predictions.shape != Y.shape:
        raise ValueError(f"predictions have shape {predictions.shape} and Y {Y.shape}; they must be the same.")
    return predictions, Y


def fold_batches(folds: Sequence[Fold], n_targets: int, device: torch.device, mem_mb: float | None) -> list[slice]:
    """Batches of targets that fit with all that is made of one fold."""
    longest = max(len(test) for _, test in folds)
    size = targets_per_batch(4 * 8 * longest, n_targets, mem_mb)
    return column_batches(n_targets, min(size, _BATCH) if device.type == "cpu" else size)


class Shifts:
    """Correlations of two series of n volumes at all n circular shifts, as sums over their spectra.

    By Parseval's theorem the sum of their squares needs no correlation by itself. The spectra are matrix products: at
    the length of a test part these are faster than FFTs of many short columns.
    """

    def __init__(self, n_volumes: int, device: torch.device) -> None:
        """Cosines and sines of each frequency but 0 (2, n_frequencies, n_volumes), weighted as the sum needs them."""
        frequency = np.arange(1, n_volumes // 2 + 1)[:, None]
        angle = 2 * np.pi * (frequency * np.arange(n_volumes) % n_volumes) / n_volumes
        # All frequencies but the highest of an even n occur twice; the weight is shared by four factors.
        weight = (np.where(2 * frequency == n_volumes, 1, 2) / n_volumes) ** 0.25
        self._n_volumes = n_volumes
        self._waves = to_device(weight * np.stack([np.cos(angle), np.sin(angle)]), device)

    def __call__(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Correlation unshifted, and the mean square of those at the other shifts, (V,) float64 each.

        a and b are (n_volumes, V), from `unit_norm` or differences of such.
        """
        score = (a * b).sum(dim=0, dtype=torch.float64)
        squares = (self._power(a) * self._power(b)).sum(dim=0, dtype=torch.float64)
        return score, ((squares - score.square()) / (self._n_volumes - 1)).clamp(min=0)

    def _power(self, x: torch.Tensor) -> torch.Tensor:
        """Weighted power spectrum (n_frequencies, V)."""
        return (self._waves @ x).square().sum(dim=0)


def unit_norm(x: torch.Tensor) -> torch.Tensor:
    """Columns (n, V) with mean 0 and length 1; what is constant becomes 0."""
    mean = x.mean(dim=0)
    centred = x - mean
    centred -= centred.mean(dim=0)  # what the rounding of a large mean has left
    norm = centred.square().sum(dim=0).sqrt()
    varies = norm > CONSTANT * len(x) ** 0.5 * mean.abs()
    return centred * torch.where(varies & (norm > 0), 1 / norm, 0)
