"""Sparse encoding with fixed regressors and a cross-validated penalty for each target."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.estimators import ManyTargets
from bids_app.encoding.lasso._cross_validation import (
    DEFAULT_RATIOS,
    Design,
    Problem,
    Selection,
    best_ratio,
    checked_ratios,
    one_se_ratio,
    path_errors,
    solve,
)
from bids_app.encoding.lasso._segment_sums import SegmentSums
from bids_app.stats.arrays import Floats, Fold
from bids_app.stats.device import map_batches


class LassoCV(ManyTargets):
    """min over b of ½|y − Xb|² + λ|b|₁ for every target y, with an intercept.

    The scale of the regressors is not changed (z-score them per run, for instance); only the means over the training
    rows are subtracted from X and Y. A penalty is a ratio of λ_max = max|Xᵀy| of the target over those rows, so at
    least one regressor enters at any ratio below 1.

    Every pair of contiguous folds is held out together, so that no fit is computed twice. For the held-out predictions
    of fold f, the ratio has the smallest error on the other folds, by fits that saw neither. For the coefficients, all
    errors count; with `selection="one-se"`, the largest ratio is chosen whose error is within one standard error (of
    its difference over folds) of the smallest. The smallest error predicts best, but admits regressors that merely
    correlate with relevant ones (Hastie, Tibshirani & Friedman 2009, section 7.10).

    Parameters
    ----------
    penalty_ratios : numbers between 0 and 1; a single one is not cross-validated. The path of a target from the largest
        to the smallest ends early if its errors only rise
    n_folds, purge : see `contiguous_folds`
    folds : (train, test) pairs instead of these, see `content_folds`
    selection : "one-se" or "min"
    device : "auto", "cpu" or "cuda"
    mem_mb : memory for a batch of targets, in megabytes

    Attributes
    ----------
    coef_ : array of shape (n_regressors, n_targets), float32
    intercept_, ratio_, penalty_ : arrays of shape (n_targets,); penalty_ is λ = ratio_ * λ_max
    held_out_ : array of shape (n_volumes, n_targets), predictions by fits without their fold
    """

    coef_: Floats
    ratio_: Floats
    penalty_: Floats
    held_out_: Floats

    def __init__(
        self,
        penalty_ratios: Sequence[float] = DEFAULT_RATIOS,
        *,
        n_folds: int = 5,
        purge: int = 0,
        folds: Sequence[Fold] | None = None,
        selection: Selection = "one-se",
        device: str = "auto",
        mem_mb: float | None = None,
    ):
        """Keep the settings; nothing is computed before `fit`."""
        self.penalty_ratios, self.n_folds, self.purge, self.folds = penalty_ratios, n_folds, purge, folds
        self.selection, self.device, self.mem_mb = selection, device, mem_mb

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Fit X (n_volumes, n_regressors) to y (n_volumes, n_targets); ValueError if a value is not finite."""
        if self.selection not in ("one-se", "min"):
            raise ValueError(f"Unknown selection={self.selection!r}; use 'one-se' or 'min'.")
        ratios = checked_ratios(self.penalty_ratios)
        problem = Problem(*self._checked(X, y), self.device, self.mem_mb)
        folds = list(self.folds or contiguous_folds(problem.n_volumes, self.n_folds, self.purge))
        design = Design(folds, len(ratios) > 1)
        held_out = np.empty((problem.n_volumes, problem.n_targets), dtype=np.float32)

        def fit(batch: slice) -> tuple[torch.Tensor, ...]:
            Y_batch, y_mean = problem.responses(batch)
            sums = SegmentSums(problem.X, Y_batch, design.sets)
            outer, by_fold = path_errors(Y_batch, sums, design, ratios)
            for fold, (_, test) in enumerate(folds):
                coef, intercept, _ = solve(sums, design.outer(fold), best_ratio(outer[fold], ratios))
                held_out[test, batch] = (problem.X[test] @ coef + intercept + y_mean).cpu().numpy()
            ratio = best_ratio(by_fold.sum(dim=0), ratios) if self.selection == "min" else one_se_ratio(by_fold, ratios)
            coef, intercept, largest = solve(sums, design.everything, ratio)
            return coef, intercept + y_mean - problem.x_mean @ coef, ratio, ratio * largest

        results = list(map_batches(fit, problem.batches, problem.device))
        self.coef_, self.intercept_, self.ratio_, self.penalty_ = (
            np.concatenate([part.cpu().numpy() for part in parts], axis=-1) for parts in zip(*results, strict=True)
        )
        self.held_out_ = held_out
        return self

    def _weighted(self, X: npt.ArrayLike) -> Floats:
        return np.asarray(self._regressors(X) @ self.coef_, dtype=np.float32)
