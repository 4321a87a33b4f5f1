"""Choice of the penalty that best predicts left-out volumes, for many targets."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from bids_app.encoding.ridge._solver import Design, Eigen, EigenTensors, Factors
from bids_app.encoding.ridge._triangles import ByTriangles, leverage
from bids_app.encoding.ridge._tuning import TUNING
from bids_app.stats.arrays import Fold, Ints
from bids_app.stats.copies import NONE, Copies
from bids_app.stats.device import map_decompositions


class PenaltyErrors(Protocol):
    """Mean squared error of every penalty, (n_alphas, V) float64, for responses (n_volumes, V) on the device."""

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        """Errors of a batch of targets."""


def penalty_errors(
    design: Design,
    whole: tuple[Ints, Eigen | EigenTensors],
    pairs: Sequence[Fold] | None,
    alphas: torch.Tensor,
    n_targets: int,
    eigens: Sequence[Eigen] = (),
    content: Ints | None = None,
) -> PenaltyErrors:
    """Errors on the test rows of folds, or leave-one-out errors.

    Computed from predictions, or from triangles if that takes fewer operations.

    Parameters
    ----------
    design : the regressors
    whole : indices of the rows that contain all pairs, and their decomposition
    pairs : (train, test) rows of each fold; None for leave-one-out
    alphas : penalties, (n_alphas,)
    n_targets : number of responses in all batches
    eigens : the decompositions of the training rows, if known
    content : (n_volumes,) for leave-one-out: volumes with the same number are left out together
    """
    if len(alphas) == 1:
        return lambda Y: torch.zeros(1, Y.shape[1], dtype=torch.float64, device=Y.device)  # only one penalty
    if pairs is None:
        rows, eigen = whole
        factors = design.factorise(rows, rows, eigen)
        if content is not None:
            return _LeaveCopiesOut(factors, alphas, content[rows])
        folds = [factors]
    else:
        # Concurrently, because a decomposition mostly uses one thread.
        known: list[Eigen | None] = [*eigens] if eigens else [None] * len(pairs)
        sets = list(zip(pairs, known, strict=True))

        def factorise(training_set: tuple[Fold, Eigen | None]) -> Factors:
            (train, test), eigen = training_set
            return design.factorise(train, test, eigen)

        folds = list(map_decompositions(factorise, sets, alphas.device))
    if _triangles_pay(folds, len(alphas), n_targets):
        return ByTriangles(folds, alphas, loo=pairs is None)
    return _LeaveOneOut(folds[0], alphas) if pairs is None else _ByResiduals(folds, alphas)


def _triangles_pay(folds: Sequence[Factors], n_alphas: int, n_targets: int) -> bool:
    n_rows = len(torch.unique(torch.cat([rows for fold in folds for rows in (fold.train, fold.test)])))
    direct = sum(len(fold.eigenvalues) * (len(fold.train) + n_alphas * len(fold.test)) for fold in folds)
    triangles = n_alphas * n_rows * (n_rows + TUNING.band) / 2
    return triangles * n_targets + TUNING.decomposition * n_alphas * n_rows**3 < direct * n_targets


def choose(errors: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """The first penalty with the smallest error per target: (n_alphas, V) to (V,)."""
    return alphas[errors.argmin(dim=0)]


class _ByResiduals:
    """One product per fold and penalty."""

    def __init__(self, folds: Sequence[Factors], alphas: torch.Tensor):
        self.folds, self.alphas = folds, alphas

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        errors = torch.zeros(len(self.alphas), Y.shape[1], dtype=torch.float64, device=Y.device)
        for fold in self.folds:
            projected, target = fold.projections(Y), Y[fold.tested]
            residual = torch.empty_like(target)
            for row, weight in enumerate(fold.filters(self.alphas.double()).T):
                torch.addmm(target, (fold.basis * weight).float(), projected, alpha=-1, out=residual)
                errors[row] += residual.square_().mean(dim=0)
        return errors / len(self.folds)


class _LeaveOneOut:
    """One product per penalty: a residual divided by one minus its leverage is the leave-one-out residual."""

    def __init__(self, factors: Factors, alphas: torch.Tensor):
        self.factors, self.alphas = factors, alphas

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        factors = self.factors
        errors = torch.empty(len(self.alphas), Y.shape[1], dtype=torch.float64, device=Y.device)
        projected, target = factors.projections(Y), Y[factors.tested]
        for row, weight in enumerate(factors.filters(self.alphas.double()).T):
            weighted = factors.basis * weight
            residual = torch.addmm(target, weighted.float(), projected, alpha=-1)
            residual /= (1 - leverage(weighted, factors)).float()
            errors[row] = residual.square_().mean(dim=0)
        return errors


class _LeaveCopiesOut:
    """`_LeaveOneOut` for all rows with the same content: residuals times the inverse of one minus leverages.

    The error is averaged over the rows of each piece of content, then over pieces.
    """

    def __init__(self, factors: Factors, alphas: torch.Tensor, content: Ints):
        self.factors, self.alphas = factors, alphas
        copies = Copies(content)
        counts = (copies.rows != NONE).sum(axis=0)
        # (n_pieces, n_copies) rows of all pieces heard equally often
        self.groups = [
            torch.as_tensor(copies.rows[:count, counts == count].T.copy(), device=alphas.device)
            for count in np.unique(counts)
        ]

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        factors = self.factors
        errors = torch.zeros(len(self.alphas), Y.shape[1], dtype=torch.float64, device=Y.device)
        projected, target = factors.projections(Y), Y[factors.tested]
        back = factors.project[:, factors.test].T
        for row, weight in enumerate(factors.filters(self.alphas.double()).T):
            weighted = factors.basis * weight
            residual = torch.addmm(target, weighted.float(), projected, alpha=-1)
            for group in self.groups:
                within = weighted[group] @ back[group].mT  # (n_pieces, n_copies, n_copies)
                kept = torch.eye(group.shape[1], dtype=within.dtype, device=within.device) - within
                left_out = torch.linalg.inv(kept).float() @ residual[group]
                errors[row] += left_out.square_().mean(dim=1).sum(dim=0)
        return errors / sum(len(group) for group in self.groups)
