"""Errors of many candidates (weightings of feature spaces, and penalties) as few quadratic forms.

The squared error of a candidate is a quadratic form of the responses, or of their projections on the features.
Neighbouring penalties, and weightings that share spaces, have nearly the same forms, close to the span of a few.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from bids_app.encoding.ridge._solver import Factors, span
from bids_app.encoding.ridge._triangles import residuals
from bids_app.encoding.ridge._tuning import TUNING
from bids_app.stats.device import map_decompositions, one_thread


class QuadraticForms:
    """Values zᵀ Q z of a family of symmetric matrices, for many vectors z.

    The family is replaced by its leading principal matrices, as many as leave no value off by more than the tolerance
    times |z|² (by the Frobenius norm of what is left out). Of each, only the upper triangle is multiplied.
    """

    @one_thread()
    def __init__(self, family: torch.Tensor, tolerance: float):
        """Prepare forms (n_forms, d, d), float64."""
        size, entries = family.shape[1], family.flatten(1)
        strength, vectors = np.linalg.eigh((entries @ entries.T).cpu().numpy())
        left_out = np.sqrt(np.cumsum(strength.clip(min=0)))  # eigenvalues ascend
        self._vectors = torch.as_tensor(vectors[:, left_out > tolerance], device=family.device)
        kept = (self._vectors.T @ entries).view(-1, size, size)
        self._bands = [_band(kept[:, start : start + TUNING.band, start:]) for start in range(0, size, TUNING.band)]

    @property
    def n_kept(self) -> int:
        """Number of principal matrices."""
        return int(self._vectors.shape[1])

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """Values (n_forms, V) float64 of z (d, V) float32."""
        values = torch.zeros(self.n_kept, z.shape[1], dtype=torch.float64, device=z.device)
        if self.n_kept:
            products = z.new_empty(len(self._bands[0]), z.shape[1])
            for number, band in enumerate(self._bands):
                rows = z[number * TUNING.band :]
                product = torch.mm(band, rows, out=products[: len(band)]).view(self.n_kept, -1, z.shape[1])
                values += product.mul_(rows[: TUNING.band]).sum(dim=1)
        return self._vectors @ values


def _band(rows: torch.Tensor) -> torch.Tensor:
    """Rows of symmetric matrices from the diagonal on, doubled beyond it, (n_kept * n_rows, n_columns) float32."""
    doubled = rows.float() * 2
    block = doubled[:, :, : rows.shape[1]]
    block.copy_(torch.triu(block, 1) + torch.diag_embed(torch.diagonal(block, dim1=1, dim2=2) / 2))
    return doubled.flatten(0, 1)


class OfProjections:
    """Mean squared errors of all penalties of one weighting, by forms of the rank of its features.

    With B the features of the test rows of a fold and z the projections of its training rows, the prediction is
    B g(α) z, and the squared error |t|² − 2 g(α)ᵀ (Bᵀt ∘ z) + zᵀ g(α) BᵀB g(α) z.
    """

    def __init__(self, folds: Sequence[Factors], alphas: torch.Tensor):
        """Prepare the forms of all folds."""
        self._folds = list(map_decompositions(partial(_FoldForms, alphas=alphas.double()), folds, alphas.device))

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        """Mean squared errors (n_alphas, V) float64."""
        errors = self._folds[0](Y)
        for fold in self._folds[1:]:
            errors += fold(Y)
        return errors / len(self._folds)


class _FoldForms:
    """One fold, with projections onto unit vectors, so that |z| is at most |y|."""

    def __init__(self, fold: Factors, alphas: torch.Tensor):
        self._train, self._test = _consecutive(fold.train), fold.tested
        scale = torch.cat([fold.eigenvalues.sqrt(), fold.eigenvalues.new_ones(1)])
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))[:, None]
        self._project = (fold.project[:, fold.train] / scale).float()  # the last row is the mean
        basis = fold.basis[:, :-1] * scale[:-1, 0]
        filters = fold.filters(alphas)[:-1].T  # (n_alphas, rank)
        gram = basis.T @ basis / len(fold.test)
        tolerance = TUNING.form_tolerance / len(fold.train)
        self._forms = QuadraticForms(filters[:, :, None] * gram * filters[:, None, :], tolerance)
        self._basis, self._linear = basis.T.float(), (-2 / len(fold.test) * filters).float()

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        projected = _product(self._project, self._train, Y)
        z, target = projected[:-1], Y[self._test] - projected[-1]
        errors = self._forms(z)
        errors += self._linear @ (self._basis @ target).mul_(z)
        return errors.add_(target.square_().mean(dim=0))


def _consecutive(rows: torch.Tensor) -> list[slice]:
    """The blocks of consecutive rows."""
    ends = [*(torch.nonzero(rows.diff() != 1)[:, 0] + 1).tolist(), len(rows)]
    starts = [0, *ends[:-1]]
    return [slice(int(rows[start]), int(rows[end - 1]) + 1) for start, end in zip(starts, ends, strict=True)]


def _product(matrix: torch.Tensor, blocks: Sequence[slice], Y: torch.Tensor) -> torch.Tensor:
    """matrix @ the rows of Y in some blocks, without a copy of them."""
    pieces = torch.split_with_sizes(matrix, [block.stop - block.start for block in blocks], dim=1)
    product = pieces[0] @ Y[blocks[0]]
    for piece, block in zip(pieces[1:], blocks[1:], strict=True):
        product.addmm_(piece, Y[block])
    return product


class OfResponses:
    """Mean squared errors of all penalties of several weightings, by forms of the responses themselves."""

    def __init__(self, weightings: Sequence[Sequence[Factors]], alphas: torch.Tensor):
        """Prepare the forms of the folds of each weighting."""
        folds = weightings[0]
        self._rows = torch.unique(torch.cat([rows for fold in folds for rows in (fold.train, fold.test)]))
        self._span = span(self._rows)
        alone = torch.zeros(len(self._rows), dtype=torch.float64, device=alphas.device)
        for fold in folds:
            alone[torch.searchsorted(self._rows, fold.test)] += 1 / (len(fold.test) * len(folds))
        self._alone = alone.float()
        candidates = [(factors, alpha) for factors in weightings for alpha in alphas]
        family = torch.stack(list(map_decompositions(self._form, candidates, alphas.device)))
        torch.diagonal(family, dim1=1, dim2=2).sub_(alone)  # exact for responses that are hardly predicted
        self._forms = QuadraticForms(family, TUNING.form_tolerance / len(self._rows))

    def _form(self, candidate: tuple[Sequence[Factors], torch.Tensor]) -> torch.Tensor:
        folds, alpha = candidate
        form = torch.zeros(len(self._rows), len(self._rows), dtype=torch.float64, device=alpha.device)
        for fold in folds:
            residual = residuals(fold, alpha, self._rows, loo=False)
            form.addmm_(residual.T, residual, alpha=1 / (len(fold.test) * len(folds)))
        return form

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        """Mean squared errors (n_weightings * n_alphas, V) float64."""
        responses = Y[self._span]
        return self._forms(responses).add_(self._alone @ responses.square())
