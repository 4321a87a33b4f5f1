"""Iterative Bayesian stepwise selection for many regressions at once, from their moments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bids_app.encoding.susie._effects import SingleEffects
from bids_app.encoding.susie._problems import Problems
from bids_app.encoding.susie._tuning import TUNING
from bids_app.stats.arrays import Doubles
from bids_app.stats.device import column_batches, map_batches, resolve_device, targets_per_batch


def single_effects(
    gram: npt.ArrayLike,
    cross: npt.ArrayLike,
    square: npt.ArrayLike,
    n_samples: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
    n_effects: int = 10,
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
    Responses may form groups, each with a prior variance of its own: where effects are alike in a known direction,
    responses that are turned into it say more in a group of their own.

    The iterations start from the most probable set of regressors that adding, removing and exchanging one at a time
    finds: from no effect they often end in a poor local optimum, which is why susieR has its option `refine`.

    In each of B independent problems:

    Parameters
    ----------
    gram : array of shape (B, K, K), XᵀX
    cross : array of shape (B, K, m), XᵀY
    square : array of shape (B,), sum of all squares of Y
    n_samples : array of shape (B,) or a number, degrees of freedom of each response
    groups : array of shape (B, m), group of each response, from 0, -1 where a problem has fewer than m responses and
        `cross` is 0; by default, all are of one group
    n_effects : L, the maximum number of effects
    device : "auto", "cpu" or "cuda"
    mem_mb : memory for a batch of problems, in megabytes

    Raises
    ------
    ValueError for shapes and groups that do not fit, and for moments that are not finite

    >>> fit = single_effects(np.eye(4)[None], [[[9.0], [0], [0], [0]]], [120.0], 40, n_effects=2, device="cpu")
    >>> fit.inclusion().round(2).tolist()
    [[1.0, 0.0, 0.0, 0.0]]
    """
    arrays = [np.asarray(values, dtype=np.float64) for values in (gram, cross, square)]
    n_problems, n_regressors, most_responses = _checked(*arrays)
    member = _members(np.zeros((n_problems, most_responses)) if groups is None else np.asarray(groups), arrays[1])
    degrees = np.broadcast_to(np.asarray(n_samples, dtype=np.float64), (n_problems,))
    moments = (*arrays, degrees, member)
    place = resolve_device(device)
    bytes_each = 8 * n_regressors * (2 * n_regressors + 4 * TUNING.n_priors + 6 * n_effects * most_responses)
    preferred = TUNING.cpu_batch if place.type == "cpu" else n_problems
    batches = column_batches(n_problems, min(preferred, targets_per_batch(bytes_each, n_problems, mem_mb)))

    def solve(batch: slice) -> tuple[npt.NDArray[np.float64], ...]:
        problems = Problems(*(values[batch] for values in moments), n_effects=n_effects, device=place)
        return problems.solve()

    fits = list(zip(*map_batches(solve, batches, place), strict=True))
    alpha, mean, variance, prior, noise, n_iter = (np.concatenate(values) for values in fits)
    return SingleEffects(alpha, mean, variance, prior, noise, n_iter.astype(np.int64), member)


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


def _members(groups: npt.NDArray[np.number], cross: Doubles) -> Doubles:
    """1 where a response is of a group, (B, G, m)."""
    if groups.shape != (cross.shape[0], cross.shape[2]) or not (groups >= 0).any(axis=1).all():
        raise ValueError(
            f"groups has shape {groups.shape}, and cross {cross.shape}; it must be (B, m), with a group for at least "
            "one response of each problem."
        )
    if np.any(cross.transpose(0, 2, 1)[groups < 0]):
        raise ValueError("cross is not 0 for a response without group.")
    numbers = np.arange(int(groups.max()) + 1)
    return np.asarray(groups[:, None, :] == numbers[:, None], dtype=np.float64)
