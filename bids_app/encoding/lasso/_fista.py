"""The lasso for many targets at once by gradient steps, suited to GPUs."""

from typing import NamedTuple

import torch

from bids_app.encoding.lasso._tuning import TUNING
from bids_app.stats.device import column_batches


class _Speed(NamedTuple):
    step: float  # 1 / largest eigenvalue
    most_momentum: float  # (1 - √q) / (1 + √q), q = smallest / largest eigenvalue


def fista(
    gram: torch.Tensor,
    cross: torch.Tensor,
    penalty: torch.Tensor | float,
    start: torch.Tensor | None = None,
    *,
    tolerance: float = 1e-5,
    max_iterations: int = 5000,
) -> torch.Tensor:
    """Minimise ½ bᵀ gram b − crossᵀ b + penalty |b|₁ for each column of `cross`.

    It starts with long steps, which solve the many targets with few active regressors. The others use FISTA (Beck &
    Teboulle 2009) with momentum restarts when it points uphill (O'Donoghue & Candès 2015) and a momentum bounded by the
    condition of `gram` (Nesterov 2004, 2.2.1). Columns are scaled to a penalty of 1, so that an iteration is one matrix
    product and two passes over the batch.

    Arguments and result are those of `lasso_gram`, of any floating type. The violation of a target is the gradient of
    the majorised problem.
    """
    eigenvalues = torch.linalg.eigvalsh(gram.cpu())  # too few regressors for a GPU
    largest = max(float(eigenvalues[-1]) * 1.0001, 1e-30)
    root = (max(float(eigenvalues[0]), 0.0) / largest) ** 0.5
    speed = _Speed(1 / largest, (1 - root) / (1 + root))
    result = torch.empty_like(cross)
    left = torch.zeros(cross.shape[1], dtype=torch.bool, device=cross.device)
    size = TUNING.step_batch if cross.device.type == "cpu" else cross.shape[1]
    per_penalty = 1 / penalty
    for batch in column_batches(cross.shape[1], size):
        scale = per_penalty[batch] if isinstance(per_penalty, torch.Tensor) else per_penalty
        first = None if start is None else start[:, batch] * scale
        solution, left[batch] = _opening(gram, cross[:, batch] * scale, speed, first, tolerance, max_iterations)
        torch.div(solution, scale, out=result[:, batch])
    rest = left.nonzero()[:, 0]
    for batch in column_batches(len(rest), size):
        columns = rest[batch]
        scale = per_penalty[columns] if isinstance(per_penalty, torch.Tensor) else per_penalty
        b = result.index_select(1, columns).mul_(scale)
        b = _fista(gram, cross.index_select(1, columns).mul_(scale), speed, b, tolerance, max_iterations)
        result.index_copy_(1, columns, b.div_(scale))
    return result


def _opening(
    gram: torch.Tensor,
    cross: torch.Tensor,
    speed: _Speed,
    start: torch.Tensor | None,
    tolerance: float,
    max_iterations: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The lasso with penalty 1 for most targets of a batch, and those that need more iterations; overwrites `cross`."""
    step = TUNING.opening_step * speed.step
    contraction = _contraction(gram, step)
    scaled = cross.mul_(step)
    largest = before = scaled.abs().amax(dim=0)  # largest change of a coefficient in a step from zero, (V,)
    b = torch.zeros_like(scaled) if start is None else start
    extrapolated, b_next, forward = b.clone(), torch.empty_like(b), torch.empty_like(b)
    last = min(TUNING.opening_checks[-1], max_iterations)
    for iteration in range(1, last + 1):
        torch.addmm(scaled, contraction, extrapolated, out=forward)
        torch.ops.aten.softshrink.out(forward, step, out=b_next)
        if iteration == last or iteration in TUNING.opening_checks:
            change = torch.sub(b_next, extrapolated, out=forward).abs_().amax(dim=0)
            moving = change > tolerance * largest
            astray = moving & (change > before)  # steps are too long for the active regressors of these targets
            before = change
            few = int(moving.sum()) <= TUNING.opening_rest * len(moving)
            if iteration == last or few or 2 * int(astray.sum()) > len(moving):
                break
        torch.lerp(b, b_next, 1 + TUNING.opening_momentum, out=extrapolated)
        b, b_next = b_next, b
    b_next.masked_fill_(change > largest, 0)
    return b_next, astray if iteration == max_iterations else moving


def _fista(
    gram: torch.Tensor, cross: torch.Tensor, speed: _Speed, b: torch.Tensor, tolerance: float, max_iterations: int
) -> torch.Tensor:
    """The lasso with penalty 1 for one batch, started at b; overwrites both tensors."""
    step = speed.step
    contraction = _contraction(gram, step)
    scaled = cross.mul_(step)
    limit = scaled.abs().amax(dim=0) * tolerance  # (V,), on the change of a coefficient
    extrapolated, b_next, forward = b.clone(), torch.empty_like(b), torch.empty_like(b)
    result: torch.Tensor | None = None  # created, with `left`, when the first targets are removed
    left = torch.empty(0)
    ratio = 1.0
    for iteration in range(1, max_iterations + 1):
        torch.addmm(scaled, contraction, extrapolated, out=forward)
        torch.ops.aten.softshrink.out(forward, step, out=b_next)
        if iteration == max_iterations:
            break
        if iteration % TUNING.check_every == 0:
            moving = (torch.sub(b_next, extrapolated, out=forward).abs_().amax(dim=0) > limit).nonzero()[:, 0]
            if len(moving) == 0:
                break
            if len(moving) < (1 - TUNING.drop_share) * len(limit):
                if result is None:
                    result, left = b_next.clone(), torch.arange(len(limit), device=b.device)
                else:
                    result.index_copy_(1, left, b_next)
                left, limit = left[moving], limit[moving]
                scaled, b, b_next, extrapolated = (x.index_select(1, moving) for x in (scaled, b, b_next, extrapolated))
                forward = torch.empty_like(b)
        if iteration % TUNING.restart_every == 0 and _uphill(b, b_next, extrapolated):
            ratio = 1.0
        following = (1 + (1 + 4 * ratio**2) ** 0.5) / 2
        momentum = min((ratio - 1) / following, speed.most_momentum)
        ratio = following
        torch.lerp(b, b_next, 1 + momentum, out=extrapolated)
        b, b_next = b_next, b
    return b_next if result is None else result.index_copy_(1, left, b_next)


def _contraction(gram: torch.Tensor, step: float) -> torch.Tensor:
    return torch.eye(len(gram), dtype=gram.dtype, device=gram.device).sub_(gram, alpha=step)


def _uphill(b: torch.Tensor, b_next: torch.Tensor, extrapolated: torch.Tensor) -> bool:
    """Whether the last step of the batch went against its momentum."""
    return float(torch.dot((extrapolated - b_next).flatten(), (b_next - b).flatten())) > 0
