"""The queue of states that negatives are drawn from, and names of states by what the model has read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Names = npt.NDArray[np.uint64]
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no token is lost modulo 2⁶⁴


def names_of_states(ids: npt.NDArray[np.integer]) -> Names:
    """Name of the state at each position of windows (n_windows, n_tokens): a hash of the tokens read so far.

    A causal model has the same state wherever it has read the same tokens, so that equal names are equal states, also
    of another epoch or another document.
    """
    names = np.empty(ids.shape, np.uint64)
    read = np.full(len(ids), 1, np.uint64)
    for position in range(ids.shape[1]):
        read = read * _FACTOR + ids[:, position].astype(np.uint64) + np.uint64(1)  # modulo 2⁶⁴
        read ^= read >> np.uint64(29)
        names[:, position] = read
    return names


class StateQueue:
    """The latest `size` states, first in, first out.

    Attributes
    ----------
    states : (size, width), of which the first `count` are filled
    names : (size,), of `names_of_states`
    next : row of the oldest state, which the next one replaces
    """

    def __init__(self, size: int, width: int, device: torch.device) -> None:
        """An empty queue."""
        self.states = torch.zeros(size, width, device=device)
        self.names: Names = np.zeros(size, np.uint64)
        self.count = self.next = 0

    def push(self, states: Tensor, names: Names) -> None:
        """Append states (n, width) with their names (n,) in order; the oldest leave."""
        size = len(self.names)
        states, names = states[-size:], names[-size:]
        rows = (self.next + np.arange(len(names))) % size
        self.states[torch.from_numpy(rows).to(self.states.device)] = states.to(self.states.dtype)
        self.names[rows] = names
        self.next = (self.next + len(names)) % size
        self.count = min(size, self.count + len(names))

    @property
    def is_full(self) -> bool:
        """Whether it holds as many states as it can."""
        return self.count == len(self.names)

    def rows_without(self, positives: Names) -> npt.NDArray[np.int64]:
        """Rows of the states that are none of the positives."""
        return np.flatnonzero(~np.isin(self.names[: self.count], positives))

    def draw(self, n: int, positives: Names, seed: tuple[int, ...]) -> Tensor:
        """Draw `n` different states that are none of the positives, all of these if there are fewer: (≤ n, width).

        Raises ValueError if every state is a positive.
        """
        rows = self.rows_without(positives)
        if not len(rows):
            raise ValueError(
                f"All {self.count} states in the queue are targets of the batch too: the text repeats the same "
                "passages; give more text, or a larger --queue."
            )
        chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:n])
        return self.states[torch.from_numpy(chosen).to(self.states.device)]
