"""The lasso by homotopy: an exact path along the penalty for each target; compiled, for the CPU.

The solution is piecewise linear in the penalty (Osborne, Presnell & Turlach 2000; Efron et al. 2004). Between events,
at which a regressor becomes active or its coefficient reaches zero, the coefficients of the active regressors move
along inverse · correlations. A handful of events lead from one penalty to the next, whatever the condition of the
regressors; gradient steps would need hundreds.

Import this module where it is used: numba takes a quarter of a second.
"""

from typing import NamedTuple

import numpy as np

from bids_app.encoding.compiled import compiled
from bids_app.encoding.lasso._tuning import TUNING
from bids_app.stats.arrays import AnyArray, Doubles, Floats, Ints

# numba reads numbers of a module, not of a dataclass
_COLLINEAR, _MOST_EVENTS = TUNING.collinear, TUNING.most_events


class _Path(NamedTuple):
    """State of the path of one target; K regressors."""

    active: Ints  # (K,), the active ones first
    factor: Doubles  # (K, K), Cholesky factor of their Gram matrix, below the diagonal
    pivot: Doubles  # (K,), one over the diagonal of the factor
    move: Doubles  # (K,), change of the active coefficients until the end
    correlation: Floats  # (K,), of each regressor with the residual
    drift: Floats  # (K,), decrease of the correlations until the end
    times: Floats  # (K,), when each regressor would join
    barred: Floats  # (K,), infinity for regressors that cannot join, else 0


@compiled
def solve(gram: Floats, cross: Floats, penalty: Floats, coef: Floats, tolerance: float, solved: AnyArray) -> None:
    """Minimise ½ bᵀ gram b − crossᵀ b + penalty |b|₁ for each row of `cross`.

    Parameters
    ----------
    gram : array of shape (K, K)
    cross : array of shape (V, K)
    penalty : array of shape (V,)
    coef : array of shape (V, K): start, such as the solution at a larger penalty; overwritten
    tolerance : largest violation of the optimality conditions, as a share of max|cross| of the target
    solved : array of shape (V,), bool; set for results within the tolerance. For others (regressors equal up to
        rounding), `coef` is a start for further iterations
    """
    n_targets, n = cross.shape
    path = _Path(
        np.empty(n, np.int64),
        np.empty((n, n), np.float64),
        np.empty(n, np.float64),
        np.empty(n, np.float64),
        np.empty(n, np.float32),
        np.empty(n, np.float32),
        np.empty(n, np.float32),
        np.empty(n, np.float32),
    )
    for target in range(n_targets):
        n_active = _begin(path, gram, cross[target], coef[target])
        n_active = _follow(path, gram, penalty[target], coef[target], n_active)
        _correlate(path, gram, cross[target], coef[target], n_active)
        largest = np.float32(0)
        for k in range(n):
            largest = max(largest, abs(cross[target, k]))
        solved[target] = _violation(path, penalty[target], coef[target]) <= tolerance * largest


@compiled
def _begin(path: _Path, gram: Floats, cross: Floats, coef: Floats) -> int:
    """Activate the non-zero coefficients; returns their number."""
    n_active = 0
    path.barred[:] = 0
    for regressor in range(len(cross)):
        if coef[regressor] != 0:
            if _join(path, gram, n_active, regressor):
                n_active += 1
            else:
                coef[regressor] = 0
    _correlate(path, gram, cross, coef, n_active)
    return n_active


@compiled
def _follow(path: _Path, gram: Floats, end: np.float32, coef: Floats, n_active: int) -> int:
    """Lower the penalty from the largest correlation to `end`; returns the number of active regressors.

    Correlations of active regressors move linearly to ±end; all others stay within the penalty.
    """
    penalty = np.float32(end)
    for k in range(len(coef)):
        penalty = max(penalty, abs(path.correlation[k]))
    for _ in range(_MOST_EVENTS * len(coef)):
        if n_active == 0 and penalty <= end:
            break
        fall = np.float32(penalty - end)
        _aim(path, gram, end, coef, n_active)
        step, joining = _next_join(path, penalty, fall)
        step, leaving = _next_zero(path, coef, n_active, step)
        for slot in range(n_active):
            coef[path.active[slot]] += np.float32(step * path.move[slot])
        for k in range(len(coef)):
            path.correlation[k] -= step * path.drift[k]
        penalty -= step * fall
        if leaving >= 0:
            coef[path.active[leaving]] = 0
            n_active = _leave(path, gram, n_active, leaving)
        elif joining >= 0:
            n_active += _join(path, gram, n_active, joining)
        else:
            break
    return n_active


@compiled
def _aim(path: _Path, gram: Floats, end: np.float32, coef: Floats, n_active: int) -> None:
    """Compute how coefficients and correlations move until the penalty is `end`, if no event occurs."""
    path.drift[:] = 0
    for slot in range(n_active):
        value, correlation = coef[path.active[slot]], path.correlation[path.active[slot]]
        positive = value > 0 or (value == 0 and correlation > 0)  # a regressor that has just joined is still zero
        path.move[slot] = correlation - (end if positive else -end)
    _solve_active(path, n_active)
    for slot in range(n_active):
        row, weight = path.active[slot], np.float32(path.move[slot])
        for k in range(len(coef)):
            path.drift[k] += weight * gram[row, k]


@compiled
def _solve_active(path: _Path, n_active: int) -> None:
    """Multiply `move` with the inverse of the active part of the Gram matrix, by substitution in its factor."""
    move, factor = path.move, path.factor
    for slot in range(n_active):
        value = move[slot]
        for other in range(slot):
            value -= factor[slot, other] * move[other]
        move[slot] = value * path.pivot[slot]
    for slot in range(n_active - 1, -1, -1):
        value = move[slot] * path.pivot[slot]
        move[slot] = value
        for other in range(slot):
            move[other] -= factor[slot, other] * value


@compiled
def _next_join(path: _Path, penalty: np.float32, fall: np.float32) -> tuple[np.float32, int]:
    """Fraction of the way at which a correlation reaches the penalty, and its regressor; 1 and -1 if none does."""
    never = np.float32(np.inf)
    times = path.times
    for k in range(len(times)):
        upwards, downwards = path.drift[k] - fall, -path.drift[k] - fall
        first = (path.correlation[k] - penalty) / upwards
        second = (-path.correlation[k] - penalty) / downwards
        first = first if upwards < 0 else never
        second = second if downwards < 0 else never
        times[k] = min(first, second) + path.barred[k]
    step, joining = np.float32(1), -1
    for k in range(len(times)):
        if times[k] < step:
            step, joining = times[k], k
    return max(step, np.float32(0)), joining


@compiled
def _next_zero(path: _Path, coef: Floats, n_active: int, step: np.float32) -> tuple[np.float32, int]:
    """Fraction of the way, at most `step`, at which an active coefficient is zero, and its slot; else -1."""
    leaving = -1
    for slot in range(n_active):
        value = coef[path.active[slot]]
        if value * path.move[slot] < 0:
            time = np.float32(-value / path.move[slot])
            if time < step:
                step, leaving = time, slot
    return step, leaving


@compiled
def _join(path: _Path, gram: Floats, n_active: int, regressor: int) -> bool:
    """Append a regressor to the active ones, unless it is a combination of them; then it cannot join again."""
    path.active[n_active] = regressor
    path.barred[regressor] = np.inf
    factor, row = path.factor, path.factor[n_active]
    rest = float(gram[regressor, regressor])
    for slot in range(n_active):
        value = float(gram[regressor, path.active[slot]])
        for other in range(slot):
            value -= row[other] * factor[slot, other]
        row[slot] = value * path.pivot[slot]
        rest -= row[slot] * row[slot]
    if rest <= _COLLINEAR * gram[regressor, regressor]:
        return False
    path.pivot[n_active] = 1 / np.sqrt(rest)
    return True


@compiled
def _leave(path: _Path, gram: Floats, n_active: int, slot: int) -> int:
    """Remove an active regressor and refactorise those that joined later; returns the number of active ones."""
    path.barred[path.active[slot]] = 0  # it may rejoin with the other sign
    left = slot
    for other in range(slot + 1, n_active):
        if _join(path, gram, left, path.active[other]):
            left += 1
    return left


@compiled
def _correlate(path: _Path, gram: Floats, cross: Floats, coef: Floats, n_active: int) -> None:
    """Recompute the correlations of all regressors with the residual."""
    path.correlation[:] = cross
    for slot in range(n_active):
        row = path.active[slot]
        for k in range(len(cross)):
            path.correlation[k] -= coef[row] * gram[row, k]


@compiled
def _violation(path: _Path, penalty: np.float32, coef: Floats) -> np.float32:
    """Largest violation of the optimality conditions."""
    worst = np.float32(0)
    for k in range(len(coef)):
        if coef[k] == 0:
            worst = max(worst, abs(path.correlation[k]) - penalty)
        else:
            worst = max(worst, abs(path.correlation[k] - (penalty if coef[k] > 0 else -penalty)))
    return worst
