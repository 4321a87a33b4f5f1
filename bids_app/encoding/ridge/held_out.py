"""Ridge on held-out volumes, in two steps: decompositions of the stimulus, then fits to the responses.

The first step is the same for all participants who heard a story at the same times, and can be stored and shared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.design.folds import inner_folds
from bids_app.encoding.design.pipeline import PUBLISHED, FeaturePipeline
from bids_app.encoding.ridge import DEFAULT_ALPHAS, penalties
from bids_app.encoding.ridge._loop import Batch, TrainingSet, fit_targets
from bids_app.encoding.ridge._selection import penalty_errors
from bids_app.encoding.ridge._solver import Design, Eigen, Predictor, ridge_batches
from bids_app.stats.arrays import AnyArray, Floats, Fold, Ints, require_finite, require_matrix
from bids_app.stats.correlation import column_correlations
from bids_app.stats.device import map_batches, map_decompositions, resolve_device

Inner = Literal["contiguous", "loo"]


@dataclass(frozen=True)
class HeldOut:
    """Predictions of every volume by a fit without its fold.

    predictions is (n_volumes, n_targets) float32; alpha (n_targets,), the geometric mean over folds of the penalty;
    folds the (train, test) pairs.
    """

    predictions: Floats
    alpha: Floats
    folds: list[Fold]


@dataclass(frozen=True)
class FoldDesign:
    """One outer fold: the design fitted on its training rows, and its decompositions.

    features is (n_volumes, n_features) float32, including the test rows; `whole` decomposes the training rows, `inner`
    the training rows of each inner fold that chooses the penalty (none for leave-one-out).
    """

    fold: Fold
    features: Floats
    whole: Eigen
    inner: tuple[Eigen, ...]


@dataclass(frozen=True)
class HeldOutDesign:
    """The stimulus side of a held-out ridge; see `design_held_out`.

    content is (n_volumes,), equal for volumes that heard the same; None if nothing was heard twice.
    """

    folds: tuple[FoldDesign, ...]
    content: Ints | None = None

    @property
    def n_volumes(self) -> int:
        """Volumes of all runs together."""
        return len(self.folds[0].features)

    @property
    def pairs(self) -> list[Fold]:
        """Training and test rows of each fold."""
        return [fold_design.fold for fold_design in self.folds]

    def to_arrays(self) -> dict[str, AnyArray]:
        """Everything as named arrays, for `numpy.savez`."""
        arrays: dict[str, AnyArray] = {} if self.content is None else {"content": self.content}
        for number, design in enumerate(self.folds):
            stored: dict[str, AnyArray] = {"train": design.fold[0], "test": design.fold[1], "features": design.features}
            for index, eigen in enumerate((design.whole, *design.inner)):
                stored |= {f"values{index}": eigen.values, f"vectors{index}": eigen.vectors}
            arrays |= {f"{number}.{name}": array for name, array in stored.items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> "HeldOutDesign":
        """The inverse of `to_arrays`."""
        folds = tuple(_fold_from(arrays, f"{number}.") for number in range(_count(arrays, "{}.train")))
        return cls(folds, arrays.get("content"))


def _count(arrays: Mapping[str, AnyArray], pattern: str) -> int:
    names, count = set(arrays), 0
    while pattern.format(count) in names:
        count += 1
    return count


def _fold_from(arrays: Mapping[str, AnyArray], prefix: str) -> FoldDesign:
    eigen = [
        Eigen(arrays[f"{prefix}values{index}"], arrays[f"{prefix}vectors{index}"])
        for index in range(_count(arrays, prefix + "values{}"))
    ]
    fold = (arrays[prefix + "train"], arrays[prefix + "test"])
    return FoldDesign(fold, arrays[prefix + "features"], eigen[0], tuple(eigen[1:]))


def design_held_out(
    X: AnyArray | Sequence[AnyArray],
    run_lengths: Sequence[int],
    pipeline: FeaturePipeline = PUBLISHED,
    *,
    inner: Inner = "contiguous",
    device: str = "auto",
) -> HeldOutDesign:
    """Compute the features of every fold, and decompose all training sets.

    Parameters
    ----------
    X : array of shape (n_volumes, n_features), word vectors summed per volume, runs concatenated; or a list of such
        arrays, feature spaces that are reduced to components separately and then concatenated
    run_lengths : volumes of each run
    pipeline : makes features and folds; only its `kept` rows of X are volumes of the design
    inner : choice of the penalty inside the training rows: "contiguous" (the other folds are the inner test blocks) or
        "loo" (leave-one-out as published; volumes that heard the same are left out together)
    """
    if inner not in ("contiguous", "loo"):
        raise ValueError(f"Unknown inner={inner!r}; the penalty is chosen by 'contiguous' folds or by 'loo'.")
    spaces = [require_matrix("X", space) for space in ([X] if isinstance(X, np.ndarray) else X)]
    for space in spaces:
        require_finite("X", space)
    where = resolve_device(device)
    folds = pipeline.folds(pipeline.n_kept(len(spaces[0])))

    def design_of(fold: Fold) -> FoldDesign:
        features = np.concatenate([pipeline.features(space, run_lengths, fold[0]) for space in spaces], axis=1)
        return decompose_fold(features, fold, folds, inner, where)

    content = None if pipeline.content is None else np.array(pipeline.content, dtype=np.int64)
    return HeldOutDesign(tuple(map_decompositions(design_of, folds, where)), content)


def decompose_fold(
    features: Floats, fold: Fold, folds: Sequence[Fold], inner: Inner, device: torch.device
) -> FoldDesign:
    """One outer fold with features (n_volumes, n_features), its training sets decomposed."""
    design = Design(features, device)
    pairs = inner_folds(fold, folds) if inner == "contiguous" else []
    whole, *others = [design.decompose(train) for train in (fold[0], *(train for train, _ in pairs))]
    return FoldDesign(fold, features, whole, tuple(others))


@dataclass(frozen=True)
class _FoldFit:
    """Fit of one fold to a batch of targets: centred predictions and responses, (n_test, n_batch) each."""

    fold: Fold
    batch: Batch
    predicted: torch.Tensor
    actual: torch.Tensor


def _fit(
    design: HeldOutDesign,
    Y: AnyArray,
    alphas: npt.ArrayLike,
    device: str,
    mem_mb: float | None,
    take: Callable[[_FoldFit], None],
) -> Floats:
    """Fit every fold of every batch, and pass each fit to `take`.

    Returns the geometric mean over folds of the penalty, (n_targets,).
    """
    where = resolve_device(device)
    grid = penalties(alphas, where)
    log_alpha = np.zeros(Y.shape[1])

    def prepare(fold_design: FoldDesign) -> tuple[int, TrainingSet]:
        matrix, train = Design(fold_design.features, where), fold_design.fold[0]
        whole = matrix.factorise(*fold_design.fold, fold_design.whole)
        pairs = inner_folds(fold_design.fold, design.pairs) if fold_design.inner else None
        errors = penalty_errors(
            matrix, (train, fold_design.whole), pairs, grid, Y.shape[1], fold_design.inner, design.content
        )
        predict = Predictor(whole, grid, Y.shape[1])

        def fit(batch: Batch, alpha: torch.Tensor) -> None:
            log_alpha[batch.columns] += np.log(alpha.cpu().numpy()) / len(design.folds)
            take(_FoldFit(fold_design.fold, batch, predict(alpha, batch.Y), batch.Y[whole.tested]))

        return len(whole.eigenvalues), TrainingSet(lambda batch: errors(batch.Y), fit)

    ranks, sets = zip(*map_batches(prepare, design.folds, where), strict=True)
    fit_targets(sets, Y, grid, ridge_batches(len(Y), max(ranks), Y.shape[1], where, mem_mb))
    return np.exp(log_alpha).astype(np.float32)


def checked(design: HeldOutDesign, Y: npt.ArrayLike) -> AnyArray:
    """Responses as a matrix; ValueError unless they are finite and have the volumes of the design."""
    Y = require_matrix("Y", Y, design.n_volumes)
    require_finite("Y", Y)
    return Y


def predict_held_out(
    design: HeldOutDesign,
    Y: npt.ArrayLike,
    alphas: npt.ArrayLike = DEFAULT_ALPHAS,
    *,
    device: str = "auto",
    mem_mb: float | None = None,
) -> HeldOut:
    """Held-out predictions of Y, (n_volumes, n_targets), with a penalty from `alphas` for each target.

    Y must be finite and should be z-scored per run: with a large mean, strongly shrunk predictions would lose precision
    in float32.
    """
    Y = checked(design, Y)
    predictions = np.empty(Y.shape, dtype=np.float32)

    def take(fit: _FoldFit) -> None:
        predictions[fit.fold[1], fit.batch.columns] = fit.predicted.cpu().numpy() + fit.batch.mean

    alpha = _fit(design, Y, alphas, device, mem_mb, take)
    return HeldOut(predictions, alpha, design.pairs)


def score_held_out(
    design: HeldOutDesign,
    Y: npt.ArrayLike,
    alphas: npt.ArrayLike = DEFAULT_ALPHAS,
    *,
    device: str = "auto",
    mem_mb: float | None = None,
) -> tuple[Floats, Floats]:
    """Pearson r of held-out predictions averaged over folds, and the penalty, (n_targets,) each.

    The same values as `fold_mean_r` of `predict_held_out`, without storing the predictions.
    """
    Y = checked(design, Y)
    r = np.zeros(Y.shape[1])

    def take(fit: _FoldFit) -> None:
        r[fit.batch.columns] += column_correlations(fit.predicted, fit.actual).cpu().numpy() / len(design.folds)

    alpha = _fit(design, Y, alphas, device, mem_mb, take)
    return r.astype(np.float32), alpha
