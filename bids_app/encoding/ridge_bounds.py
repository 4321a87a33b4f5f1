"""What the errors of some penalties say about the error of another one, for any responses.

The error at a penalty j is y'A_j y. For weights w and orthonormal directions U, A_j = Σ w_k A_k + U S U' + rest, and
the extreme eigenvalues of the rest times |y|² are how far Σ w_k y'A_k y + (U'y)' S (U'y) may be off, whatever y is.
Errors vary smoothly with the penalty, all the more so outside the directions that the design explains best. With these
as U, every second or third penalty leaves little doubt about those between.
"""

from dataclasses import dataclass

import torch

# A bound that leaves an error open by no more than this part of the smallest error is as good as the error.
TOLERANCE = 2e-6
# Random vectors on which weights are fitted; and steps of the iteration that finds extreme eigenvalues.
_N_PROBES, _N_STEPS = 48, 40
# The largest eigenvalue of a rest over the root mean square of all, about.
_PEAK = 5.0
# How much longer an error takes for a few responses that are picked out than for all of them together.
_PICKED = 1.3
# Part of a rest's largest eigenvalue up to which eigenvalues of S are left out, too.
_LEFT_OUT = 0.25
# Part of an error by which float32 may be wrong, for every unit of weight.
_ROUNDING = 2e-7
_SINGULAR = 1e-13


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

    def estimate(self, known: torch.Tensor, projected: torch.Tensor) -> torch.Tensor:
        """(V,) float64, from errors (n_kept + 1, V) and U'y (n_directions, V)."""
        up, down = ((part @ projected).square_().sum(dim=0) for part in (self.raised, self.lowered))
        return (self.weights @ known).add_(up).sub_(down)


class Plan:
    """Which penalties to evaluate for all responses, such that few of the others have to be for some.

    matrices is (n_alphas + 1, n_rows, n_rows), A of all penalties and of the infinite one; directions U; sample
    (n_rows, n_sample), some responses. `kept` and `others` are places among the penalties.
    """

    def __init__(self, matrices: torch.Tensor, directions: torch.Tensor, sample: torch.Tensor):
        """Keep one penalty more as long as it saves time with the responses of the sample."""
        self._n_alphas = len(matrices) - 1
        self._gram = _gram(matrices, directions)
        self._errors = torch.stack([(matrix @ sample).mul_(sample).sum(dim=0).double() for matrix in matrices[:-1]])
        self._length = sample.square().sum(dim=0, dtype=torch.float64) / matrices.shape[1]
        self.kept: list[int] = []
        saves = True
        while saves and self.others:
            costs = {place: self._cost(sorted([*self.kept, place])) for place in self.others}
            place = min(costs, key=lambda place: costs[place])
            saves = not self.kept or costs[place] < self._cost(self.kept)
            if saves:
                self.kept = sorted([*self.kept, place])

    @property
    def others(self) -> list[int]:
        """Places that are not kept."""
        return [place for place in range(self._n_alphas) if place not in self.kept]

    def weights(self, kept: list[int]) -> torch.Tensor:
        """On the kept penalties and the infinite one, for every penalty, (n_alphas, n_kept + 1)."""
        known = [*kept, self._n_alphas]
        # neighbours are almost the same: small directions are left out
        inverse = torch.linalg.pinv(self._gram[known][:, known], rtol=_SINGULAR, hermitian=True)
        weights: torch.Tensor = (inverse @ self._gram[known, :-1]).T
        return weights

    def _cost(self, kept: list[int]) -> float:
        """Errors to evaluate per response."""
        weights, known = self.weights(kept), [*kept, self._n_alphas]
        missed = self._gram.diagonal()[:-1] - 2 * (weights * self._gram[:-1, known]).sum(dim=1)
        missed += ((weights @ self._gram[known][:, known]) * weights).sum(dim=1)
        width = _PEAK * missed.clamp(min=0).sqrt()[:, None] * self._length
        smallest = self._errors.amin(dim=0)
        picked = (self._errors - width <= smallest) & (2 * width > TOLERANCE * smallest)
        picked[kept] = False
        return len(kept) + _PICKED * float(picked.double().mean(dim=1).sum())


def _gram(matrices: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Inner products of the matrices outside the directions, times n_rows, estimated on random vectors; float64."""
    n_rows = matrices.shape[1]
    probes = normal(n_rows, _N_PROBES, matrices.device)
    probes -= directions @ (directions.T @ probes)
    images = []
    for matrix in matrices:
        image = (matrix @ probes.float()).double()
        images.append((image - directions @ (directions.T @ image)).flatten())
    stacked = torch.stack(images)
    return stacked @ stacked.T * (n_rows / _N_PROBES)


def bound(
    place: int, kept: list[int], weights: torch.Tensor, matrices: torch.Tensor, directions: torch.Tensor
) -> Bound:
    """What the kept penalties say about `place`; matrices and directions as in `Plan`."""
    rest = matrices[place].clone()
    for weight, other in zip(weights.tolist(), [*kept, len(matrices) - 1], strict=True):
        rest.sub_(matrices[other], alpha=weight)
    directions = directions.float()
    form = directions.T @ rest @ directions
    rest.sub_(directions @ form @ directions.T)
    smallest, largest = _extremes(rest)
    values, vectors = torch.linalg.eigh((form + form.T).double() / 2)
    left_out = _LEFT_OUT * max(-smallest, largest)
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
