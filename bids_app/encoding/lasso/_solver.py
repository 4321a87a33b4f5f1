"""The lasso for many targets, from the Gram matrix of a few regressors."""

import torch

from bids_app.encoding.lasso._fista import fista
from bids_app.encoding.lasso._tuning import TUNING


def lasso_gram(
    gram: torch.Tensor,
    cross: torch.Tensor,
    penalty: torch.Tensor | float,
    start: torch.Tensor | None = None,
    *,
    tolerance: float = 1e-5,
    max_iterations: int = 5000,
) -> torch.Tensor:
    """Minimise ½ bᵀ gram b − crossᵀ b + penalty |b|₁ for each column of `cross`.

    On the CPU, each target is solved exactly up to rounding (see `_active_set`). On a GPU, all targets take gradient
    steps together (see `_fista`); so they do on the CPU if this is faster, or if regressors are indistinguishable.

    Parameters
    ----------
    gram : tensor of shape (K, K), XᵀX, float32
    cross : tensor of shape (K, V), Xᵀy of each target, float32
    penalty : positive number, or tensor of shape (V,)
    start : tensor of shape (K, V); zero if None
    tolerance : largest violation of the optimality conditions of a target, as a share of its max|Xᵀy|
    max_iterations : limit of gradient steps; the best result so far is returned, without a warning

    Returns
    -------
    tensor of shape (K, V); exact zeros for inactive regressors
    """
    if cross.device.type != "cpu" or _steps_are_faster(gram, start):
        return fista(gram, cross, penalty, start, tolerance=tolerance, max_iterations=max_iterations)
    result, solved = _one_by_one(gram, cross, penalty, start, tolerance)
    if not solved.all():
        rest = (~solved).nonzero()[:, 0]
        of_rest = penalty[rest] if isinstance(penalty, torch.Tensor) else penalty
        columns = cross[:, rest], of_rest, result[:, rest]
        result[:, rest] = fista(gram, *columns, tolerance=tolerance, max_iterations=max_iterations)
    return result


def _steps_are_faster(gram: torch.Tensor, start: torch.Tensor | None) -> bool:
    if start is None or int(torch.count_nonzero(start)) <= TUNING.many_active * start.shape[1]:
        return False
    return is_well_conditioned(gram)


def is_well_conditioned(gram: torch.Tensor) -> bool:
    """Whether gradient steps need so few iterations that they are faster with many active regressors."""
    eigenvalues = torch.linalg.eigvalsh(gram)
    return bool(eigenvalues[-1] <= TUNING.well_conditioned * eigenvalues[0])


def largest_penalty(cross: torch.Tensor) -> torch.Tensor:
    """λ_max of each target, (K, V) to (V,), or 1 for constant targets, whose coefficients are zero at any penalty."""
    largest = cross.abs().amax(dim=0)
    return torch.where(largest > 0, largest, 1.0)


def _one_by_one(
    gram: torch.Tensor,
    cross: torch.Tensor,
    penalty: torch.Tensor | float,
    start: torch.Tensor | None,
    tolerance: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Coefficients (K, V), and which targets are within the tolerance, (V,)."""
    from bids_app.encoding.lasso._active_set import solve  # imports numba, which takes a while

    rows = cross.T.contiguous()
    coef = torch.zeros_like(rows) if start is None else start.T.clone(memory_format=torch.contiguous_format)
    penalties = torch.as_tensor(penalty, dtype=torch.float32).expand(len(rows)).contiguous()
    solved = torch.empty(len(rows), dtype=torch.bool)
    solve(gram.contiguous().numpy(), rows.numpy(), penalties.numpy(), coef.numpy(), tolerance, solved.numpy())
    return coef.T.contiguous(), solved
