"""Sparse encoding by fixed regressors, with each target's penalty chosen by cross-validation."""

from collections.abc import Sequence
from itertools import combinations
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.arrays import AnyArray, Floats, Ints, require_finite, require_matrix
from bids_app.encoding.device import column_batches, resolve_device, targets_per_batch, to_device
from bids_app.encoding.folds import Fold, contiguous_folds, inner_folds
from bids_app.encoding.scores import pearson_r
from bids_app.encoding.segment_sums import SegmentSums
from bids_app.encoding.sparse import lasso_gram

DEFAULT_RATIOS = tuple(float(ratio) for ratio in np.geomspace(0.9, 0.01, 10))
_PATH_TOLERANCE = 5e-4  # chooses the same ratio as 1e-4 for 99.8 % of targets
_FINAL_TOLERANCE = 1e-5
_CPU_BATCH = 4096


class LassoCV:
    """min over b of ½|y − Xb|² + λ|b|₁ for every target y, with an intercept.

    The regressors are taken as they are, z-scored per run for instance: their scale is not changed, only the means of
    the rows that are trained on are taken off, of X and of Y. A penalty is a ratio of the target's own
    λ_max = max|Xᵀy| over those rows, so at least one regressor enters at any ratio below 1.

    Parameters
    ----------
    penalty_ratios : numbers between 0 and 1; with a single one nothing is chosen
    folds : (train, test) pairs for the choice by mean squared error; 5 contiguous ones when None
    device : "auto", "cpu" or "cuda"
    mem_mb : memory for a batch of targets, in megabytes

    Attributes
    ----------
    coef_ : array of shape (n_regressors, n_targets), float32
    intercept_, ratio_, penalty_ : arrays of shape (n_targets,); penalty_ is λ = ratio_ * λ_max
    """

    coef_: Floats
    intercept_: Floats
    ratio_: Floats
    penalty_: Floats

    def __init__(
        self,
        penalty_ratios: Sequence[float] = DEFAULT_RATIOS,
        folds: Sequence[Fold] | None = None,
        device: str = "auto",
        mem_mb: float | None = None,
    ):
        """Keep the settings; nothing is computed before `fit`."""
        self.penalty_ratios, self.folds, self.device, self.mem_mb = penalty_ratios, folds, device, mem_mb

    def fit(self, X: npt.ArrayLike, Y: npt.ArrayLike) -> Self:
        """Fit X (n_volumes, n_regressors) to Y (n_volumes, n_targets); ValueError where a value is not finite."""
        problem = _Problem(X, Y, self.penalty_ratios, self.device, self.mem_mb)
        folds = list(self.folds) if self.folds is not None else contiguous_folds(problem.n_volumes, 5)
        if len(problem.ratios) == 1:
            folds = []
        everything = np.arange(problem.n_volumes)
        training_sets = [train for train, _ in folds] + [everything]
        results = [self._fit_batch(problem, batch, folds, training_sets) for batch in problem.batches]
        self.coef_, self.intercept_, self.ratio_, self.penalty_ = (
            np.concatenate([part.cpu().numpy() for part in parts], axis=-1) for parts in zip(*results, strict=True)
        )
        return self

    def _fit_batch(
        self, problem: "_Problem", batch: slice, folds: list[Fold], training_sets: list[Ints]
    ) -> tuple[torch.Tensor, ...]:
        Y, y_mean = problem.responses(batch)
        sums = SegmentSums(problem.X, Y, training_sets)
        errors = torch.zeros(len(problem.ratios), Y.shape[1], dtype=torch.float64, device=Y.device)
        for index, (_, test) in enumerate(folds):
            (error,) = problem.path_errors(sums, index, Y, [test])
            errors += error
        ratio = problem.best_ratio(errors)
        gram, cross, x_mean, y_shift = sums.moments(len(folds))
        penalty = ratio * cross.abs().amax(dim=0)
        coef = _solve(gram, cross, ratio)
        return coef, y_mean + y_shift - (x_mean + problem.x_mean) @ coef, ratio, penalty

    def predict(self, X: npt.ArrayLike) -> Floats:
        """Predictions (n_volumes', n_targets), float32."""
        return np.asarray(np.asarray(X, dtype=np.float32) @ self.coef_ + self.intercept_, dtype=np.float32)

    def score(self, X: npt.ArrayLike, Y: npt.ArrayLike) -> Floats:
        """Pearson correlation of prediction and response per target, (n_targets,)."""
        # without the intercept: a weak prediction beside a large mean would be rounded
        return pearson_r(np.asarray(X, dtype=np.float32) @ self.coef_, Y)


def lasso_held_out(
    X: npt.ArrayLike,
    Y: npt.ArrayLike,
    n_folds: int = 5,
    purge: int = 0,
    *,
    penalty_ratios: Sequence[float] = DEFAULT_RATIOS,
    penalty_ratio: float | None = None,
    device: str = "auto",
    mem_mb: float | None = None,
) -> Floats:
    """Predictions of every volume, (n_volumes, n_targets), by fits that saw nothing of its fold.

    The folds are `contiguous_folds(n_volumes, n_folds, purge)`. For each, the ratio is chosen inside its training part,
    the other folds serving as inner test parts, or is `penalty_ratio` where that is given. A fit that holds out two
    folds serves either of them as the outer one, so all choices need n_folds (n_folds − 1) / 2 paths. X, Y and the
    ratios as in `LassoCV`.
    """
    ratios = penalty_ratios if penalty_ratio is None else (penalty_ratio,)
    problem = _Problem(X, Y, ratios, device, mem_mb)
    folds = contiguous_folds(problem.n_volumes, n_folds, purge)
    pairs = list(combinations(range(n_folds), 2)) if len(problem.ratios) > 1 else []
    if pairs:
        inner_folds(folds[0], folds)  # an error here is clearer than an empty training set below
    training_sets = [train for train, _ in folds]
    training_sets += [np.intersect1d(folds[f][0], folds[g][0], assume_unique=True) for f, g in pairs]
    predictions = np.empty((problem.n_volumes, problem.n_targets), dtype=np.float32)
    for batch in problem.batches:
        Y_batch, y_mean = problem.responses(batch)
        sums = SegmentSums(problem.X, Y_batch, training_sets)
        errors = _pair_errors(problem, sums, Y_batch, folds, pairs)
        for fold, (_, test) in enumerate(folds):
            gram, cross, x_mean, y_shift = sums.moments(fold)
            coef = _solve(gram, cross, problem.best_ratio(errors[fold]))
            predicted = (problem.X[test] - x_mean) @ coef + y_shift + y_mean
            predictions[test, batch] = predicted.cpu().numpy()
    return predictions


def _pair_errors(
    problem: "_Problem", sums: SegmentSums, Y: torch.Tensor, folds: list[Fold], pairs: list[tuple[int, int]]
) -> torch.Tensor:
    """Inner mean squared errors summed over inner folds, (n_folds, n_ratios, V)."""
    errors = torch.zeros(len(folds), len(problem.ratios), Y.shape[1], dtype=torch.float64, device=Y.device)
    for index, (f, g) in enumerate(pairs, start=len(folds)):
        # what fold f purges next to it is no test row of its inner folds either
        tests = [np.intersect1d(folds[a][0], folds[b][1], assume_unique=True) for a, b in ((f, g), (g, f))]
        of_f, of_g = problem.path_errors(sums, index, Y, tests)
        errors[f] += of_f
        errors[g] += of_g
    return errors


class _Problem:
    """Checked inputs: regressors on the device, responses by batches of targets."""

    def __init__(self, X: npt.ArrayLike, Y: npt.ArrayLike, ratios: Sequence[float], device: str, mem_mb: float | None):
        X, self.Y = require_matrix("X", X), require_matrix("Y", Y, np.shape(X)[0])
        require_finite("X", X)
        require_finite("Y", self.Y)
        self.ratios = sorted((float(ratio) for ratio in ratios), reverse=True)
        if not self.ratios or not all(0 < ratio < 1 for ratio in self.ratios):
            raise ValueError(f"Penalty ratios {list(ratios)}: each must be between 0 and 1, both excluded.")
        self.device = resolve_device(device)
        self.n_volumes, self.n_targets = int(self.Y.shape[0]), int(self.Y.shape[1])
        x_mean = X.mean(axis=0, dtype=np.float64)
        self.X, self.x_mean = to_device(X - x_mean, self.device), to_device(x_mean, self.device)
        n_regressors = X.shape[1]
        bytes_per_target = 4 * (24 * n_regressors + 4 * self.n_volumes + 20 * len(self.ratios))
        size = targets_per_batch(bytes_per_target, self.n_targets, mem_mb)
        self.batches = column_batches(self.n_targets, min(size, _CPU_BATCH) if self.device.type == "cpu" else size)

    def responses(self, batch: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Centred responses (n, V) and the means taken off, (V,)."""
        Y: AnyArray = np.asarray(self.Y[:, batch])
        mean = Y.mean(axis=0, dtype=np.float64)
        return to_device(Y - mean, self.device), to_device(mean, self.device)

    def path_errors(self, sums: SegmentSums, index: int, Y: torch.Tensor, tests: list[Ints]) -> list[torch.Tensor]:
        """Mean squared error on each of the test sets along the path of one training set, (n_ratios, V) each."""
        gram, cross, x_mean, y_mean = sums.moments(index)
        designs, targets = [self.X[test] - x_mean for test in tests], [Y[test] - y_mean for test in tests]
        errors = [torch.empty(len(self.ratios), Y.shape[1], device=Y.device) for _ in tests]
        largest = _positive(cross.abs().amax(dim=0))
        coef: torch.Tensor | None = None
        for row, ratio in enumerate(self.ratios):
            coef = lasso_gram(gram, cross, ratio * largest, coef, tolerance=_PATH_TOLERANCE)
            for error, design, target in zip(errors, designs, targets, strict=True):
                residual = torch.addmm(target, design, coef, alpha=-1)
                error[row] = residual.square_().mean(dim=0)
        return errors

    def best_ratio(self, errors: torch.Tensor) -> torch.Tensor:
        """The ratio with the smallest error, the largest such; (n_ratios, V) to (V,)."""
        return torch.tensor(self.ratios, dtype=torch.float32, device=errors.device)[errors.argmin(dim=0)]


def _solve(gram: torch.Tensor, cross: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
    return lasso_gram(gram, cross, ratio * _positive(cross.abs().amax(dim=0)), tolerance=_FINAL_TOLERANCE)


def _positive(largest: torch.Tensor) -> torch.Tensor:
    """λ_max, with 1 for targets that are constant: they get coefficients of zero at any penalty."""
    return torch.where(largest > 0, largest, 1.0)
