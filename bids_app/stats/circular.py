"""Correlation of predictions and responses, unshifted and at all circular shifts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from bids_app.stats.arrays import AnyArray, Doubles, Fold, Ints, require_matrix
from bids_app.stats.copies import NONE, Copies
from bids_app.stats.device import column_batches, targets_per_batch, to_device
from bids_app.stats.standardise import CONSTANT

_BATCH = 1024  # targets of one fold that fit into the cache and use all threads


def paired(predictions: npt.ArrayLike, Y: npt.ArrayLike) -> tuple[AnyArray, AnyArray]:
    """Both as arrays of the same shape; ValueError otherwise."""
    predictions = require_matrix("predictions", predictions)
    Y = require_matrix("Y", Y, predictions.shape[0])
    if predictions.shape != Y.shape:
        raise ValueError(f"predictions have shape {predictions.shape} and Y {Y.shape}; they must be the same.")
    return predictions, Y


def fold_batches(folds: Sequence[Fold], n_targets: int, device: torch.device, mem_mb: float | None) -> list[slice]:
    """Batches of targets that fit into memory with all arrays of one fold."""
    longest = max(len(test) for _, test in folds)
    size = targets_per_batch(4 * 8 * longest, n_targets, mem_mb)
    return column_batches(n_targets, min(size, _BATCH) if device.type == "cpu" else size)


class Shifts:
    """Correlations of two series of n volumes at all n circular shifts, as sums over their spectra.

    By Parseval's theorem, the sum of their squares needs no single correlation. The spectra are matrix products, which
    at the length of a test block are faster than FFTs of many short columns.
    """

    def __init__(self, n_volumes: int, device: torch.device) -> None:
        """Store cosines and sines of each frequency but 0, which vanishes without a mean."""
        self._n_volumes = n_volumes
        self._waves = to_device(_waves(n_volumes, 1), device)

    def __call__(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The unshifted correlation, and the mean square of the shifted ones, (V,) float64 each.

        a and b are (n_volumes, V), from `unit_norm` or differences of such.
        """
        score = (a * b).sum(dim=0, dtype=torch.float64)
        squares = (self._power(a) * self._power(b)).sum(dim=0, dtype=torch.float64)
        return score, ((squares - score.square()) / (self._n_volumes - 1)).clamp(min=0)

    def _power(self, x: torch.Tensor) -> torch.Tensor:
        """Weighted power spectrum (n_frequencies, V)."""
        return (self._waves @ x).square().sum(dim=0)


class SharedShifts:
    """The same for volumes with repeated content: all volumes of one piece move together.

    Repeated responses then contribute to shifted scores as they do to the score itself. Missing presentations of a
    piece count as the mean.
    """

    def __init__(self, copies: Copies, device: torch.device) -> None:
        """Store cosines and sines of each frequency: the means of copies may differ, and stay under shifts."""
        self._n_volumes = copies.length
        self._shape = copies.rows.shape
        rows = np.where(copies.rows == NONE, len(copies.position), copies.rows)
        self._rows = torch.as_tensor(rows.ravel(), device=device)
        self._waves = to_device(_waves(copies.length, 0), device)

    def __call__(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Shifts`; a and b are (n_volumes, V), with the rows of `copies`."""
        score = (a * b).sum(dim=0, dtype=torch.float64)
        a_cosine, a_sine = self._spectra(a)
        b_cosine, b_sine = self._spectra(b)
        real = (a_cosine * b_cosine + a_sine * b_sine).sum(dim=0)
        imaginary = (a_cosine * b_sine - a_sine * b_cosine).sum(dim=0)
        squares = (real.square() + imaginary.square()).sum(dim=0, dtype=torch.float64)
        return score, ((squares - score.square()) / (self._n_volumes - 1)).clamp(min=0)

    def _spectra(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosine and sine parts of each copy, (n_copies, n_frequencies, V) each."""
        padded = torch.cat([x, x.new_zeros(1, x.shape[1])])
        lines = padded[self._rows].reshape(*self._shape, -1)
        return self._waves[0] @ lines, self._waves[1] @ lines


def shifts_inside(folds: Sequence[Fold], content: Ints | None, device: torch.device) -> list[Shifts | SharedShifts]:
    """The shifts of the test block of each fold; `content` as in `content_folds`, None without repeats."""
    by_length: dict[int, Shifts] = {}
    shifts: list[Shifts | SharedShifts] = []
    for _, test in folds:
        copies = None if content is None else Copies(content[test])
        if copies is not None and len(copies.rows) > 1:
            shifts.append(SharedShifts(copies, device))
        else:
            shifts.append(by_length.setdefault(len(test), Shifts(len(test), device)))
    return shifts


def _waves(n_volumes: int, first: int) -> Doubles:
    """Cosines and sines of the frequencies from `first` (2, n_frequencies, n_volumes), weighted for the sum.

    All frequencies but 0 and the highest of an even n occur twice; the weight is shared by four factors.
    """
    frequency = np.arange(first, n_volumes // 2 + 1)[:, None]
    angle = 2 * np.pi * (frequency * np.arange(n_volumes) % n_volumes) / n_volumes
    once = (2 * frequency == n_volumes) | (frequency == 0)
    weight = (np.where(once, 1, 2) / n_volumes) ** 0.25
    return np.asarray(weight * np.stack([np.cos(angle), np.sin(angle)]))


def unit_norm(x: torch.Tensor) -> torch.Tensor:
    """Columns (n, V) with mean 0 and length 1; constant columns become 0."""
    mean = x.mean(dim=0)
    centred = x - mean
    centred -= centred.mean(dim=0)  # rounding errors of a large mean
    norm = centred.square().sum(dim=0).sqrt()
    varies = norm > CONSTANT * len(x) ** 0.5 * mean.abs()
    return centred * torch.where(varies & (norm > 0), 1 / norm, 0)
