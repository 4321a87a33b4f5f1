"""The windows of one step, with the states that each position is to forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.finetune.negatives import Names, names_of_states
from bids_app.finetune.text import Windows

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Batch:
    """Windows and the windows that hold their targets.

    Attributes
    ----------
    ids, mask : (n_windows, n_tokens), tokens padded on the right, and whether a position holds one
    target_ids : (n_windows, n_tokens), the same or, for targets of another document, those of the partners
    has_target : (n_windows, n_tokens − distance), whether position t has a state of its partner at t + distance
    distance : tokens from a state to its target
    """

    ids: Integers
    mask: Integers
    target_ids: Integers
    has_target: Booleans
    distance: int

    @property
    def n_words(self) -> int:
        """Tokens that the model is to predict from those before."""
        return int(self.mask[:, 1:].sum())

    @property
    def n_targets(self) -> int:
        """States to forecast."""
        return int(self.has_target.sum())

    @property
    def names(self) -> Names:
        """Names of the targets, (n_targets,), window by window."""
        return names_of_states(self.target_ids)[:, self.distance :][self.has_target]

    @property
    def is_shuffled(self) -> bool:
        """Whether targets come from other windows."""
        return self.target_ids is not self.ids

    def rows(self, rows: slice) -> Batch:
        """Some of the windows."""
        ids = self.ids[rows]
        targets = self.target_ids[rows] if self.is_shuffled else ids
        return Batch(ids, self.mask[rows], targets, self.has_target[rows], self.distance)


def make_batch(windows: Windows, chosen: Integers, distance: int, is_shuffled: bool = False) -> Batch:
    """The batch of chosen windows, with targets `distance` tokens ahead in the same window.

    If shuffled, each window is paired with one of another document in the batch, and a window without such a partner
    has no targets.
    """
    length = windows.lengths(chosen)
    width = int(length.max())
    ids = windows.ids(chosen, width)
    mask = (np.arange(width) < length[:, None]).astype(np.int64)
    until, target_ids = length, ids
    if is_shuffled:
        partner = _of_other_documents(windows.document[chosen])
        target_ids, until = ids[partner], np.minimum(length, length[partner])
        until = np.where(windows.document[chosen] == windows.document[chosen][partner], 0, until)
    has_target = np.arange(distance, width) < until[:, None]
    return Batch(ids, mask, target_ids, has_target, distance)


def _of_other_documents(document: Integers) -> Integers:
    """For each window the index of another, (n_windows,), of another document where no document has most of them."""
    order = np.argsort(document, kind="stable")
    shift = int(np.unique(document, return_counts=True)[1].max())
    partner = np.empty(len(document), np.int64)
    partner[order] = np.roll(order, -shift)
    return partner
