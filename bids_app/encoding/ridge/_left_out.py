"""Residuals of volumes that a fit did not see, as matrices, from one decomposition of all volumes together.

Let M = α (K + αI)⁻¹ for the products K of all rows, in which an intercept is always fitted: M y are the residuals of a
fit of all rows. Those of the rows L, had the fit not seen them, are (M_LL)⁻¹ M_L y (An, Liu & Venkatesh 2007,
doi:10.1016/j.patcog.2006.12.015; for one row the well-known division by one minus its leverage). So no fold needs a
decomposition of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bids_app.encoding.ridge._solver import Design, Eigen
from bids_app.stats.arrays import Fold

# Directions whose eigenvalue is a smaller part of the largest are rounding.
_NEGLIGIBLE = 1e-9
# Rows and columns of blocks of a symmetric product, of which those above the diagonal are computed.
_N_BLOCKS = 8


@dataclass(frozen=True)
class LeftOut:
    """Which rows each fold trains on and tests, and what all rows together are made of; float64, on the device.

    scores is (n_rows, rank): eigenvectors of the centred rows' products where `dual`, else the rows' components.
    train and test are (n_folds, n_rows) bool. With `loo`, the one fold trains on all rows and tests all, each left out.
    """

    rows: torch.Tensor  # row numbers among all volumes
    scores: torch.Tensor
    eigenvalues: torch.Tensor
    train: torch.Tensor
    test: torch.Tensor
    dual: bool
    loo: bool

    @classmethod
    def of(cls, design: Design, eigen: Eigen, rows: torch.Tensor, pairs: Sequence[Fold] | None) -> "LeftOut":
        """`eigen` is the decomposition of `rows`; `pairs` lie within these rows, None for leave-one-out."""
        every = torch.ones(1, len(rows), dtype=torch.bool, device=rows.device)
        train, test = (
            every
            if pairs is None
            else torch.stack([torch.isin(rows, torch.as_tensor(pair[i]).to(rows)) for pair in pairs])
            for i in (0, 1)
        )
        values = torch.as_tensor(eigen.values, device=rows.device).clamp(min=0)
        return cls(rows, design.scores(eigen, rows), values, train, test, design.dual, pairs is None)

    def residuals(self, alpha: float) -> torch.Tensor:
        """(n_tested, n_rows) float64: |this @ Y[rows]|² is the folds' average mean squared error of the tested rows."""
        kept = self._kept(alpha)
        if self.loo:
            kept /= kept.diagonal()[:, None] * len(kept) ** 0.5
            return kept
        parts = []
        for train, test in zip(self.train, self.test, strict=True):
            out = torch.nonzero(~train).flatten()
            residual = torch.linalg.inv(kept[out][:, out])[test[out]] @ kept[out]
            parts.append(residual / (len(residual) * len(self.train)) ** 0.5)
        return torch.cat(parts)

    def _kept(self, alpha: float) -> torch.Tensor:
        """M, (n_rows, n_rows)."""
        if self.dual:
            return symmetric_product(self.scores / (1 + self.eigenvalues / alpha), self.scores.T)
        fitted = symmetric_product(self.scores / (self.eigenvalues + alpha), self.scores.T)
        centre = torch.eye(len(fitted), dtype=fitted.dtype, device=fitted.device) - 1 / len(fitted)
        return centre - fitted

    def leading(self, most: int) -> torch.Tensor:
        """The directions of responses that the design explains best, (n_rows, at most `most`), orthonormal."""
        used = self.eigenvalues > _NEGLIGIBLE * self.eigenvalues.max()
        used[: max(0, len(used) - most)] = False
        directions = self.scores[:, used]
        return directions if self.dual else directions / self.eigenvalues[used].sqrt()


def symmetric_product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """left @ right where this is symmetric: what lies below the blocks of the diagonal is copied from above."""
    product = left.new_empty(len(left), len(left))
    step = -(-len(left) // _N_BLOCKS)
    for start in range(0, len(left), step):
        stop = start + step
        product[start:stop, start:] = left[start:stop] @ right[:, start:]
        product[stop:, start:stop] = product[start:stop, stop:].T
    return product


class MeanErrors:
    """Errors of the means of the training rows, which an infinite penalty leaves."""

    def __init__(self, left_out: LeftOut):
        """Make what few rows are multiplied with responses."""
        train, test = left_out.train.double(), left_out.test.double()
        n_folds, n_rows = train.shape
        scale = (1 - 1 / n_rows) ** -2 if left_out.loo else 1.0
        self.means = (train / train.sum(dim=1, keepdim=True)).float()  # (n_folds, n_rows)
        self.parts = (test * scale / test.sum(dim=1, keepdim=True) / n_folds).float()
        self.scale = scale / n_folds

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        """(V,) float64, of responses (n_rows, V)."""
        means = (self.means @ Y).double()
        crossed = (self.parts @ Y).double()
        squares = (self.parts.sum(dim=0, keepdim=True) @ Y.square())[0].double()
        return squares - 2 * (means * crossed).sum(dim=0) + self.scale * means.square().sum(dim=0)
