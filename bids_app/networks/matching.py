"""Which families of one model have a counterpart in another: time courses matched one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bids_app.networks.conditional import shifted_rows
from bids_app.stats.arrays import Doubles, Ints, require_matrix
from bids_app.stats.device import one_thread
from bids_app.stats.standardise import zscore

ALPHA = 0.05
_ROUNDING = 1e-9  # of a correlation: the order of families must not turn an equal one into a smaller one


@dataclass(frozen=True)
class Matching:
    """Families of two models, matched one to one; n is the smaller number of families.

    Attributes
    ----------
    first, second : (n,) families of each model, counted from 0, in the order of falling |r|
    r : (n,) correlation of their time courses; its sign means no more than that of a family, which is arbitrary
    p : (n,) family-wise over all matches
    threshold : |r| beyond which p < 0.05
    n_shifts : number of shifts behind p
    """

    first: Ints
    second: Ints
    r: Doubles
    p: Doubles
    threshold: float
    n_shifts: int

    @property
    def is_shared(self) -> npt.NDArray[np.bool_]:
        """Which matches have p < 0.05, (n,)."""
        return self.p < ALPHA


@one_thread()
def match_courses(
    first: npt.ArrayLike, second: npt.ArrayLike, story_lengths: Sequence[int], *, n_shifts: int = 1000, seed: int = 0
) -> Matching:
    """Match time courses one to one so that the sum of their |r| is largest, and test each match.

    Courses are z-scored within each story. The null matches again after all courses of the second model have been
    shifted circularly against the first, by one amount within each story, which keeps their autocorrelation and what
    they share with each other. p = (b + 1) / (n + 1), b the number of n shifts whose largest matched |r| reaches that
    of the match. Of one story, all shifts are made, see `shifted_rows`.

    Parameters
    ----------
    first, second : arrays of shape (n_volumes, n_families) of each model, the stories one after the other
    story_lengths : number of volumes of each story
    n_shifts : number of shifts drawn where there are several stories

    Raises ValueError for courses of different lengths, and for stories too short for p < 0.05.

    >>> rng = np.random.default_rng(0)
    >>> first = rng.standard_normal((200, 3))
    >>> found = match_courses(first, np.column_stack([-first[:, 2], rng.standard_normal(200)]), [200])
    >>> int(found.first[0]), int(found.second[0]), found.is_shared.tolist()
    (2, 0, [True, False])
    """
    A = require_matrix("first", first)
    B = require_matrix("second", second, len(A))
    if sum(story_lengths) != len(A):
        raise ValueError(f"the stories have {sum(story_lengths)} volumes, and the time courses {len(A)}.")
    A, B = (_standard(courses, story_lengths) for courses in (A, B))
    rows, columns, r = _assigned(A, B)
    shifts = shifted_rows(story_lengths, most=n_shifts, seed=seed)
    null = np.array([np.abs(_assigned(A, B[moved])[2]).max() for moved in shifts])
    order = np.argsort(-np.abs(r), kind="stable")
    reached = (null >= np.abs(r[order, None]) - _ROUNDING).sum(axis=1)
    p = (reached + 1) / (len(null) + 1)
    return Matching(rows[order], columns[order], r[order], p, _threshold(null), len(null))


def _standard(courses: npt.NDArray[np.floating], story_lengths: Sequence[int]) -> Doubles:
    """Courses with mean 0 and mean square 1 within each story."""
    stories = np.split(courses.astype(np.float64), np.cumsum(story_lengths)[:-1])
    return np.concatenate([zscore(story).astype(np.float64) for story in stories])


def _assigned(A: Doubles, B: Doubles) -> tuple[Ints, Ints, Doubles]:
    """Rows, columns and correlations of the matching."""
    r = A.T @ B / len(A)
    rows, columns = linear_sum_assignment(np.abs(r), maximize=True)
    return rows, columns, r[rows, columns]


def _threshold(null: Doubles) -> float:
    """The |r| beyond which (b + 1) / (n + 1) is below 0.05. Raises ValueError for too few shifts."""
    most_reaching = int(np.ceil(ALPHA * (len(null) + 1))) - 2  # the largest b
    if most_reaching < 0:
        raise ValueError(
            f"the stories are so short that they have only {len(null)} circular shifts; at least 20 are needed."
        )
    return float(np.sort(null)[::-1][most_reaching])
