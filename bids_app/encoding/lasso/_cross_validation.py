"""The lasso along its penalties with pairs of folds held out, and at given penalties."""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.design.folds import inner_folds
from bids_app.encoding.lasso._path import Path, start_path
from bids_app.encoding.lasso._segment_sums import SegmentSums
from bids_app.encoding.lasso._solver import largest_penalty, lasso_gram
from bids_app.encoding.lasso._tuning import TUNING
from bids_app.stats.arrays import Floats, Fold, Ints, require_finite, require_matrix
from bids_app.stats.device import centred, column_batches, map_batches, resolve_device, targets_per_batch, to_device

DEFAULT_RATIOS = tuple(float(ratio) for ratio in np.geomspace(0.9, 0.02, 9))
Selection = Literal["one-se", "min"]


def lasso(
    X: npt.ArrayLike, Y: npt.ArrayLike, ratio: npt.ArrayLike, *, device: str = "auto", mem_mb: float | None = None
) -> tuple[Floats, Floats]:
    """Coefficients (n_regressors, n_targets) and intercepts (n_targets,) at given ratios, a number or (n_targets,)."""
    problem = Problem(X, Y, device, mem_mb)
    ratios = np.broadcast_to(np.asarray(ratio, dtype=np.float32), (problem.n_targets,))

    def fit(batch: slice) -> tuple[Floats, Floats]:
        Y_batch, y_mean = problem.responses(batch)
        sums = SegmentSums(problem.X, Y_batch, [np.arange(problem.n_volumes)])
        coef, intercept, _ = solve(sums, 0, to_device(ratios[batch].copy(), problem.device))
        return coef.cpu().numpy(), (intercept + y_mean - problem.x_mean @ coef).cpu().numpy()

    coefs, intercepts = zip(*map_batches(fit, problem.batches, problem.device), strict=True)
    return np.concatenate(coefs, axis=1), np.concatenate(intercepts)


class Problem:
    """Checked inputs: regressors on the device, responses by batches of targets."""

    def __init__(self, X: npt.ArrayLike, Y: npt.ArrayLike, device: str, mem_mb: float | None):
        X, self.Y = require_matrix("X", X), require_matrix("Y", Y, np.shape(X)[0])
        require_finite("X", X)
        require_finite("Y", self.Y)
        self.device = resolve_device(device)
        self.n_volumes, self.n_targets = int(self.Y.shape[0]), int(self.Y.shape[1])
        x_mean = X.mean(axis=0, dtype=np.float64)
        self.X, self.x_mean = to_device(X - x_mean, self.device), to_device(x_mean, self.device)
        bytes_per_target = 4 * (32 * X.shape[1] + 4 * self.n_volumes + 200)
        if self.device.type == "cpu":
            bytes_per_target *= torch.get_num_threads()  # number of concurrent batches
        size = targets_per_batch(bytes_per_target, self.n_targets, mem_mb)
        self.batches = column_batches(
            self.n_targets, min(size, TUNING.estimator_batch) if self.device.type == "cpu" else size
        )

    def responses(self, batch: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Centred responses (n, V) and the subtracted means (V,)."""
        Y, mean = centred(np.asarray(self.Y[:, batch]), self.device)
        return Y, to_device(mean, self.device)


class Design:
    """Training and test rows of each fit: with pairs of folds, single folds, or nothing held out."""

    def __init__(self, folds: list[Fold], choose: bool):
        self.folds = folds
        self.pairs = list(combinations(range(len(folds)), 2)) if choose else []
        if choose:
            inner_folds(folds[0], folds)  # an error here is clearer than one from an empty training set
        n_volumes = 1 + max(int(test[-1]) for _, test in folds)
        self.sets: list[Ints] = [_common(folds[f][0], folds[g][0]) for f, g in self.pairs]
        self.sets += [train for train, _ in folds] + [np.arange(n_volumes)]
        self.everything = len(self.sets) - 1
        for f, g in self.pairs:
            self.sets += [self._test_rows(g, f), self._test_rows(f, g)]

    def outer(self, fold: int) -> int:
        """Number of the training set without one fold."""
        return len(self.pairs) + fold

    def tests(self, pair: int) -> tuple[int, int]:
        """Numbers of the sets that test the fit without a pair of folds, on the first and the second."""
        first = self.everything + 1 + 2 * pair
        return first, first + 1

    def _test_rows(self, held_out: int, tested: int) -> Ints:
        """Rows of the fold `tested` used in the choice for the fold `held_out`, without those that it purges."""
        return _common(self.folds[held_out][0], self.folds[tested][1])


def _common(first: Ints, second: Ints) -> Ints:
    return np.intersect1d(first, second, assume_unique=True)


def path_errors(Y: torch.Tensor, sums: SegmentSums, design: Design, ratios: list[float]) -> torch.Tensor:
    """Errors of the fits without pairs of folds, (2, n_folds, n_ratios, V), infinite past the end of a path.

    The first sums the mean squared errors that choose the penalty of a fold, from fits that did not see it; the second
    holds the errors on each fold.
    """
    n_folds, n_targets = len(design.folds), Y.shape[1]
    result = torch.full((2, n_folds, len(ratios), n_targets), torch.inf, device=Y.device)
    if not design.pairs:
        return result
    paths = [_pair_path(sums, design, pair) for pair in range(len(design.pairs))]
    going = torch.arange(n_targets, device=Y.device)
    lowest = torch.full((n_folds, n_targets), torch.inf, device=Y.device)
    rises = torch.zeros(n_folds, n_targets, dtype=torch.int64, device=Y.device)
    for step, ratio in enumerate(ratios):
        outer, by_fold = errors = torch.zeros(2, n_folds, len(going), device=Y.device)
        for path, (f, g) in zip(paths, design.pairs, strict=True):
            of_f, of_g = path.errors(ratio)
            outer[g] += of_f
            outer[f] += of_g
            by_fold[f] += of_f
            by_fold[g] += of_g
        result[:, :, step, going] = errors
        rises = torch.where(outer > lowest, rises + 1, 0)
        lowest = torch.minimum(lowest, outer)
        keep = (rises < TUNING.rises).any(dim=0)
        if not keep.any():
            break
        if not keep.all():
            going, rises, lowest = going[keep], rises[:, keep], lowest[:, keep]
            for path in paths:
                path.keep(keep)
    return result


def _pair_path(sums: SegmentSums, design: Design, pair: int) -> Path:
    """The path of the fit without two folds, tested on each of them."""
    gram, cross, x_mean, y_mean = sums.moments(pair)
    return start_path(gram, cross, [sums.moments_about(test, x_mean, y_mean) for test in design.tests(pair)])


def best_ratio(errors: torch.Tensor, ratios: list[float]) -> torch.Tensor:
    """The largest ratio with the smallest error; (n_ratios, V) to (V,)."""
    return torch.tensor(ratios, device=errors.device)[errors.argmin(dim=0)]


def one_se_ratio(errors: torch.Tensor, ratios: list[float]) -> torch.Tensor:
    """The largest ratio within one standard error of the smallest error; (n_folds, n_ratios, V) to (V,)."""
    if len(ratios) == 1:
        return best_ratio(errors.sum(dim=0), ratios)
    best = errors.mean(dim=0).argmin(dim=0)
    excess = errors - errors.gather(1, best.expand(len(errors), 1, -1))
    allowed = excess.std(dim=0) / len(errors) ** 0.5
    close = excess.mean(dim=0) <= allowed  # infinite after the end of the path, where the deviation is NaN
    return torch.tensor(ratios, device=errors.device)[close.to(torch.int8).argmax(dim=0)]


def solve(sums: SegmentSums, index: int, ratio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Coefficients (K, V), intercepts and λ_max (V,) of one training set, for X and Y centred over all rows."""
    gram, cross, x_mean, y_mean = sums.moments(index)
    largest = largest_penalty(cross)
    coef = lasso_gram(gram, cross, ratio * largest, tolerance=TUNING.final_tolerance * float(ratio.min()))
    return coef, y_mean - x_mean @ coef, largest


def checked_ratios(ratios: Sequence[float]) -> list[float]:
    ordered = sorted((float(ratio) for ratio in ratios), reverse=True)
    if not ordered or not all(0 < ratio < 1 for ratio in ordered):
        raise ValueError(f"Penalty ratios {list(ratios)}: each must be between 0 and 1, both excluded.")
    return ordered
