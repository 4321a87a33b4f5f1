"""The line of what was heard, each piece of it once, and the volumes that heard each piece."""

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Ints

NONE = -1


class Copies:
    """Volumes ordered by what they heard.

    Attributes
    ----------
    position : (n_volumes,) place of each volume on the line
    copy : (n_volumes,) how many volumes before it heard the same
    rows : (most copies, length of the line) the volumes, `NONE` where a piece was heard less often

    >>> Copies([3, 4, 5, 4, 5]).rows.tolist()
    [[0, 1, 2], [-1, 3, 4]]
    """

    def __init__(self, content: npt.ArrayLike):
        """`content` is (n_volumes,) integers, the same for volumes that heard the same; the line is in their order."""
        different, self.position = np.unique(np.asarray(content, dtype=np.int64), return_inverse=True)
        order = np.argsort(self.position, kind="stable")
        counts = np.bincount(self.position, minlength=len(different))
        self.copy = np.empty_like(self.position)
        self.copy[order] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        self.rows = np.full((counts.max(initial=1), len(different)), NONE)
        self.rows[self.copy, self.position] = np.arange(len(order))
        self._counts = counts

    @property
    def length(self) -> int:
        """How many different pieces were heard."""
        return int(self.rows.shape[1])

    def moved(self, distances: npt.ArrayLike) -> Ints:
        """For each volume, that which heard what lies `distances` before on the line, turned round at its ends.

        Copies move together: the first volume that heard a piece goes with the first that heard the other, and so on
        (where the other was heard less often, with one of its volumes again). (n_volumes, n_distances).

        >>> Copies([0, 1, 2, 0, 1, 2]).moved([1]).ravel().tolist()
        [2, 0, 1, 5, 3, 4]
        """
        other = (self.position[:, None] - np.asarray(distances)) % self.length
        return np.asarray(self.rows[self.copy[:, None] % self._counts[other], other])
