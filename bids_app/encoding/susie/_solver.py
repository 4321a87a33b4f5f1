"""Iterative Bayesian stepwise selection for many regressions at once, from their moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.susie._tuning import TUNING
from bids_app.stats.arrays import Doubles
from bids_app.stats.device import column_batches, map_batches, resolve_device, targets_per_batch


@dataclass(frozen=True)
class SingleEffects:
    """A sum of L single effects for each of B regressions on K regressors.

    Attributes
    ----------
    alpha : array of shape (B, L, K), probability that the effect is that of the regressor; each row sums to 1
    mean, variance : arrays of shape (B, L, K), the coefficient if the effect is that of the regressor
    prior : array of shape (B, L), prior variance of the effect, by maximum likelihood; 0 where there is no effect
    noise : array of shape (B,), residual variance
    n_iter : array of shape (B,), iterations
    """

    alpha: Doubles
    mean: Doubles
    variance: Doubles
    prior: Doubles
    noise: Doubles
    n_iter: npt.NDArray[np.int64]

    @property
    def coefficients(self) -> Doubles:
        """Posterior mean of each regressor's coefficient, (B, K)."""
        return np.asarray((self.alpha * self.mean).sum(axis=1))

    def inclusion(self, floor: npt.ArrayLike = 0.0) -> Doubles:
        """Posterior probability that a regressor has an effect of more than `floor` (B,) in absolute value, (B, K).

        1 − Π over effects of (1 − α P(|b| > floor)), b normal. With a floor of 0 the usual inclusion probability.
        """
        from scipy.special import ndtr

        floors = np.broadcast_to(np.asarray(floor, dtype=np.float64), self.noise.shape)[:, None, None]
        deviation = np.sqrt(np.maximum(self.variance, 1e-300))
        larger = ndtr((self.mean - floors) / deviation) + ndtr((-self.mean - floors) / deviation)
        counted = self.alpha * larger * (self.prior > 0)[:, :, None]
        return np.asarray(1 - np.prod(1 - np.clip(counted, 0, 1), axis=1))


def single_effects(
    gram: npt.ArrayLike,
    cross: npt.ArrayLike,
    square: npt.ArrayLike,
    n_samples: npt.ArrayLike,
    *,
    n_effects: int = 10,
    max_iter: int = 100,
    tolerance: float = 1e-3,
    device: str = "auto",
    mem_mb: float | None = None,
) -> SingleEffects:
    """Fit y = Σ of L effects, each of one regressor, by iterative Bayesian stepwise selection (SuSiE).

    Wang, Sarkar, Carbonetto & Stephens (2020), J. R. Stat. Soc. B 82, 1273–1300, from sufficient statistics. The prior
    variance of each effect is its maximum-likelihood estimate; where no effect at all is likelier, it is 0. The
    residual variance is estimated. In each of B independent problems:

    Parameters
    ----------
    gram : array of shape (B, K, K), XᵀX
    cross : array of shape (B, K), Xᵀy
    square : array of shape (B,), yᵀy
    n_samples : array of shape (B,) or a number, degrees of freedom of y
    n_effects : L, the most effects
    max_iter, tolerance : stop when the residual variance changes by less than this share
    device : "auto", "cpu" or "cuda"
    mem_mb : memory for a batch of problems, in megabytes

    Raises
    ------
    ValueError for shapes that do not fit, and for moments that are not finite

    >>> X = np.eye(4)
    >>> fit = single_effects((X.T @ X)[None], [[9.0, 0, 0, 0]], [84.0], 40, n_effects=2, device="cpu")
    >>> fit.inclusion().round(2).tolist()
    [[1.0, 0.0, 0.0, 0.0]]
    """
    arrays = [np.asarray(values, dtype=np.float64) for values in (gram, cross, square)]
    n_problems, n_regressors = _checked(*arrays)
    counts = np.broadcast_to(np.asarray(n_samples, dtype=np.float64), (n_problems,))
    place = resolve_device(device)
    bytes_each = 8 * n_regressors * (2 * n_regressors + 4 * TUNING.n_priors)
    preferred = TUNING.cpu_batch if place.type == "cpu" else n_problems
    batches = column_batches(n_problems, min(preferred, targets_per_batch(bytes_each, n_problems, mem_mb)))

    def solve(batch: slice) -> tuple[npt.NDArray[np.float64], ...]:
        moments = (values[batch] for values in (*arrays, counts))
        return _Problems(*moments, n_effects=n_effects, device=place).solve(max_iter, tolerance)

    fits = map_batches(solve, batches, place)
    return SingleEffects(*(np.concatenate(values) for values in zip(*fits, strict=True)))


def _checked(gram: Doubles, cross: Doubles, square: Doubles) -> tuple[int, int]:
    n_problems, n_regressors = cross.shape if cross.ndim == 2 else (0, 0)
    if gram.shape != (n_problems, n_regressors, n_regressors) or square.shape != (n_problems,) or not gram.size:
        raise ValueError(
            f"gram has shape {gram.shape}, cross {cross.shape} and square {square.shape}; they must be (B, K, K), "
            "(B, K) and (B,)."
        )
    if not all(np.isfinite(values).all() for values in (gram, cross, square)):
        raise ValueError("gram, cross or square has NaN or infinite values.")
    return n_problems, n_regressors


class _Problems:
    """The state of a batch of regressions, as float64 tensors whose first axis is the regression."""

    def __init__(
        self, gram: Doubles, cross: Doubles, square: Doubles, count: Doubles, *, n_effects: int, device: torch.device
    ) -> None:
        self.gram, self.cross, self.square, self.count = (
            torch.tensor(values, dtype=torch.float64, device=device) for values in (gram, cross, square, count)
        )
        shape = (len(gram), n_effects, gram.shape[1])
        self.power = self.gram.diagonal(dim1=1, dim2=2).clamp(min=1e-300)  # (B, K)
        self.noise = (self.square / self.count).clamp(min=1e-300)
        self.scale = self.square / self.power.mean(dim=1).clamp(min=1e-300)  # (B,), variance of y over that of x
        self.alpha = torch.full(shape, 1 / shape[2], dtype=torch.float64, device=device)
        self.mean = torch.zeros(shape, dtype=torch.float64, device=device)
        self.variance = torch.zeros_like(self.mean)
        self.prior = (TUNING.first_prior * self.scale)[:, None].repeat(1, n_effects)
        span = torch.linspace(
            np.log(TUNING.smallest_prior), np.log(TUNING.largest_prior), TUNING.n_priors, dtype=torch.float64
        )
        self.grid = span.to(device)

    def solve(self, max_iter: int, tolerance: float) -> tuple[npt.NDArray[np.float64], ...]:
        """Iterate all problems until each has stopped; the fields of `SingleEffects`."""
        n_iter = torch.zeros(len(self.noise), dtype=torch.int64, device=self.noise.device)
        active = torch.arange(len(self.noise), device=self.noise.device)
        for iteration in range(1, max_iter + 1):
            noise = self._pass(active)
            moved = (noise - self.noise[active]).abs() >= tolerance * self.noise[active]
            self.noise[active] = noise
            n_iter[active] = iteration
            if iteration >= TUNING.fewest_iterations:
                active = active[moved]
            if not len(active):
                break
        fields = (self.alpha, self.mean, self.variance, self.prior, self.noise, n_iter)
        return tuple(values.cpu().numpy() for values in fields)

    def _pass(self, rows: torch.Tensor) -> torch.Tensor:
        """Each effect of these problems once, given the others; their new residual variances."""
        gram, power, noise = self.gram[rows], self.power[rows], self.noise[rows]
        expected = self.alpha[rows] * self.mean[rows]  # (B, L, K)
        residual = self.cross[rows] - _times(gram, expected.sum(dim=1))
        for effect in range(expected.shape[1]):
            residual += _times(gram, expected[:, effect])
            alpha, mean, variance, prior = self._single(residual / power, noise[:, None] / power, self.scale[rows])
            expected[:, effect] = alpha * mean
            residual -= _times(gram, expected[:, effect])
            self.alpha[rows, effect], self.mean[rows, effect] = alpha, mean
            self.variance[rows, effect], self.prior[rows, effect] = variance, prior
        return self._residual_variance(rows, expected)

    def _single(
        self, estimate: torch.Tensor, error: torch.Tensor, scale: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """One effect from each regressor's estimate and its squared error, (B, K) each: α, mean, variance, prior."""
        prior = self._likeliest_prior(estimate.square() / error, error, scale)[:, None]
        log_bayes = 0.5 * (torch.log(error / (error + prior)) + estimate.square() / error * prior / (error + prior))
        shrinkage = prior / (prior + error)
        return log_bayes.softmax(dim=1), estimate * shrinkage, error * shrinkage, prior[:, 0]

    def _likeliest_prior(self, z_squared: torch.Tensor, error: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """The prior variance (B,) under which the effect is likeliest; 0 where none is likelier than no effect."""

        def log_likelihood(prior: torch.Tensor) -> torch.Tensor:
            """Of (B, n) variances, up to that of no effect."""
            total = error[:, None, :] + prior[:, :, None]
            log_bayes = 0.5 * (
                torch.log(error[:, None, :] / total) + z_squared[:, None, :] * (1 - error[:, None, :] / total)
            )
            return log_bayes.logsumexp(dim=2) - float(np.log(error.shape[1]))

        heights = log_likelihood(self.grid.exp()[None] * scale[:, None])  # (B, n)
        best = heights.argmax(dim=1, keepdim=True)
        middle = best.clamp(1, len(self.grid) - 2)
        low, top, high = (heights.gather(1, middle + step)[:, 0] for step in (-1, 0, 1))
        curvature = low - 2 * top + high
        inside = (best == middle)[:, 0] & (curvature < 0)
        offset = torch.where(inside, 0.5 * (low - high) / torch.where(inside, curvature, -1.0), 0.0).clamp(-1, 1)
        step = self.grid[1] - self.grid[0]
        prior = (self.grid[best[:, 0]] + offset * step).exp() * scale
        return torch.where(log_likelihood(prior[:, None])[:, 0] > 0, prior, 0.0)

    def _residual_variance(self, rows: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
        """Expected squared residuals over the degrees of freedom, (B,)."""
        total = expected.sum(dim=1)
        fitted = (total * _times(self.gram[rows], total)).sum(dim=1)
        each = (torch.bmm(expected, self.gram[rows]) * expected).sum(dim=(1, 2))
        second = (self.alpha[rows] * (self.mean[rows].square() + self.variance[rows]) * self.power[rows][:, None]).sum(
            dim=(1, 2)
        )
        squares = self.square[rows] - 2 * (total * self.cross[rows]).sum(dim=1) + fitted - each + second
        least = TUNING.least_noise * self.square[rows] / self.count[rows]
        return torch.maximum(squares / self.count[rows], least).clamp(min=1e-300)


def _times(gram: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """(B, K, K) @ (B, K)."""
    return torch.bmm(gram, vectors[:, :, None])[:, :, 0]
