"""The sequence of distinct pieces of content, and the volumes of each piece."""

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Ints

NONE = -1


class Copies:
    """Volumes ordered by content.

    Attributes
    ----------
    position : (n_volumes,) index of the piece of each volume in the sequence
    copy : (n_volumes,) number of earlier volumes with the same content
    rows : (most copies, length) the volumes, `NONE` for missing copies

    >>> Copies([3, 4, 5, 4, 5]).rows.tolist()
    [[0, 1, 2], [-1, 3, 4]]
    """

    def __init__(self, content: npt.ArrayLike):
        """`content` is (n_volumes,) integers, equal for volumes that heard the same; pieces are sorted by it."""
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
        """Number of distinct pieces."""
        return int(self.rows.shape[1])

    def moved(self, distances: npt.ArrayLike) -> Ints:
        """For each volume, the volume of the piece `distances` earlier in the sequence, which wraps at its ends.

        Copies move together: the first volume of a piece maps to the first volume of the other, and so on; volumes are
        reused if the other has fewer copies. (n_volumes, n_distances).

        >>> Copies([0, 1, 2, 0, 1, 2]).moved([1]).ravel().tolist()
        [2, 0, 1, 5, 3, 4]
        """
        other = (self.position[:, None] - np.asarray(distances)) % self.length
        return np.asarray(self.rows[self.copy[:, None] % self._counts[other], other])
