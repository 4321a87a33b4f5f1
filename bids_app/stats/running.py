"""Mean, t and p over participants whose maps come one by one, so that none has to be kept."""

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from bids_app.stats.arrays import Doubles, Floats

Indices = npt.NDArray[np.intp]


class RunningMeans:
    """Means over participants who come one by one."""

    def __init__(self, n_maps: int, n_targets: int) -> None:
        """Start without any participant."""
        self._complete = np.ones(n_targets, dtype=bool)
        self._targets: Indices = np.arange(n_targets)
        self._total, self._count = np.zeros((n_maps, n_targets)), 0

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Targets in use with a value in every map of every participant so far, (n_targets,)."""
        return np.asarray(self._complete[self._targets])

    def add(self, maps: Floats) -> None:
        """Add the maps (n_maps, n_targets) of a participant."""
        self._complete &= np.isfinite(maps).all(axis=0)
        self._total += maps
        self._count += 1

    def use(self, targets: Indices) -> None:
        """Use only these targets: from now on, all results are of them."""
        self._targets = targets

    def mean(self) -> Floats:
        """Means (n_maps, n_targets), NaN where a participant has no value."""
        return np.where(self.complete, self._means(), np.nan).astype(np.float32)

    def _means(self) -> Doubles:
        return np.asarray(self._total[:, self._targets] / self._count)


class RunningTest(RunningMeans):
    """Means over participants who come one by one, and their one-sample t-test against 0.

    Sums are of differences from the first participant, in float64, so that squares keep their digits where the mean is
    large beside the spread.
    """

    def __init__(self, n_maps: int, n_targets: int) -> None:
        """Start without any participant."""
        super().__init__(n_maps, n_targets)
        self._first: Floats = np.zeros((n_maps, n_targets), dtype=np.float32)
        self._squares = np.zeros((n_maps, n_targets))

    def add(self, maps: Floats) -> None:
        """Add the maps (n_maps, n_targets) of a participant."""
        if not self._count:
            self._first = np.array(maps, dtype=np.float32)
        difference = np.empty(maps.shape[1])  # of one map at a time, which stays in the cache
        for row, values in enumerate(maps):
            self._complete &= np.isfinite(values)
            with np.errstate(invalid="ignore"):  # infinite values are not complete
                np.subtract(values, self._first[row], out=difference, dtype=np.float64)
                self._total[row] += difference
                self._squares[row] += np.square(difference, out=difference)
        self._count += 1

    def _means(self) -> Doubles:
        return self._first[:, self._targets] + super()._means()

    def t_test(self) -> tuple[Floats, Floats]:
        """t of the mean against 0 and its two-sided p, (n_maps, n_targets) each, of at least two participants.

        0 and 1 where all participants have the same value; NaN where a participant has none.
        """
        t, p = (np.full((len(self._first), len(self._targets)), np.nan, dtype=np.float32) for _ in range(2))
        known = self.complete
        for row in range(len(t)):
            t[row, known], p[row, known] = self._tested(row, self._targets[known])
        return t, p

    def _tested(self, row: int, targets: Indices) -> tuple[Doubles, Doubles]:
        """t and p of one map."""
        n, total, squares = self._count, self._total[row, targets], self._squares[row, targets]
        mean = self._first[row, targets] + total / n
        error = np.sqrt(np.maximum(squares - total**2 / n, 0) / (n - 1) / n)  # standard error of the mean
        differs = squares > 0
        with np.errstate(divide="ignore"):
            t = np.divide(mean, error, out=np.zeros_like(mean), where=differs)
        return t, np.where(differs, 2 * stdtr(n - 1, -np.abs(t)), 1.0)
