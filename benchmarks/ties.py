"""How far two programs choose the same penalties, and whether those that differ are as good by float64."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Fold

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# Errors that differ by less than this, as a part of the smallest, are a tie.
TIE = 1e-5
# At most so many targets that differ are looked at in float64.
_MOST = 2_000


@dataclass(frozen=True)
class Comparison:
    """Penalties of ours and of a peer: `same` (n_targets,), and, of some that differ, by how much each is worse.

    `excess` (2, n_checked) is the error in float64 of ours and the peer's over that of the best penalty, less one.
    """

    same: npt.NDArray[np.bool_]
    excess: Doubles


def compare(
    penalties: tuple[npt.ArrayLike, npt.ArrayLike], X: Floats, Y: Floats, folds: Sequence[Fold], alphas: Sequence[float]
) -> Comparison:
    """Compare what ours and a peer chose out of `alphas` for Y (n_volumes, n_targets) by the errors on `folds`."""
    mine, theirs = (np.asarray(part, dtype=np.float64) for part in penalties)
    same = np.isclose(mine, theirs, rtol=1e-3)
    some = np.flatnonzero(~same)[:_MOST]
    if not some.size:
        return Comparison(same, np.zeros((2, 0)))
    errors = exact_errors(X, Y[:, some], folds, alphas)
    places = [np.argmin(np.abs(np.log(np.divide.outer(alphas, part[some]))), axis=0) for part in (mine, theirs)]
    excess = [errors[place, np.arange(len(some))] / errors.min(axis=0) - 1 for place in places]
    return Comparison(same, np.array(excess))


def describe(comparisons: Sequence[Comparison]) -> str:
    """One sentence about all comparisons together."""
    same = 100 * np.mean([one.same.mean() for one in comparisons])
    text = f"penalties {same:.3f} % the same"
    checked = np.concatenate([one.excess for one in comparisons], axis=1)
    if not checked.size:
        return text
    tied = same + (100 - same) * np.mean(checked.max(axis=0) < TIE)
    return (
        f"{text}, {tied:.3f} % with ties to {TIE:.0e}; by float64 ours are at most {checked[0].max():.0e} worse than "
        f"the best, the peer's {checked[1].max():.0e}"
    )


def exact_errors(X: Floats, Y: Floats, folds: Sequence[Fold], alphas: Sequence[float]) -> Doubles:
    """Mean squared errors (n_alphas, n_targets) in float64, from a decomposition of every training part's kernel."""
    errors = np.zeros((len(alphas), Y.shape[1]))
    for train, test in folds:
        A, B = (X[rows].astype(np.float64) - X[train].mean(axis=0, dtype=np.float64) for rows in (train, test))
        y, wanted = (Y[rows].astype(np.float64) - Y[train].mean(axis=0, dtype=np.float64) for rows in (train, test))
        values, vectors = np.linalg.eigh(A @ A.T)
        projected, basis = vectors.T @ y, B @ A.T @ vectors
        for row, alpha in enumerate(alphas):
            errors[row] += np.square(wanted - (basis / (np.maximum(values, 0) + alpha)) @ projected).mean(axis=0)
    return errors / len(folds)
