"""Unique variance of overlapping feature spaces, by banded ridge.

Banded ridge gives every space a separate penalty (Nunez-Elizalde et al. 2019), found by himalaya's random search over
mixtures of kernels (Dupré la Tour et al. 2022).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from himalaya.backend import get_backend, set_backend
from himalaya.kernel_ridge import (
    generate_dirichlet_samples,
    predict_weighted_kernel_ridge,
    solve_multiple_kernel_ridge_random_search,
)

from bids_app.encoding.design.folds import inner_folds
from bids_app.encoding.design.pipeline import PUBLISHED, FeaturePipeline
from bids_app.encoding.ridge import DEFAULT_ALPHAS, penalties
from bids_app.stats.arrays import AnyArray, Doubles, Floats, Fold, require_finite, require_matrix
from bids_app.stats.device import column_batches, resolve_device, targets_per_batch
from bids_app.stats.standardise import zscore

# Random mixtures favour few spaces but do not repeat the equal mixtures.
_CONCENTRATION = 0.5
_BACKENDS = {"cpu": "numpy", "cuda": "torch_cuda"}
# Predictions of this many targets with all penalties stay in the cache.
_TARGETS_AT_ONCE = 1000


@dataclass(frozen=True)
class Variance:
    """Held-out R² of all spaces together, (V,), and its loss without each space, by name, (V,) each."""

    total: Floats
    unique: dict[str, Floats]


def unique_variance(
    spaces: Mapping[str, npt.ArrayLike],
    Y: npt.ArrayLike,
    run_lengths: Sequence[int],
    pipeline: FeaturePipeline = PUBLISHED,
    *,
    alphas: npt.ArrayLike = DEFAULT_ALPHAS,
    n_candidates: int = 20,
    seed: int = 0,
    device: str = "auto",
    mem_mb: float | None = None,
) -> Variance:
    """Unique variance of each space: R² with all spaces minus R² with all but this one, on held-out volumes.

    R² is 1 − |y − prediction|² / |y − mean(y)|² over the test rows of all folds together. A useless space costs a
    little R², so its unique variance is slightly below zero on average.

    Parameters
    ----------
    spaces : by name, arrays of shape (n_volumes, n_features), word vectors summed per volume
    Y : array of shape (n_volumes, V), finite; the `kept` rows of the spaces if the pipeline leaves some out
    run_lengths : volumes of each run
    pipeline : makes the features of each space and the folds; within the training rows of a fold, the other folds
        choose mixture and penalty
    alphas : penalties to choose from, of the mixed kernel Σ weight · XXᵀ
    n_candidates : number of mixtures to choose from, the same for all targets; see `candidate_mixtures`. The model
        without a space uses the same mixtures restricted to the other spaces
    mem_mb : memory for arrays that grow with the targets
    """
    if not spaces:
        raise ValueError("spaces is empty; at least one feature space is needed.")
    Y = require_matrix("Y", Y)
    require_finite("Y", Y)
    n_rows = len(Y) if pipeline.kept is None else sum(run_lengths)
    arrays = [require_matrix(f"The space {name!r}", space, n_rows) for name, space in spaces.items()]
    where = resolve_device(device)
    grid = penalties(alphas, torch.device("cpu")).numpy()
    models = _leaving_each_out(candidate_mixtures(len(arrays), n_candidates, seed))
    errors, whole = np.zeros((len(models), Y.shape[1])), np.zeros(Y.shape[1])
    folds = pipeline.folds(len(Y))
    for fold in folds:
        kernels = _kernels([pipeline.features(X, run_lengths, fold[0]) for X in arrays])
        search = _Search(fold, inner_folds(fold, folds), kernels, grid, where, mem_mb)
        for batch in search.batches(Y.shape[1]):
            # on one scale, because the search ignores improvements below a fixed size
            responses = zscore(Y[:, batch])
            whole[batch] = np.square(responses, dtype=np.float64).sum(axis=0)
            for number, (kept, mixtures) in enumerate(models):
                errors[number, batch] += search.squared_errors(responses, kept, mixtures)
    # a constant target is zero after standardisation
    total, *without = np.where(whole > 0, 1 - errors / np.where(whole > 0, whole, 1), 0.0)
    unique = {name: (total - rest).astype(np.float32) for name, rest in zip(spaces, without, strict=True)}
    return Variance(total.astype(np.float32), unique)


def _leaving_each_out(mixtures: Doubles) -> list[tuple[list[int], Doubles]]:
    """The spaces of each model, all and then all but one, with their mixtures."""
    everything = list(range(mixtures.shape[1]))
    chosen = [everything, *([space for space in everything if space != left_out] for left_out in everything)]
    return [(kept, restricted(mixtures, kept)) for kept in chosen]


def candidate_mixtures(n_spaces: int, n_candidates: int, seed: int) -> Doubles:
    """Weights of the spaces, (n_candidates, n_spaces), rows with sum 1.

    First equal weights for all spaces, then for every subset, so that a useless space can be left out; then random
    weights.

    >>> candidate_mixtures(2, 4, seed=0).round(1).tolist()[:3]
    [[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]
    """
    if n_candidates < 1:
        raise ValueError(f"n_candidates={n_candidates}; at least 1 mixture of the spaces is needed.")
    choices = [chosen for size in range(n_spaces, 0, -1) for chosen in combinations(range(n_spaces), size)]
    even = np.zeros((min(len(choices), n_candidates), n_spaces))
    for row, chosen in zip(even, choices, strict=False):
        row[list(chosen)] = 1 / len(chosen)
    if n_candidates == len(even):
        return even
    with _backend(torch.device("cpu")):
        random = generate_dirichlet_samples(n_candidates - len(even), n_spaces, _CONCENTRATION, seed)
    return np.asarray(np.concatenate([even, random]))


def restricted(mixtures: Doubles, kept: Sequence[int]) -> Doubles:
    """The distinct mixtures restricted to the kept spaces, rows with sum 1, in order."""
    weights = mixtures[:, list(kept)]
    weights = weights[weights.sum(axis=1) > 0]
    weights = weights / weights.sum(axis=1, keepdims=True)
    _, first = np.unique(weights.round(6), axis=0, return_index=True)
    return np.asarray(weights[np.sort(first)])


@dataclass(frozen=True)
class _Search:
    """One outer fold: kernels (n_spaces, n_volumes, n_volumes) float32, and the choice of mixture and penalty."""

    fold: Fold
    inner: list[Fold]
    kernels: Floats
    alphas: Floats
    device: torch.device
    mem_mb: float | None

    def batches(self, n_targets: int) -> list[slice]:
        """Batches of targets whose responses, scores and weights take half of the memory."""
        bytes_per_target = 2 * (4 * 6 * len(self.kernels[0]) + 16 * len(self.inner) * len(self.alphas))
        return column_batches(n_targets, targets_per_batch(bytes_per_target, n_targets, self.mem_mb))

    def squared_errors(self, Y: Floats, kept: Sequence[int], mixtures: Doubles) -> Doubles:
        """|y − prediction|² over the test rows, (n_batch,); without spaces, the prediction is the training mean."""
        train, test = self.fold
        actual = Y[test].astype(np.float64)
        predicted = self._fit(Y[train], list(kept), mixtures) if len(kept) else Y[train].mean(axis=0, dtype=np.float64)
        return np.asarray(np.square(actual - predicted).sum(axis=0))

    def _fit(self, Y: Floats, kept: list[int], mixtures: Doubles) -> AnyArray:
        """Predictions of the test rows, (n_test, n_batch), from responses of the training rows."""
        train, test = self.fold
        indices = [tuple(np.searchsorted(train, rows) for rows in pair) for pair in self.inner]
        kernels = self.kernels[kept][:, :, train]
        at_once = self._targets_at_once(Y.shape[1])
        # a space with weight zero has the logarithm of zero
        with _backend(self.device) as backend, np.errstate(divide="ignore"):
            deltas, weights, _, intercept = solve_multiple_kernel_ridge_random_search(
                kernels[:, train],
                Y,
                n_iter=mixtures.astype(np.float32),
                alphas=self.alphas,
                cv=indices,
                fit_intercept=True,
                return_weights="dual",
                n_targets_batch=at_once,
                progress_bar=False,
            )
            predicted = predict_weighted_kernel_ridge(
                kernels[:, test], weights, deltas, n_targets_batch=at_once, intercept=intercept
            )
            return np.asarray(backend.to_numpy(predicted))

    def _targets_at_once(self, n_targets: int) -> int:
        """Number of targets whose predictions and errors for all penalties take the other half."""
        bytes_per_target = 2 * 4 * 3 * len(self.alphas) * len(self.kernels[0])
        return min(_TARGETS_AT_ONCE, targets_per_batch(bytes_per_target, n_targets, self.mem_mb))


def _kernels(features: Sequence[Floats]) -> Floats:
    """Products of all volumes, (n_spaces, n_volumes, n_volumes), summed in double precision."""
    return np.stack([(X.astype(np.float64) @ X.T.astype(np.float64)).astype(np.float32) for X in features])


@contextmanager
def _backend(device: torch.device) -> Iterator[Any]:
    """himalaya's backend for the device; the previous one is restored at the end."""
    before = get_backend()
    try:
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            yield set_backend(_BACKENDS[device.type])
    finally:
        set_backend(before)
