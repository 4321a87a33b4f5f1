"""The one loop of every ridge: batches of targets, training sets, a penalty for each target in each of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from bids_app.encoding.ridge._selection import choose
from bids_app.encoding.ridge._solver import centred_responses
from bids_app.stats.arrays import AnyArray
from bids_app.stats.device import run_batches


@dataclass(frozen=True)
class Batch:
    """Some targets: their responses less their means (n_volumes, V), on the device, and these means (V,), float64."""

    columns: slice
    Y: torch.Tensor
    mean: AnyArray


@dataclass(frozen=True)
class TrainingSet:
    """How well each penalty does with these rows, and what is made with the one chosen for each target.

    `errors` gives (n_alphas, V); `fit` takes the penalties (V,) and puts its results in place by itself.
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

    Batches are worked on side by side, on the device of the penalties.
    """

    def fit(columns: slice) -> None:
        batch = Batch(columns, *centred_responses(Y[:, columns], alphas.device, dtype))
        for training_set in sets:
            training_set.fit(batch, choose(training_set.errors(batch), alphas))

    run_batches(fit, batches, alphas.device)
