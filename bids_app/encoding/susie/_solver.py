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
    """A sum of L single effects for each of B regressions of m responses on K regressors.

    Attributes
    ----------
    alpha : array of shape (B, L, K), probability that the effect is that of the regressor; each row sums to 1
    mean : array of shape (B, L, K, m), the coefficients if the effect is that of the regressor
    variance : array of shape (B, L, K), the variance of each of them
    prior : array of shape (B, L), prior variance of the effect, by maximum likelihood; 0 where there is no effect
    noise : array of shape (B,), residual variance
    n_iter : array of shape (B,), iterations
    n_responses : array of shape (B,), responses of each problem; the coefficients of further ones are 0
    """

    alpha: Doubles
    mean: Doubles
    variance: Doubles
    prior: Doubles
    noise: Doubles
    n_iter: npt.NDArray[np.int64]
    n_responses: npt.NDArray[np.int64]

    @property
    def coefficients(self) -> Doubles:
        """Posterior mean of each regressor's coefficients, (B, K, m)."""
        return np.asarray(np.einsum("blk,blkm->bkm", self.alpha, self.mean))

    def inclusion(self, floor: npt.ArrayLike = 0.0) -> Doubles:
        """Posterior probability that a regressor has an effect longer than `floor` (B,), (B, K).

        1 − Π over effects of (1 − α P(|b| > floor)), b normal; |b| is the length of its m coefficients. With a floor
        of 0 the usual inclusion probability.
        """
        from scipy.stats import ncx2

        floors = np.broadcast_to(np.asarray(floor, dtype=np.float64), self.noise.shape)[:, None, None]
        variance = np.maximum(self.variance, 1e-300)
        longer = np.ones_like(self.alpha)
        if (floors > 0).any():  # |b|² over its variance is a noncentral χ² with m degrees of freedom
            length = np.square(self.mean).sum(axis=-1) / variance
            wanted = np.broadcast_to(np.square(floors), length.shape) / variance
            unclear = (self.alpha * (self.prior > 0)[:, :, None] > _NEGLIGIBLE) & (wanted > 0)
            degrees = np.broadcast_to(self.n_responses[:, None, None], length.shape)
            longer[unclear] = ncx2.sf(wanted[unclear], degrees[unclear], np.minimum(length[unclear], 1e8))
        counted = self.alpha * longer * (self.prior > 0)[:, :, None]
        return np.asarray(1 - np.prod(1 - np.clip(counted, 0, 1), axis=1))


_NEGLIGIBLE = 1e-6  # an effect with a smaller probability changes no result


def single_effects(
    gram: npt.ArrayLike,
    cross: npt.ArrayLike,
    square: npt.ArrayLike,
    n_samples: npt.ArrayLike,
    *,
    n_responses: npt.ArrayLike | None = None,
    n_effects: int = 10,
    max_iter: int = 100,
    tolerance: float = 1e-3,
    device: str = "auto",
    mem_mb: float | None = None,
) -> SingleEffects:
    """Fit y = Σ of L effects, each of one regressor, by iterative Bayesian stepwise selection (SuSiE).

    Wang, Sarkar, Carbonetto & Stephens (2020), J. R. Stat. Soc. B 82, 1273–1300, from sufficient statistics. The prior
    variance of each effect is its maximum-likelihood estimate; where no effect at all is likelier, it is 0. The
    residual variance is estimated.

    A regression may have m responses with independent noise of one variance (whitened beforehand). An effect is then
    one regressor's on all of them, with m independent coefficients of one prior variance: the evidence of all responses
    about the regressor is combined, whatever their signs (as in mvSuSiE, Zou et al. 2024, with a diagonal prior).

    In each of B independent problems:

    Parameters
    ----------
    gram : array of shape (B, K, K), XᵀX
    cross : array of shape (B, K, m), XᵀY
    square : array of shape (B,), sum of all squares of Y
    n_samples : array of shape (B,) or a number, degrees of freedom of each response
    n_responses : array of shape (B,), where problems have fewer than m responses; further columns of `cross` are 0
    n_effects : L, the maximum number of effects
    max_iter, tolerance : stop when the residual variance changes by less than this share
    device : "auto", "cpu" or "cuda"
    mem_mb : memory for a batch of problems, in megabytes

    Raises
    ------
    ValueError for shapes that do not fit, and for moments that are not finite

    >>> fit = single_effects(np.eye(4)[None], [[[9.0], [0], [0], [0]]], [120.0], 40, n_effects=2, device="cpu")
    >>> fit.inclusion().round(2).tolist()
    [[1.0, 0.0, 0.0, 0.0]]
    """
    arrays = [np.asarray(values, dtype=np.float64) for values in (gram, cross, square)]
    n_problems, n_regressors, most_responses = _checked(*arrays)
    counted = np.full(n_problems, most_responses) if n_responses is None else np.asarray(n_responses, dtype=np.int64)
    degrees = np.broadcast_to(np.asarray(n_samples, dtype=np.float64), (n_problems,))
    moments = (*arrays, degrees, counted.astype(np.float64))
    place = resolve_device(device)
    bytes_each = 8 * n_regressors * (2 * n_regressors + 4 * TUNING.n_priors + 3 * n_effects * most_responses)
    preferred = TUNING.cpu_batch if place.type == "cpu" else n_problems
    batches = column_batches(n_problems, min(preferred, targets_per_batch(bytes_each, n_problems, mem_mb)))

    def solve(batch: slice) -> tuple[npt.NDArray[np.float64], ...]:
        problems = _Problems(*(values[batch] for values in moments), n_effects=n_effects, device=place)
        return problems.solve(max_iter, tolerance)

    fits = list(zip(*map_batches(solve, batches, place), strict=True))
    alpha, mean, variance, prior, noise, n_iter = (np.concatenate(values) for values in fits)
    return SingleEffects(alpha, mean, variance, prior, noise, n_iter.astype(np.int64), counted)


def _checked(gram: Doubles, cross: Doubles, square: Doubles) -> tuple[int, int, int]:
    n_problems, n_regressors, n_responses = cross.shape if cross.ndim == 3 else (0, 0, 0)
    if gram.shape != (n_problems, n_regressors, n_regressors) or square.shape != (n_problems,) or not cross.size:
        raise ValueError(
            f"gram has shape {gram.shape}, cross {cross.shape} and square {square.shape}; they must be (B, K, K), "
            "(B, K, m) and (B,)."
        )
    if not all(np.isfinite(values).all() for values in (gram, cross, square)):
        raise ValueError("gram, cross or square has NaN or infinite values.")
    return n_problems, n_regressors, n_responses


class _Problems:
    """The state of a batch of regressions, as float64 tensors whose first axis is the regression."""

    def __init__(
        self,
        gram: Doubles,
        cross: Doubles,
        square: Doubles,
        degrees: Doubles,
        n_responses: Doubles,
        *,
        n_effects: int,
        device: torch.device,
    ) -> None:
        self.gram, self.cross, self.square, self.n_responses = (
            torch.tensor(np.ascontiguousarray(values), dtype=torch.float64, device=device)
            for values in (gram, cross, square, n_responses)
        )
        self.count = self.n_responses * torch.tensor(degrees, dtype=torch.float64, device=device)
        n_problems, n_regressors, most_responses = cross.shape
        shape = (n_problems, n_effects, n_regressors)
        self.power = self.gram.diagonal(dim1=1, dim2=2).clamp(min=1e-300)  # (B, K)
        self.noise = (self.square / self.count).clamp(min=1e-300)
        # (B,), variance of a response over that of a regressor
        self.scale = self.square / (self.n_responses * self.power.mean(dim=1)).clamp(min=1e-300)
        self.alpha = torch.full(shape, 1 / n_regressors, dtype=torch.float64, device=device)
        self.mean = torch.zeros((*shape, most_responses), dtype=torch.float64, device=device)
        self.variance = torch.zeros(shape, dtype=torch.float64, device=device)
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
        expected = self.alpha[rows][..., None] * self.mean[rows]  # (B, L, K, m)
        residual = self.cross[rows] - torch.bmm(gram, expected.sum(dim=1))  # (B, K, m)
        for effect in range(expected.shape[1]):
            residual += torch.bmm(gram, expected[:, effect])
            alpha, mean, variance, prior = self._single(
                residual / power[..., None], noise[:, None] / power, self.scale[rows], self.n_responses[rows, None]
            )
            expected[:, effect] = alpha[..., None] * mean
            residual -= torch.bmm(gram, expected[:, effect])
            self.alpha[rows, effect], self.mean[rows, effect] = alpha, mean
            self.variance[rows, effect], self.prior[rows, effect] = variance, prior
        return self._residual_variance(rows, expected)

    def _single(
        self, estimate: torch.Tensor, error: torch.Tensor, scale: torch.Tensor, n_responses: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """One effect: α, mean, variance, prior.

        From each regressor's estimates (B, K, m) and their squared error (B, K).
        """
        z_squared = estimate.square().sum(dim=2) / error
        prior = self._likeliest_prior(z_squared, error, scale, n_responses)[:, None]
        shrinkage = prior / (prior + error)
        log_bayes = 0.5 * (n_responses * torch.log1p(-shrinkage) + z_squared * shrinkage)
        return log_bayes.softmax(dim=1), estimate * shrinkage[..., None], error * shrinkage, prior[:, 0]

    def _likeliest_prior(
        self, z_squared: torch.Tensor, error: torch.Tensor, scale: torch.Tensor, n_responses: torch.Tensor
    ) -> torch.Tensor:
        """The prior variance (B,) under which the effect is likeliest; 0 where none is likelier than no effect."""

        def log_likelihood(prior: torch.Tensor) -> torch.Tensor:
            """Log-likelihood of (B, n) variances, relative to no effect."""
            left = error[:, None, :] / (error[:, None, :] + prior[:, :, None])  # 1 − shrinkage
            log_bayes = 0.5 * (n_responses[:, :, None] * torch.log(left) + z_squared[:, None, :] * (1 - left))
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
        height: torch.Tensor = log_likelihood(prior[:, None])[:, 0]
        return torch.where(height > 0, prior, torch.zeros_like(prior))

    def _residual_variance(self, rows: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
        """Expected squared residuals over the degrees of freedom, (B,)."""
        gram, total = self.gram[rows], expected.sum(dim=1)  # (B, K, m)
        fitted = (total * torch.bmm(gram, total)).sum(dim=(1, 2))
        effects = expected.transpose(1, 2).flatten(2)  # (B, K, L m)
        each = (effects * torch.bmm(gram, effects)).sum(dim=(1, 2))
        squares = self.mean[rows].square().sum(dim=3) + self.n_responses[rows, None, None] * self.variance[rows]
        second = (self.alpha[rows] * squares * self.power[rows][:, None]).sum(dim=(1, 2))
        left = self.square[rows] - 2 * (total * self.cross[rows]).sum(dim=(1, 2)) + fitted - each + second
        least = TUNING.least_noise * self.square[rows] / self.count[rows]
        noise: torch.Tensor = torch.maximum(left / self.count[rows], least)
        return noise.clamp(min=1e-300)
