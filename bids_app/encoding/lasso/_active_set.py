"""The lasso by active sets: exact for each target; compiled, for the CPU.

With given active regressors and signs of their coefficients, the solution is that of one linear system (Osborne,
Presnell & Turlach 2000). Coefficients move there, as far as the first that reaches zero, which leaves. Once they are
there, the inactive regressors that violate the optimality conditions join (as in the feature-sign search of Lee,
Battle, Raina & Ng 2007, but several at once). The objective never rises. Three to five moves lead from one penalty to
the next, whatever the condition of the regressors; gradient steps would need hundreds.

The inverse of the active Gram matrix is kept in float64: a regressor that joins or leaves changes it, and the solution
of the system, by a multiple of one row.

Import this module where it is used: numba takes a quarter of a second.
"""

from typing import NamedTuple

import numpy as np

from bids_app.encoding.compiled import compiled_without_counts
from bids_app.encoding.lasso._tuning import TUNING
from bids_app.encoding.vectors import add_multiple, add_rows, padded, padded_length
from bids_app.stats.arrays import AnyArray, Doubles, Floats, Ints

# numba reads numbers of a module, not of a dataclass
_COLLINEAR, _MOST_MOVES, _EXACT, _JOIN_TOGETHER = (
    TUNING.collinear,
    TUNING.most_moves,
    TUNING.exact,
    TUNING.join_together,
)


class Workspace(NamedTuple):
    """The active regressors of one target, in slots; K regressors, rows padded to P.

    Goals, and the rows of the inverse in active slots, are zero in all other slots. To set one number before a block of
    them is read would hold up the processor.
    """

    gram: Floats  # (K, P), of all regressors
    cross: Floats  # (P,), of the target
    correlation: Floats  # (P,), of all regressors with the residual
    active: AnyArray  # (K,), bool: whether a regressor is
    found: Ints  # (K,), regressors found by a search
    regressor: Ints  # (K,), in each slot
    sign: Doubles  # (K,), of the coefficient
    value: Doubles  # (K,), the coefficient
    goal: Doubles  # (P,), the coefficient at the optimum, with these regressors and signs
    inverse: Doubles  # (K, P), of the active Gram matrix
    row: Doubles  # (K,), of the Gram matrix: a new regressor and the active ones
    weight: Doubles  # (P,), of the active regressors, by which they predict a new one; -1 in the slot of that
    factor: Floats  # (K,), minus the coefficient
    slots: Ints  # (K,), 0, 1, 2, ...
    zero: Doubles  # (P,)
    minus_one: Doubles  # (K, P): -1 on the diagonal


def workspace(gram: Floats) -> Workspace:
    """Memory for targets with the same Gram matrix (K, K)."""
    n = len(gram)
    n_padded = padded_length(n)
    return Workspace(
        gram=padded(gram),
        cross=np.zeros(n_padded, np.float32),
        correlation=np.zeros(n_padded, np.float32),
        active=np.zeros(n, np.bool_),
        found=np.zeros(n, np.int64),
        regressor=np.zeros(n, np.int64),
        sign=np.zeros(n),
        value=np.zeros(n),
        goal=np.zeros(n_padded),
        inverse=np.zeros((n, n_padded)),
        row=np.zeros(n),
        weight=np.zeros(n_padded),
        factor=np.zeros(n, np.float32),
        slots=np.arange(n),
        zero=np.zeros(n_padded),
        minus_one=-np.eye(n, n_padded),
    )


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
    solve_some(workspace(gram), cross, penalty, coef, tolerance, solved, np.arange(len(cross)))


@compiled_without_counts
def solve_some(
    space: Workspace,
    cross: Floats,
    penalty: Floats,
    coef: Floats,
    tolerance: float,
    solved: AnyArray,
    targets: Ints,
) -> int:
    """`solve` of some rows of `cross`; returns the number of active regressors of all of them."""
    n = cross.shape[1]
    total = 0
    for target in targets:
        largest = np.float32(0)
        for k in range(n):
            space.cross[k] = cross[target, k]
            largest = max(largest, abs(cross[target, k]))
        exact = np.float32(min(_EXACT, tolerance) * largest)
        n_active = _start(space, penalty[target], coef[target])
        n_active, worst = _descend(space, penalty[target], exact, n_active)
        for slot in range(n_active):
            k = space.regressor[slot]
            coef[target, k] = space.value[slot]
            space.active[k] = False
            worst = max(worst, abs(space.correlation[k] - penalty[target] * np.float32(space.sign[slot])))
        solved[target] = worst <= tolerance * largest
        total += n_active
    return total


@compiled_without_counts
def _start(space: Workspace, penalty: np.float32, coef: Floats) -> int:
    """Activate the regressors with a coefficient, and set that to zero; returns how many they are."""
    add_multiple(space.goal, space.zero, 0.0, space.zero, len(space.zero))
    n_found = n_active = 0
    for k in range(len(coef)):
        space.found[n_found] = k
        n_found += coef[k] != 0  # a branch would be mispredicted
    for position in range(n_found):
        k = space.found[position]
        if _join(space, penalty, n_active, k, coef[k]):
            space.value[n_active] = coef[k]
            n_active += 1
        coef[k] = 0
    return n_active


@compiled_without_counts
def _descend(space: Workspace, penalty: np.float32, exact: np.float32, n_active: int) -> tuple[int, np.float32]:
    """Move and change the active set until no condition is violated by more than `exact`, or nothing more helps.

    Returns the number of active regressors, and the largest violation of the others.
    """
    worst = np.float32(np.inf)
    for _ in range(_MOST_MOVES * len(space.active)):
        leaving = _move(space, n_active)
        if leaving >= 0:
            n_active = _leave(space, n_active, leaving)
            continue
        worst = _correlate(space, n_active) - penalty
        before = n_active
        if worst > exact:
            least = penalty + max(exact, np.float32(_JOIN_TOGETHER) * worst)
            n_active = _join_violators(space, penalty, least, n_active)
        if n_active == before:
            return n_active, worst
    return n_active, np.float32(np.inf)


@compiled_without_counts
def _move(space: Workspace, n_active: int) -> int:
    """Move coefficients to their goal, or as far as the first is zero; returns the slot of that one, else -1."""
    step, leaving = 1.0, -1
    for slot in range(n_active):
        goal = space.goal[slot]
        if goal * space.sign[slot] <= 0:
            value = space.value[slot]
            share = value / (value - goal) if value != goal else 0.0
            if share < step:
                step, leaving = share, slot
    for slot in range(n_active):
        space.value[slot] += step * (space.goal[slot] - space.value[slot])
    return leaving


@compiled_without_counts
def _leave(space: Workspace, n_active: int, leaving: int) -> int:
    """Remove a regressor; the last one takes its slot. Returns how many are left."""
    last = n_active - 1
    row = space.inverse[leaving]
    share = -1 / row[leaving]
    add_multiple(space.goal, space.goal, share * space.goal[leaving], row, n_active)
    for slot in range(n_active):
        if slot != leaving:
            other = space.inverse[slot]
            add_multiple(other, other, share * other[leaving], row, n_active)
    space.active[space.regressor[leaving]] = False
    space.regressor[leaving], space.sign[leaving] = space.regressor[last], space.sign[last]
    space.value[leaving], space.goal[leaving], space.goal[last] = space.value[last], space.goal[last], 0.0
    if leaving != last:
        add_multiple(row, space.inverse[last], 0.0, space.zero, n_active)
    for slot in range(last):
        other = space.inverse[slot]
        other[leaving], other[last] = other[last], 0.0
    return last


@compiled_without_counts
def _join_violators(space: Workspace, penalty: np.float32, least: np.float32, n_active: int) -> int:
    """Activate the regressors with correlations of at least `least`; returns the number of active ones."""
    n_found = 0
    for k in range(len(space.active)):
        space.found[n_found] = k
        n_found += (abs(space.correlation[k]) >= least) & (not space.active[k])
    for position in range(n_found):
        k = space.found[position]
        if _join(space, penalty, n_active, k, space.correlation[k]):
            space.value[n_active] = 0.0
            n_active += 1
    return n_active


@compiled_without_counts
def _join(space: Workspace, penalty: np.float32, n_active: int, regressor: int, signed: np.float32) -> bool:
    """Activate a regressor, with the sign of `signed`, unless it is a combination of the active ones."""
    sign = 1.0 if signed > 0 else -1.0
    excess = space.cross[regressor] - penalty * sign
    for slot in range(n_active):
        value = float(space.gram[regressor, space.regressor[slot]])
        space.row[slot] = value
        excess -= value * space.goal[slot]
    add_rows(space.weight, space.minus_one[n_active], space.row, space.inverse, space.slots, n_active, n_active + 1)
    diagonal = float(space.gram[regressor, regressor])
    rest = diagonal
    for slot in range(n_active):
        rest -= space.row[slot] * space.weight[slot]
    if rest <= _COLLINEAR * diagonal:
        return False
    share = 1 / rest
    row = space.inverse[n_active]
    add_multiple(row, space.zero, 0.0, space.zero, len(space.zero))
    for slot in range(n_active + 1):
        row = space.inverse[slot]
        add_multiple(row, row, share * space.weight[slot], space.weight, n_active + 1)
    add_multiple(space.goal, space.goal, -share * excess, space.weight, n_active + 1)
    space.regressor[n_active], space.sign[n_active] = regressor, sign
    space.active[regressor] = True
    return True


@compiled_without_counts
def _correlate(space: Workspace, n_active: int) -> np.float32:
    """Recompute the correlations of all regressors with the residual; returns the largest."""
    n = len(space.correlation)
    for slot in range(n_active):
        space.factor[slot] = -space.value[slot]
    add_rows(space.correlation, space.cross, space.factor, space.gram, space.regressor, n_active, n)
    largest = np.float32(0)
    for k in range(n):
        largest = max(largest, abs(space.correlation[k]))
    return largest
