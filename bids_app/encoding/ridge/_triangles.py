"""Errors of penalties as sums of squares of triangles times the responses.

The residuals of all left-out volumes at one penalty are a matrix A times the responses, and the triangle T of its QR
decomposition satisfies |T y| = |A y|. With many penalties, products with triangles take fewer operations than
predictions.
"""

from collections.abc import Sequence

import torch

from bids_app.encoding.ridge._solver import Factors, span
from bids_app.encoding.ridge._tuning import TUNING
from bids_app.stats.device import map_decompositions


class ByTriangles:
    """One triangle per penalty, cut into bands; a band of all penalties is one product."""

    def __init__(self, folds: Sequence[Factors], alphas: torch.Tensor, *, loo: bool):
        """Decompose the residuals of all folds; with `loo`, of one set of rows, each left out in turn."""
        self._rows = torch.unique(torch.cat([rows for fold in folds for rows in (fold.train, fold.test)]))
        self._n_alphas, self._span = len(alphas), span(self._rows)

        def triangle(alpha: torch.Tensor) -> torch.Tensor:
            products = [
                residuals(fold, alpha, self._rows, loo=loo) / (len(fold.test) * len(folds)) ** 0.5 for fold in folds
            ]
            upper: torch.Tensor = torch.linalg.qr(torch.cat(products), mode="r").R.float()
            return upper

        triangles = torch.stack(list(map_decompositions(triangle, list(alphas), alphas.device)))
        self._bands = [
            triangles[:, start : start + TUNING.band, start:].transpose(0, 1).reshape(-1, len(self._rows) - start)
            for start in range(0, triangles.shape[1], TUNING.band)
        ]

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        """Mean squared errors (n_alphas, V) float64."""
        Y = Y[self._span]
        errors = torch.zeros(self._n_alphas, Y.shape[1], dtype=torch.float64, device=Y.device)
        products = Y.new_empty(len(self._bands[0]), Y.shape[1])  # allocating each anew would cost a sixth of the time
        for band in self._bands:
            product = torch.mm(band, Y[len(Y) - band.shape[1] :], out=products[: len(band)])
            errors += product.square_().view(-1, self._n_alphas, Y.shape[1]).sum(dim=0)
        return errors


def residuals(fold: Factors, alpha: torch.Tensor, rows: torch.Tensor, *, loo: bool) -> torch.Tensor:
    """(n_test, n_rows) float64: this @ Y[rows] are residuals of the test rows of a fold, or leave-one-out residuals."""
    weighted = fold.basis * fold.filters(alpha[None].double())[:, 0]
    matrix = (fold.test[:, None] == rows[None]).double() - weighted @ fold.project[:, rows]
    return matrix / (1 - leverage(weighted, fold)) if loo else matrix


def leverage(weighted: torch.Tensor, factors: Factors) -> torch.Tensor:
    """Weight of the response of each row in its prediction by `weighted` @ `project`, (n_test, 1)."""
    return (weighted * factors.project[:, factors.test].T).sum(dim=1, keepdim=True)
