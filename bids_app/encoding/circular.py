"""Correlations of predictions and responses at every circular shift within a fold."""

from collections.abc import Sequence

import numpy.typing as npt
import torch

from bids_app.encoding.arrays import AnyArray, require_matrix
from bids_app.encoding.device import column_batches, targets_per_batch, to_device
from bids_app.encoding.folds import Fold


def paired(predictions: npt.ArrayLike, Y: npt.ArrayLike) -> tuple[AnyArray, AnyArray]:
    """Both as arrays of one shape; ValueError else."""
    predictions = require_matrix("predictions", predictions)
    Y = require_matrix("Y", Y, predictions.shape[0])
    if predictions.shape != Y.shape:
        raise ValueError(f"predictions have shape {predictions.shape} and Y {Y.shape}; they must be the same.")
    return predictions, Y


def fold_batches(folds: Sequence[Fold], n_targets: int, device: torch.device, mem_mb: float | None) -> list[slice]:
    """Batches of targets whose correlations at all shifts of all folds fit."""
    longest = max(len(test) for _, test in folds)
    bytes_per_target = 4 * (len(folds) * longest + 6 * longest)
    in_cache = 4 * longest if device.type == "cpu" else None
    return column_batches(n_targets, targets_per_batch(bytes_per_target, n_targets, mem_mb, in_cache))


def fold_correlations(
    predictions: AnyArray, Y: AnyArray, folds: Sequence[Fold], device: torch.device
) -> list[torch.Tensor]:
    """Each fold's share of the statistic at every shift, (n_test, V) per fold."""
    return [
        circular_correlations(to_device(predictions[test], device), to_device(Y[test], device)) / len(folds)
        for _, test in folds
    ]


def circular_correlations(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Pearson r of b with a shifted later by 0, 1, ... volumes, (n, V), from two (n, V) blocks, by FFT."""
    spectrum = torch.fft.rfft(_unit_norm(b), dim=0)
    spectrum *= torch.fft.rfft(_unit_norm(a), dim=0).conj()
    correlations: torch.Tensor = torch.fft.irfft(spectrum, n=a.shape[0], dim=0)
    return correlations


def _unit_norm(x: torch.Tensor) -> torch.Tensor:
    mean = x.mean(dim=0)
    centred = x - mean
    norm = torch.linalg.vector_norm(centred, dim=0)
    varies = norm > 1e-6 * len(x) ** 0.5 * mean.abs()
    return centred * torch.where(varies & (norm > 0), 1 / norm, 0)
