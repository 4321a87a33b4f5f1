"""Errors of many penalties as sums of squares of triangles times the responses, and which triangles are needless.

The residuals of all left-out volumes at one penalty are a matrix A times the responses. The triangle T of its QR
decomposition has |T y| = |A y| and takes half the operations. Some penalties are evaluated for all responses. What
these say about the others (`ridge_bounds`) leaves few responses for which another penalty may be the best one; for
these alone its error is evaluated, too.
"""

from threading import Lock

import torch

from bids_app.encoding.ridge._bounds import TOLERANCE, Bound, Overfit, Plan, Seen, bound, overfits
from bids_app.encoding.ridge._left_out import LeftOut, MeanErrors, symmetric_product
from bids_app.encoding.ridge._solver import rows_of
from bids_app.stats.device import map_batches

# Rows of a triangle that are multiplied together.
BLOCK = 32
# The same for a triangle on its own: products of few rows are slow.
_LARGER_BLOCK = 128
# Directions that are treated on their own, as a part of all rows.
_DIRECTIONS = 0.2


class ByTriangles:
    """One triangle per penalty that is needed, cut into bands; bands with the same rows are one product."""

    def __init__(self, left_out: LeftOut, alphas: torch.Tensor, sample: torch.Tensor):
        """Choose which penalties to evaluate for all responses by a sample of these, (n_volumes, n_sample)."""
        self._rows, device = left_out.rows, alphas.device
        made = map_batches(lambda alpha: _matrices(left_out, alpha), [*alphas.tolist(), torch.inf], device)
        self._residuals, products = zip(*made, strict=True)
        matrices = torch.stack(products)
        self._never = MeanErrors(left_out)
        directions = left_out.leading(max(1, int(_DIRECTIONS * len(self._rows))))
        self._directions = directions.T.float().contiguous()
        overfit = overfits(matrices[:-1], torch.argsort(alphas).tolist())
        plan = Plan(matrices, directions, sample[self._rows], overfit)
        self._kept = plan.kept
        self._bounds: list[Bound | Overfit] = [
            *overfit,
            *map_batches(lambda place: bound(place, plan, matrices, directions), plan.others, device),
        ]
        self._bands = _bands(torch.stack(list(map_batches(self._triangle, self._kept, device))), BLOCK)
        self._picked: dict[int, list[torch.Tensor]] = {}
        self._lock = Lock()

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        """Errors (n_alphas, V); of a penalty that is not the best one, maybe only that they are not smaller."""
        Y = rows_of(Y, self._rows)
        errors = torch.empty(len(self._kept) + len(self._bounds), Y.shape[1], dtype=torch.float64, device=Y.device)
        errors[self._kept] = _squares(self._bands, len(self._kept), Y)
        if self._bounds:
            self._add_others(errors, Y)
        return errors

    def _add_others(self, errors: torch.Tensor, Y: torch.Tensor) -> None:
        """Put the errors, or lower bounds, of the penalties that are not kept beside those that are."""
        kept = errors[self._kept]
        seen = Seen(torch.cat([kept, self._never(Y)[None]]), self._directions @ Y, Y)
        length, smallest = Y.square().sum(dim=0).double(), kept.amin(dim=0)
        doubtful = {}
        for one in self._bounds:
            estimate = one.estimate(seen)
            doubtful[one.place] = max(one.below, one.above) * length > TOLERANCE * smallest
            errors[one.place] = torch.where(doubtful[one.place], estimate - one.below * length, estimate)
            smallest = torch.where(doubtful[one.place], smallest, torch.minimum(smallest, estimate))
        # the most promising first: what it reaches rules out others
        for place in sorted(doubtful, key=lambda place: float(errors[place].mean())):
            picked = torch.nonzero(doubtful[place] & (errors[place] <= smallest)).flatten()
            if len(picked):
                exact = _squares(self._bands_at(place), 1, Y.index_select(1, picked))[0]
                errors[place, picked] = exact
                smallest[picked] = torch.minimum(smallest[picked], exact)

    def _triangle(self, place: int) -> torch.Tensor:
        """(n_rows, n_rows) float64 upper triangle T: |T Y[rows]|² are the mean squared errors at one penalty."""
        triangle: torch.Tensor = torch.linalg.qr(self._residuals[place].double(), mode="r").R
        return triangle

    def _bands_at(self, place: int) -> list[torch.Tensor]:
        """Bands of one penalty, made when the first response asks for them."""
        with self._lock:
            if place not in self._picked:
                self._picked[place] = _bands(self._triangle(place)[None], _LARGER_BLOCK)
            return self._picked[place]


def _matrices(left_out: LeftOut, alpha: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Residuals (n_tested, n_rows) and A (n_rows, n_rows), y'A y the error; float32."""
    residuals = left_out.residuals(alpha).float()
    return residuals, symmetric_product(residuals.T, residuals)


def _bands(triangles: torch.Tensor, block: int) -> list[torch.Tensor]:
    """(n, height, n_rows) triangles to blocks of rows of all of them, without the zeros on their left, float32."""
    height, width = triangles.shape[1:]
    return [
        triangles[:, start : start + block, start:].reshape(-1, width - start).float()
        for start in range(0, height, block)
    ]


def _squares(bands: list[torch.Tensor], n_triangles: int, Y: torch.Tensor) -> torch.Tensor:
    errors = torch.zeros(n_triangles, Y.shape[1], dtype=torch.float64, device=Y.device)
    for band in bands:
        residual = (band @ Y[len(Y) - band.shape[1] :]).view(n_triangles, -1, Y.shape[1])
        errors += residual.square_().sum(dim=1)
    return errors
