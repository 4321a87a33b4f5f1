"""Which penalty predicts best the volumes that were left out, for many targets."""

from collections.abc import Sequence
from typing import Protocol

import torch

from bids_app.encoding.ridge_solver import Factors, rows_of
from bids_app.encoding.ridge_triangles import BLOCK, ByTriangles, leverage

# How much slower the decompositions of `ByTriangles` are than products, in float64 on top.
_DECOMPOSITION = 8


class PenaltyErrors(Protocol):
    """Mean squared error of every penalty, (n_alphas, V) float64, for responses (n_volumes, V) on the device."""

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        """Errors of a batch of targets."""


def penalty_errors(factors: Factors | Sequence[Factors], alphas: torch.Tensor, n_targets: int) -> PenaltyErrors:
    """Errors on the test parts of folds, or leave-one-out errors for the factors of one set tested on itself.

    Either prediction by prediction, or, where that takes fewer operations, through triangles: the residuals of all
    left-out volumes are a matrix times the responses, and that matrix may be replaced by the triangle of its QR
    decomposition, which keeps the sum of squares.
    """
    if len(alphas) == 1:
        return lambda Y: torch.zeros(1, Y.shape[1], dtype=torch.float64, device=Y.device)  # nothing to choose
    folds = [factors] if isinstance(factors, Factors) else list(factors)
    rows = torch.unique(torch.cat([part for fold in folds for part in (fold.train, fold.test)]))
    n_rows, n_alphas, rank = len(rows), len(alphas), len(folds[0].eigenvalues)
    direct = sum(rank * (fold.project.shape[1] + n_alphas * len(fold.test)) for fold in folds)
    triangles = n_alphas * n_rows * (n_rows + BLOCK) / 2
    making = _DECOMPOSITION * n_alphas * n_rows**3
    if triangles * n_targets + making < direct * n_targets:
        return ByTriangles(folds, alphas, rows, loo=isinstance(factors, Factors))
    return _LeaveOneOut(factors, alphas) if isinstance(factors, Factors) else _ByResiduals(folds, alphas)


def choose(errors: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """The penalty with the smallest error per target, the first of equals: (n_alphas, V) to (V,)."""
    return alphas[errors.argmin(dim=0)]


class _ByResiduals:
    """One product per fold and penalty."""

    def __init__(self, folds: Sequence[Factors], alphas: torch.Tensor):
        self.folds, self.alphas = folds, alphas

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        errors = torch.zeros(len(self.alphas), Y.shape[1], dtype=torch.float64, device=Y.device)
        for fold in self.folds:
            projected, target = fold.projections(Y), rows_of(Y, fold.test)
            residual = torch.empty_like(target)
            for row, weight in enumerate(fold.filters(self.alphas).T):
                torch.addmm(target, fold.basis * weight, projected, alpha=-1, out=residual)
                errors[row] += residual.square_().mean(dim=0)
        return errors / len(self.folds)


class _LeaveOneOut:
    """One product per penalty: a residual of the fit divided by one minus its leverage is that of not fitting it."""

    def __init__(self, factors: Factors, alphas: torch.Tensor):
        self.factors, self.alphas = factors, alphas

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        factors = self.factors
        errors = torch.empty(len(self.alphas), Y.shape[1], dtype=torch.float64, device=Y.device)
        projected, target = factors.projections(Y), rows_of(Y, factors.test)
        for row, weight in enumerate(factors.filters(self.alphas).T):
            weighted = factors.basis * weight
            residual = torch.addmm(target, weighted, projected, alpha=-1) / (1 - leverage(weighted, factors))
            errors[row] = residual.square_().mean(dim=0)
        return errors
