"""Unique variance of overlapping feature spaces, by banded ridge.

Banded ridge gives every space a separate penalty (Nunez-Elizalde et al. 2019), found by a search over mixtures of the
spaces' kernels (Dupré la Tour et al. 2022).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import numpy.typing as npt

from bids_app.encoding.design.pipeline import PUBLISHED, FeaturePipeline
from bids_app.encoding.ridge import DEFAULT_ALPHAS
from bids_app.encoding.ridge.banded import design_banded, predict_banded
from bids_app.encoding.ridge.held_out import HeldOutDesign
from bids_app.stats.arrays import Doubles, Floats, Fold, Ints, require_finite, require_matrix
from bids_app.stats.correlation import r2
from bids_app.stats.device import column_batches, targets_per_batch
from bids_app.stats.standardise import zscore

# Random mixtures favour few spaces but do not repeat the equal mixtures.
_CONCENTRATION = 0.5


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
    n_candidates: int = 7,
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
    weights, models = weightings(len(arrays), n_candidates, seed)
    content = None if pipeline.content is None else np.array(pipeline.content, dtype=np.int64)
    features = [partial(_features, pipeline, X, run_lengths) for X in arrays]
    designs = design_banded(features, weights, pipeline.folds(len(Y)), content, device=device)
    return variance_of(designs, models, list(spaces), Y, alphas, device=device, mem_mb=mem_mb)


def variance_of(
    designs: Sequence[HeldOutDesign],
    models: Sequence[Sequence[int]],
    names: Sequence[str],
    Y: npt.ArrayLike,
    alphas: npt.ArrayLike = DEFAULT_ALPHAS,
    *,
    device: str = "auto",
    mem_mb: float | None = None,
) -> Variance:
    """`unique_variance` of the spaces `names`, from designs that are made once for all who heard the same.

    `designs` are those of `weightings`, `models` as it returns them.
    """
    Y = require_matrix("Y", Y)
    explained = np.empty((1 + len(names), Y.shape[1]), dtype=np.float32)
    bytes_per_target = 4 * len(Y) * (4 + len(models))
    for batch in column_batches(Y.shape[1], targets_per_batch(bytes_per_target, Y.shape[1], mem_mb)):
        responses = zscore(Y[:, batch])  # on one scale, which float32 resolves; a constant target becomes zero
        found = predict_banded(designs, models, responses, alphas, device=device, mem_mb=mem_mb)
        predictions = [one.predictions for one in found]
        if len(names) == 1:  # without the only space, the means of the training rows are left
            predictions.append(_training_means(responses, found[0].folds))
        explained[:, batch] = [r2(predicted, responses) for predicted in predictions]
    unique = {name: explained[0] - rest for name, rest in zip(names, explained[1:], strict=True)}
    return Variance(explained[0], unique)


def _training_means(Y: Floats, folds: Sequence[Fold]) -> Floats:
    means = np.empty_like(Y)
    for train, test in folds:
        means[test] = Y[train].mean(axis=0, dtype=np.float64)
    return means


def _features(pipeline: FeaturePipeline, X: npt.ArrayLike, run_lengths: Sequence[int], train: Ints) -> Floats:
    return pipeline.features(X, run_lengths, train)


def weightings(n_spaces: int, n_candidates: int, seed: int) -> tuple[Doubles, list[list[int]]]:
    """The distinct mixtures, (n_weightings, n_spaces), and which each model may choose: of all spaces, of all but each.

    The mixtures are those of `candidate_mixtures`, restricted to the spaces of a model. One that several models have is
    listed once, so that its errors are computed once.
    """
    mixtures = candidate_mixtures(n_spaces, n_candidates, seed)
    kept = [list(range(n_spaces)), *([s for s in range(n_spaces) if s != left_out] for left_out in range(n_spaces))]
    distinct: dict[tuple[float, ...], Doubles] = {}
    models = []
    for spaces in kept:
        rows = np.zeros((0, n_spaces)) if not spaces else _widened(restricted(mixtures, spaces), spaces, n_spaces)
        keys = [tuple(row.round(6)) for row in rows]
        for key, row in zip(keys, rows, strict=True):
            distinct.setdefault(key, row)
        models.append([list(distinct).index(key) for key in keys])
    return np.stack(list(distinct.values())), [model for model in models if model]


def _widened(weights: Doubles, kept: Sequence[int], n_spaces: int) -> Doubles:
    """Weights of the kept spaces as weights of all, 0 for the others."""
    wide = np.zeros((len(weights), n_spaces))
    wide[:, list(kept)] = weights
    return wide


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
    random = np.random.default_rng(seed).dirichlet([_CONCENTRATION] * n_spaces, n_candidates - len(even))
    return np.concatenate([even, random])


def restricted(mixtures: Doubles, kept: Sequence[int]) -> Doubles:
    """The distinct mixtures restricted to the kept spaces, rows with sum 1, in order."""
    weights = mixtures[:, list(kept)]
    weights = weights[weights.sum(axis=1) > 0]
    weights = weights / weights.sum(axis=1, keepdims=True)
    _, first = np.unique(weights.round(6), axis=0, return_index=True)
    return np.asarray(weights[np.sort(first)])
