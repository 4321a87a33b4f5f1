"""The lasso by active sets: exact for each target; compiled, for the CPU.

With given active regressors and signs of their coefficients, the solution is that of one linear system (Osborne,
Presnell & Turlach 2000). Coefficients move there, as far as the first that reaches zero, which leaves. Once they are
there, the inactive regressors that violate the optimality conditions join (as in the feature-sign search of Lee,
Battle, Raina & Ng 2007, but several at once). The objective never rises. Three to five moves lead from one penalty to
the next, whatever the condition of the regressors; gradient steps would need hundreds.

Import this module where it is used: numba takes a quarter of a second.
"""

from typing import NamedTuple

import numpy as np

from bids_app.encoding.compiled import compiled
from bids_app.encoding.lasso._tuning import TUNING
from bids_app.stats.arrays import AnyArray, Doubles, Floats, Ints

# numba reads numbers of a module, not of a dataclass
_COLLINEAR, _MOST_MOVES, _EXACT, _JOIN_TOGETHER = (
    TUNING.collinear,
    TUNING.most_moves,
    TUNING.exact,
    TUNING.join_together,
)


class _Active(NamedTuple):
    """The active regressors of one target, in slots in the order in which they joined; K regressors."""

    regressor: Ints  # (K,)
    sign: Doubles  # (K,), of the coefficient
    factor: Doubles  # (K, K), Cholesky factor of their Gram matrix, below the diagonal
    pivot: Doubles  # (K,), one over the diagonal of the factor
    goal: Doubles  # (K,), their coefficients at the optimum
    correlation: Floats  # (K,), of all regressors with the residual


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
    active = _Active(
        np.empty(n, np.int64),
        np.empty(n, np.float64),
        np.empty((n, n), np.float64),
        np.empty(n, np.float64),
        np.empty(n, np.float64),
        np.empty(n, np.float32),
    )
    for target in range(n_targets):
        largest = np.float32(0)
        for k in range(n):
            largest = max(largest, abs(cross[target, k]))
        exact = np.float32(min(_EXACT, tolerance) * largest)
        n_active = _descend(active, gram, cross[target], penalty[target], coef[target], exact)
        solved[target] = _violation(active, penalty[target], n_active) <= tolerance * largest


@compiled
def _descend(active: _Active, gram: Floats, cross: Floats, penalty: np.float32, coef: Floats, exact: np.float32) -> int:
    """Change coefficients and active set until no condition is violated by more than `exact`, or nothing more helps.

    Returns the number of active regressors.
    """
    n_active = 0
    for regressor in range(len(cross)):
        if coef[regressor] != 0:
            if _join(active, gram, n_active, regressor, coef[regressor]):
                n_active += 1
            else:
                coef[regressor] = 0
    for _ in range(_MOST_MOVES * len(cross)):
        _aim(active, cross, penalty, n_active)
        leaving = _move(active, coef, n_active)
        if leaving >= 0:
            n_active = _leave(active, gram, coef, n_active, leaving)
            continue
        _correlate(active, gram, cross, coef, n_active)
        before = n_active
        n_active = _join_violators(active, gram, penalty, coef, n_active, exact)
        if n_active == before:
            return n_active
    _correlate(active, gram, cross, coef, n_active)
    return n_active


@compiled
def _aim(active: _Active, cross: Floats, penalty: np.float32, n_active: int) -> None:
    """Set `goal`: the inverse of the active Gram matrix times `cross` less the penalty, by substitution."""
    goal, factor = active.goal, active.factor
    for slot in range(n_active):
        value = cross[active.regressor[slot]] - penalty * active.sign[slot]
        for other in range(slot):
            value -= factor[slot, other] * goal[other]
        goal[slot] = value * active.pivot[slot]
    for slot in range(n_active - 1, -1, -1):
        value = goal[slot] * active.pivot[slot]
        goal[slot] = value
        for other in range(slot):
            goal[other] -= factor[slot, other] * value


@compiled
def _move(active: _Active, coef: Floats, n_active: int) -> int:
    """Move coefficients to their goal, or as far as the first is zero; returns the slot of that one, else -1."""
    step, leaving = 1.0, -1
    for slot in range(n_active):
        goal = active.goal[slot]
        if goal * active.sign[slot] <= 0:
            value = float(coef[active.regressor[slot]])
            share = value / (value - goal) if value != goal else 0.0
            if share < step:
                step, leaving = share, slot
    for slot in range(n_active):
        regressor = active.regressor[slot]
        if leaving < 0:
            coef[regressor] = active.goal[slot]
        else:
            coef[regressor] += np.float32(step * (active.goal[slot] - coef[regressor]))
    if leaving >= 0:
        coef[active.regressor[leaving]] = 0
    return leaving


@compiled
def _leave(active: _Active, gram: Floats, coef: Floats, n_active: int, leaving: int) -> int:
    """Remove a regressor, and later ones that are zero and would get the wrong sign; returns how many are left.

    The factor of those before it stays; those after it join again.
    """
    left = leaving
    for slot in range(leaving + 1, n_active):
        regressor, sign = active.regressor[slot], active.sign[slot]
        astray = coef[regressor] == 0 and active.goal[slot] * sign <= 0
        if not astray:
            if _join(active, gram, left, regressor, sign):
                left += 1
            else:
                coef[regressor] = 0
    return left


@compiled
def _join_violators(
    active: _Active, gram: Floats, penalty: np.float32, coef: Floats, n_active: int, exact: np.float32
) -> int:
    """Append the inactive regressors whose correlations exceed the penalty most; returns the number of active ones."""
    worst = np.float32(0)
    for k in range(len(coef)):
        worst = max(worst, abs(active.correlation[k]) - penalty)
    if worst > exact:
        least = penalty + max(exact, np.float32(_JOIN_TOGETHER) * worst)
        for k in range(len(coef)):
            joins = n_active < len(coef) and coef[k] == 0 and abs(active.correlation[k]) >= least
            if joins and _join(active, gram, n_active, k, active.correlation[k]):
                n_active += 1
    return n_active


@compiled
def _join(active: _Active, gram: Floats, n_active: int, regressor: int, signed: float) -> bool:
    """Append a regressor, with the sign of `signed`, unless it is a combination of the active ones."""
    active.regressor[n_active] = regressor
    active.sign[n_active] = 1.0 if signed > 0 else -1.0
    factor, row = active.factor, active.factor[n_active]
    rest = float(gram[regressor, regressor])
    for slot in range(n_active):
        value = float(gram[regressor, active.regressor[slot]])
        for other in range(slot):
            value -= row[other] * factor[slot, other]
        row[slot] = value * active.pivot[slot]
        rest -= row[slot] * row[slot]
    if rest <= _COLLINEAR * gram[regressor, regressor]:
        return False
    active.pivot[n_active] = 1 / np.sqrt(rest)
    return True


@compiled
def _correlate(active: _Active, gram: Floats, cross: Floats, coef: Floats, n_active: int) -> None:
    """Recompute the correlations of all regressors with the residual."""
    active.correlation[:] = cross
    for slot in range(n_active):
        row, correlation = active.regressor[slot], active.correlation
        value = coef[row]
        for k in range(len(cross)):
            correlation[k] -= value * gram[row, k]


@compiled
def _violation(active: _Active, penalty: np.float32, n_active: int) -> np.float32:
    """Largest violation of the optimality conditions."""
    worst = np.float32(0)
    for k in range(len(active.correlation)):
        worst = max(worst, abs(active.correlation[k]) - penalty)
    for slot in range(n_active):
        correlation = active.correlation[active.regressor[slot]]
        worst = max(worst, np.float32(abs(correlation - penalty * active.sign[slot])))
    return worst
