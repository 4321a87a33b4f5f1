"""Errors of many penalties as sums of squares of triangles times the responses, and which triangles are needless.

The residuals of all left-out volumes at one penalty are a matrix A times the responses. The triangle T of its QR
decomposition has |T y| = |A y| and takes half the operations. Two things make most triangles needless:

- Errors vary smoothly with the penalty. One that is a weighted sum of others' for all responses is not evaluated.
- For U with orthonormal columns, |Uᵀ T y| ≤ |T y|. Where few rows Uᵀ T already exceed the error of another penalty,
  as they do where a small penalty overfits, this penalty is not the best one and its error need not be known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bids_app.encoding.ridge_solver import Factors, rows_of

# Rows of a triangle that are multiplied together.
BLOCK = 32
# Made-up responses on which weighted sums are found, and by how much of an error they may be wrong on any of them.
_N_SAMPLES = 256
_TOLERANCE = 2e-6
# Weights larger than this would multiply the rounding of float32.
_LARGEST_WEIGHT = 8.0
_NEGLIGIBLE = 1e-13
# How many rows U may have, as a part of a triangle's, and how far they must exceed the smallest error of noise.
_PART = 0.2
_EXCESS = 1.6
_FEWEST_ROWS = 16


@dataclass(frozen=True)
class _Bounded:
    """A penalty whose error is looked at only where `rows` (n_bound, n_rows) do not exceed another's."""

    place: int
    rows: torch.Tensor
    bands: list[torch.Tensor]


class ByTriangles:
    """One triangle per penalty that is needed, cut into bands; bands with the same rows are one product."""

    def __init__(self, folds: Sequence[Factors], alphas: torch.Tensor, rows: torch.Tensor, *, loo: bool):
        """Choose and make the triangles; `rows` are all volumes that are trained or tested on."""
        self.rows, self.n_alphas = rows, len(alphas)
        self._never = _Means(folds, rows, loo=loo)
        with_never = torch.cat([alphas, alphas.new_tensor([torch.inf])])
        sample = _sample_errors(folds, with_never, loo=loo)
        noise = sample[:, : _N_SAMPLES // 2].mean(dim=1)
        triangles: dict[int, torch.Tensor] = {}
        self._bounded: list[_Bounded] = []
        least = _EXCESS * float(noise.min())
        for place in (place for place in torch.argsort(alphas).tolist() if noise[place] > least):
            triangles[place] = _triangle(folds, alphas[place], rows, loo=loo)
            bound = _bound(triangles[place], least)
            if bound is None:
                break  # larger penalties overfit less
            self._bounded.append(_Bounded(place, bound, _bands(triangles[place][None])))
        bounded = {one.place for one in self._bounded}
        free = [place for place in range(self.n_alphas) if place not in bounded]
        self._kept, self._summed, self._weights = _weighted_sums(sample, free)
        self._bands = _bands(
            torch.stack(
                [
                    triangles[place] if place in triangles else _triangle(folds, alphas[place], rows, loo=loo)
                    for place in self._kept
                ]
            )
        )

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        """Errors (n_alphas, V); of a penalty that is not the best one, maybe only that they are not smaller."""
        Y = rows_of(Y, self.rows)
        errors = torch.zeros(self.n_alphas, Y.shape[1], dtype=torch.float64, device=Y.device)
        kept = _squares(self._bands, len(self._kept), Y)
        errors[self._kept] = kept
        if self._summed:
            errors[self._summed] = self._weights @ torch.cat([kept, self._never(Y)[None]])
        if self._bounded:
            places = [one.place for one in self._bounded]
            errors[places] = torch.inf
            smallest = errors.amin(dim=0)
            for one in self._bounded:
                errors[one.place] = _error_or_bound(one, Y, smallest)
        return errors


class _Means:
    """Errors of the means of the training rows, which an infinite penalty leaves."""

    def __init__(self, folds: Sequence[Factors], rows: torch.Tensor, *, loo: bool):
        tested = torch.stack([(fold.test[:, None] == rows[None]).any(dim=0) for fold in folds]).double()
        scale = (1 - 1 / len(rows)) ** -2 if loo else 1.0
        self.means = torch.stack([fold.project[-1, rows] for fold in folds])  # (n_folds, n_rows)
        self.parts = (tested * scale / tested.sum(dim=1, keepdim=True) / len(folds)).float()
        self.scale = scale / len(folds)

    def __call__(self, Y: torch.Tensor) -> torch.Tensor:
        means = (self.means @ Y).double()
        crossed = (self.parts @ Y).double()
        squares = (self.parts.sum(dim=0, keepdim=True) @ Y.square())[0].double()
        return squares - 2 * (means * crossed).sum(dim=0) + self.scale * means.square().sum(dim=0)


def _error_or_bound(one: _Bounded, Y: torch.Tensor, smallest: torch.Tensor) -> torch.Tensor:
    """The error (V,) where it may be below `smallest`, else a lower bound of it."""
    result = (one.rows @ Y).square_().sum(dim=0).double()
    open_ = torch.nonzero(result <= smallest).flatten()
    if 2 * len(open_) > Y.shape[1]:
        return _squares(one.bands, 1, Y)[0]
    if len(open_):
        result[open_] = _squares(one.bands, 1, Y[:, open_])[0]
    return result


def _triangle(folds: Sequence[Factors], alpha: torch.Tensor, rows: torch.Tensor, *, loo: bool) -> torch.Tensor:
    """(n_rows, n_rows) float64 upper triangle T: |T Y[rows]|² are the mean squared errors at one penalty."""
    parts = []
    for fold in folds:
        weighted = fold.basis.double() * fold.filters(alpha[None])[:, 0].double()
        residual = -(weighted @ fold.project[:, rows].double())
        residual += (fold.test[:, None] == rows[None]).double()
        if loo:
            residual /= 1 - leverage(weighted, fold)
        parts.append(residual / (len(fold.test) * len(folds)) ** 0.5)
    triangle: torch.Tensor = torch.linalg.qr(torch.cat(parts), mode="r").R
    return triangle


def leverage(weighted: torch.Tensor, factors: Factors) -> torch.Tensor:
    """How much each row's own response weighs in its fit, (n_test, 1)."""
    return (weighted * factors.project[:, factors.test].T.to(weighted.dtype)).sum(dim=1, keepdim=True)


def _bands(triangles: torch.Tensor) -> list[torch.Tensor]:
    """(n, height, n_rows) triangles to blocks of rows of all of them, without the zeros on their left, float32."""
    height, width = triangles.shape[1:]
    return [
        triangles[:, start : start + BLOCK, start:].reshape(-1, width - start).float()
        for start in range(0, height, BLOCK)
    ]


def _squares(bands: list[torch.Tensor], n_triangles: int, Y: torch.Tensor) -> torch.Tensor:
    errors = torch.zeros(n_triangles, Y.shape[1], dtype=torch.float64, device=Y.device)
    for band in bands:
        residual = (band @ Y[len(Y) - band.shape[1] :]).view(n_triangles, -1, Y.shape[1])
        errors += residual.square_().sum(dim=1)
    return errors


def _bound(triangle: torch.Tensor, least: float) -> torch.Tensor | None:
    """Few rows Uᵀ T that exceed `least` on noise, (n_bound, n_rows) float32; None where too many would be needed.

    U spans the directions of the largest errors, found by subspace iteration.
    """
    n_rows = triangle.shape[1]
    most = int(_PART * n_rows)
    if most < _FEWEST_ROWS:
        return None
    basis = torch.linalg.qr(triangle @ (triangle.T @ (triangle @ _normal(n_rows, most, triangle.device)))).Q
    _, lengths, rows = torch.linalg.svd(basis.T @ triangle, full_matrices=False)
    enough = torch.nonzero(lengths.square().cumsum(dim=0) >= least).flatten()
    if not len(enough):
        return None
    n_bound = max(_FEWEST_ROWS, int(enough[0]) + 1)
    bound: torch.Tensor = lengths[:n_bound, None] * rows[:n_bound]
    return bound.float()


def _sample_errors(folds: Sequence[Factors], alphas: torch.Tensor, *, loo: bool) -> torch.Tensor:
    """Errors of made-up responses, (n_alphas, n_samples) float64: first noise, then what the design brings forth."""
    device, half = alphas.device, _N_SAMPLES // 2
    first = folds[0].project.double()
    noise = _normal(first.shape[1], half, device)
    signal = first[:-1].T @ _normal(len(first) - 1, half, device)
    Y = torch.cat([noise, signal / signal.square().mean(dim=0).sqrt()], dim=1)
    errors = torch.zeros(len(alphas), _N_SAMPLES, dtype=torch.float64, device=device)
    for fold in folds:
        projected, target = fold.project.double() @ Y, Y[fold.test]
        for row, weight in enumerate(fold.filters(alphas).double().T):
            weighted = fold.basis.double() * weight
            residual = target - weighted @ projected
            if loo:
                residual /= 1 - leverage(weighted, fold)
            errors[row] += residual.square().mean(dim=0) / len(folds)
    return errors


def _weighted_sums(sample: torch.Tensor, places: list[int]) -> tuple[list[int], list[int], torch.Tensor]:
    """Penalties to evaluate, those that follow from them, and the weights (n_following, n_evaluated + 1).

    The last row of `sample` and the last weight belong to the infinite penalty, whose error costs nothing. Whichever
    follows worst is evaluated next, until the others follow well enough.
    """
    kept = [places[0]]
    while True:
        summed = [place for place in places if place not in kept]
        if not summed:
            return kept, summed, sample.new_zeros(0, len(kept) + 1)
        weights = _fit(sample, [*kept, -1], summed)
        misfit = ((weights @ sample[[*kept, -1]] - sample[summed]).abs() / sample[summed]).amax(dim=1)
        if misfit.max() <= _TOLERANCE and weights.abs().max() <= _LARGEST_WEIGHT:
            return kept, summed, weights
        kept = sorted([*kept, summed[int(misfit.argmax())]])


def _fit(sample: torch.Tensor, known: list[int], wanted: list[int]) -> torch.Tensor:
    """Least squares weights (n_wanted, n_known) with equal care for large and small errors of the made-up responses."""
    known_errors, wanted_errors = ((sample[places] / sample.mean(dim=0)).T for places in (known, wanted))
    # the errors of neighbours are almost the same: an orthogonal basis first, small directions left out
    left, lengths, right = torch.linalg.svd(known_errors, full_matrices=False)
    used = lengths > _NEGLIGIBLE * lengths[0]
    weights: torch.Tensor = ((right[used].T / lengths[used]) @ (left[:, used].T @ wanted_errors)).T
    return weights


def _normal(n_rows: int, n_columns: int, device: torch.device) -> torch.Tensor:
    """The same normal numbers each time and on every device, float64."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n_rows, n_columns, dtype=torch.float64, generator=generator).to(device)
