"""What the errors of some penalties say about the error of another one, for any responses.

The error at a penalty j is y'A_j y. For weights w and orthonormal directions U, A_j = Σ w_k A_k + U S U' + rest, and
the extreme eigenvalues of the rest times |y|² are how far Σ w_k y'A_k y + (U'y)' S (U'y) may be off, whatever y is.
Errors vary smoothly with the penalty, all the more so outside the directions that the design explains best. With these
as U, every second or third penalty leaves little doubt about those between.

Where a small penalty overfits, few rows B with A_j ≥ B'B say enough about it without any other: |B y|² alone exceeds
the error of a better penalty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

# An estimate that is off by no more than this part of the smallest error is as good as the error: errors that differ by
# twice as much are a tie.
TOLERANCE = 5e-6
# Random vectors on which weights are fitted; and steps of the iteration that finds extreme eigenvalues.
_N_PROBES, _N_STEPS = 48, 40
# The largest eigenvalue of a rest over the root mean square of all, about.
_PEAK = 5.0
# How much longer an error takes for a few responses that are picked out than for all of them together.
_PICKED = 3.0
# Eigenvalues of S are left out up to this part of a rest's largest one, up to this part of noise's error, and up to
# this part of the room between the bound and the smallest error.
_LEFT_OUT, _NEGLIGIBLE, _ROOM_TAKEN = 0.25, 1e-6, 0.5
# Part of an error by which float32 may be wrong, for every unit of weight.
_ROUNDING = 2e-7
_SINGULAR, _SMALL = 1e-13, 1e-7
# How many rows B may have, as a part of all, and how far |B y|² must exceed the smallest error of noise.
_PART, _EXCESS, _FEWEST_ROWS = 0.13, 1.6, 16


@dataclass(frozen=True)
class Seen:
    """What is known of a batch of responses before a penalty that is not kept is evaluated.

    errors (n_kept + 1, V) are those of the kept and of the infinite penalty, projected (n_directions, V) is U'y, and
    responses are (n_rows, V).
    """

    errors: torch.Tensor
    projected: torch.Tensor
    responses: torch.Tensor


@dataclass(frozen=True)
class Bound:
    """The error of `place` is at least estimate − below · |y|² and at most estimate + above · |y|².

    The estimate is weights (n_kept + 1,) times the errors of the kept and of the infinite penalty, plus |raised U'y|²,
    less |lowered U'y|²; these two are (n, n_directions) float32.
    """

    place: int
    weights: torch.Tensor
    raised: torch.Tensor
    lowered: torch.Tensor
    below: float
    above: float

    def estimate(self, seen: Seen) -> torch.Tensor:
        """(V,) float64."""
        estimate = self.weights @ seen.errors
        for part, sign in ((self.raised, 1), (self.lowered, -1)):
            if len(part):
                estimate.add_((part @ seen.projected).square_().sum(dim=0), alpha=sign)
        return estimate


@dataclass(frozen=True)
class Overfit:
    """The error of `place` is at least |rows y|², with rows (n, n_rows) float32; an alternative to `Bound`."""

    place: int
    rows: torch.Tensor
    below: float = 0.0
    above: float = torch.inf

    def estimate(self, seen: Seen) -> torch.Tensor:
        """(V,) float64."""
        return (self.rows @ seen.responses).square_().sum(dim=0).double()


def overfits(matrices: torch.Tensor, order: list[int]) -> list[Overfit]:
    """Bounds of those small penalties for which few rows suffice; `order` are all places, from the smallest penalty.

    That with the smallest error of noise is never among them.
    """
    least = _EXCESS * float(matrices.diagonal(dim1=1, dim2=2).sum(dim=1, dtype=torch.float64).min())
    found: list[Overfit] = []
    for place in order:
        rows = _rows_that_exceed(matrices[place].double(), least)
        if rows is None:
            break  # larger penalties overfit less
        found.append(Overfit(place, rows))
    return found


def _rows_that_exceed(matrix: torch.Tensor, least: float) -> torch.Tensor | None:
    """B with matrix ≥ B'B whose squares sum to `least`; None where too many rows would be needed.

    With orthonormal columns Q of the largest eigenvectors, about, A ≥ A Q (Q'A Q)⁻¹ Q'A.
    """
    most = round(_PART * len(matrix))
    if most < _FEWEST_ROWS or matrix.trace() < least:
        return None
    Q = torch.linalg.qr(matrix @ (matrix @ normal(len(matrix), most, matrix.device))).Q
    image = matrix @ Q
    values, vectors = torch.linalg.eigh(Q.T @ image)
    rows = ((image @ vectors) / values.clamp(min=_SINGULAR).sqrt()).T.flip(0)
    enough = torch.nonzero(rows.square().sum(dim=1).cumsum(dim=0) >= least).flatten()
    return rows[: max(_FEWEST_ROWS, int(enough[0]) + 1)].float() if len(enough) else None


class Plan:
    """Which penalties to evaluate for all responses, such that few of the others have to be for some.

    matrices is (n_alphas + 1, n_rows, n_rows), A of all penalties and of the infinite one; directions U; sample
    (n_rows, n_sample), some responses. `kept` and `others` are places among the penalties, without the `overfit`.
    """

    def __init__(
        self,
        matrices: torch.Tensor,
        directions: torch.Tensor,
        sample: torch.Tensor,
        overfit: Sequence[Overfit] = (),
    ):
        """Keep one penalty more as long as it saves time with the responses of the sample."""
        self.overfit = overfit
        self._n_alphas = len(matrices) - 1
        self._outside = _outside(matrices, directions)
        self._errors = torch.stack([(matrix @ sample).mul_(sample).sum(dim=0).double() for matrix in matrices[:-1]])
        self._length = sample.square().sum(dim=0).double()
        self.kept: list[int] = []
        cost, saves = float("inf"), True  # in errors to evaluate for all, per response
        while saves and self.others:
            costs = {place: self._cost(sorted([*self.kept, place])) for place in self.others}
            place = min(costs, key=lambda place: costs[place])
            saves = costs[place] < cost
            if saves:
                self.kept, cost = sorted([*self.kept, place]), costs[place]

    @property
    def others(self) -> list[int]:
        """Places that are neither kept nor overfit."""
        away = {*self.kept, *(one.place for one in self.overfit)}
        return [place for place in range(self._n_alphas) if place not in away]

    def weights(self, kept: list[int]) -> torch.Tensor:
        """On the kept penalties and the infinite one, for every penalty, (n_alphas, n_kept + 1)."""
        # neighbours are almost the same: small directions are left out
        inverse = torch.linalg.pinv(self._outside[:, [*kept, self._n_alphas]], rtol=_SMALL)
        weights: torch.Tensor = (inverse @ self._outside[:, :-1]).T
        return weights

    def room(self, place: int) -> float:
        """By how much of |y|² at least errors at `place` exceed the smallest ones, in the sample."""
        excess = (self._errors[place] - self._errors.amin(dim=0)) / self._length.clamp(min=_SINGULAR)
        return float(excess.amin())

    def _cost(self, kept: list[int]) -> float:
        missed = self._outside[:, :-1] - self._outside[:, [*kept, self._n_alphas]] @ self.weights(kept).T
        width = _PEAK * missed.norm(dim=0)[:, None] * self._length
        smallest = self._errors.amin(dim=0)
        picked = (self._errors - width <= smallest) & (width > TOLERANCE * smallest)
        picked[kept] = False
        picked[[one.place for one in self.overfit]] = False
        return len(kept) + _PICKED * float(picked.double().mean(dim=1).sum())


def _outside(matrices: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Columns (n, n_alphas + 1) float64 that stand for the matrices outside the directions.

    The norm of a weighted sum of them is the root mean square of the eigenvalues of the same sum of matrices, as
    estimated on random vectors.
    """
    probes = normal(matrices.shape[1], _N_PROBES, matrices.device)
    probes -= directions @ (directions.T @ probes)
    images = []
    for matrix in matrices:
        image = (matrix @ probes.float()).double()
        images.append((image - directions @ (directions.T @ image)).flatten())
    columns: torch.Tensor = torch.linalg.qr(torch.stack(images, dim=1), mode="r").R
    columns /= probes.numel() ** 0.5
    return columns


def bound(place: int, plan: Plan, matrices: torch.Tensor, directions: torch.Tensor) -> Bound:
    """What the kept penalties say about `place`; matrices and directions as in `Plan`."""
    rest, weights = matrices[place].clone(), plan.weights(plan.kept)[place]
    for weight, other in zip(weights.tolist(), [*plan.kept, len(matrices) - 1], strict=True):
        rest.sub_(matrices[other], alpha=weight)
    directions = directions.float()
    form = directions.T @ rest @ directions
    rest.sub_(directions @ form @ directions.T)
    smallest, largest = _extremes(rest)
    values, vectors = torch.linalg.eigh((form + form.T).double() / 2)
    left_out = max(
        _LEFT_OUT * max(-smallest, largest), _NEGLIGIBLE / len(rest), _ROOM_TAKEN * (plan.room(place) + smallest)
    )
    rows = (values.abs().sqrt() * vectors).T.float()
    slack = left_out + _ROUNDING * float(weights.abs().sum()) / len(rest)
    return Bound(
        place,
        weights,
        raised=rows[values > left_out],
        lowered=rows[values < -left_out],
        below=max(0.0, -smallest) + slack,
        above=max(0.0, largest) + slack,
    )


def _extremes(matrix: torch.Tensor) -> tuple[float, float]:
    """Bounds of the eigenvalues of a symmetric matrix, by the Lanczos iteration with its residuals added."""
    n_steps = min(_N_STEPS, len(matrix))
    vector = normal(len(matrix), 1, matrix.device)
    basis = vector.new_zeros(len(matrix), n_steps)
    vector, following = vector / vector.norm(), 0.0
    for step in range(n_steps):
        basis[:, step : step + 1] = vector
        image = (matrix @ vector.float()).double()
        for _ in range(2):  # once leaves rounding in the directions found before
            image -= basis @ (basis.T @ image)
        following = float(image.norm())
        if following <= _SINGULAR:
            basis = basis[:, : step + 1]
            break
        vector = image / following
    inner = basis.T @ (matrix @ basis.float()).double()
    values, vectors = torch.linalg.eigh((inner + inner.T) / 2)
    missed = following * vectors[-1].abs()
    return float(values[0] - missed[0]), float(values[-1] + missed[-1])


def normal(n_rows: int, n_columns: int, device: torch.device) -> torch.Tensor:
    """The same normal numbers each time and on every device, float64."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n_rows, n_columns, dtype=torch.float64, generator=generator).to(device)
