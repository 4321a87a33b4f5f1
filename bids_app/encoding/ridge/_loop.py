"""The common loop of all ridges: batches of targets, training sets, a penalty per target and training set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from bids_app.encoding.ridge._selection import choose
from bids_app.stats.arrays import AnyArray
from bids_app.stats.device import centred, run_batches


@dataclass(frozen=True)
class Batch:
    """A batch of targets: centred responses (n_volumes, V) on the device, and their means (V,), float64."""

    columns: slice
    Y: torch.Tensor
    mean: AnyArray


@dataclass(frozen=True)
class TrainingSet:
    """One training set: the errors of each penalty, and the fit with the penalty chosen for each target.

    `errors` returns (n_alphas, V); `fit` takes the penalties (V,) and stores its results itself.
    """

    errors: Callable[[Batch], torch.Tensor]
    fit: Callable[[Batch, torch.Tensor], None]


def fit_targets(
    sets: Sequence[TrainingSet],
    Y: AnyArray,
    alphas: torch.Tensor,
    batches: Sequence[slice],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Choose among `alphas` and fit, in every training set, all targets of Y (n_volumes, n_targets).

    Batches run concurrently on the device of the penalties.
    """

    def fit(columns: slice) -> None:
        batch = Batch(columns, *centred(Y[:, columns], alphas.device, dtype))
        for training_set in sets:
            training_set.fit(batch, choose(training_set.errors(batch), alphas))

    run_batches(fit, batches, alphas.device)
