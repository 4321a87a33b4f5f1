"""The learning rate of each step, and the steps of the checkpoints."""

from __future__ import annotations

import numpy as np


def learning_rate(step: int, n_steps: int, first: float) -> float:
    """Learning rate of a step (counted from 1): it falls linearly from `first` and would be 0 after the last.

    >>> [learning_rate(step, 4, 1.0) for step in (1, 2, 3, 4)]
    [1.0, 0.75, 0.5, 0.25]
    """
    return first * (1 - (step - 1) / n_steps)


def checkpoint_steps(n_steps: int, n_checkpoints: int) -> list[int]:
    """Steps after which weights are stored: on a logarithmic grid from 1 to the last, each once.

    A short training has fewer of them than asked for, because the first steps of the grid coincide.

    >>> checkpoint_steps(1000, 4), checkpoint_steps(3, 15), checkpoint_steps(50, 1)
    ([1, 10, 100, 1000], [1, 2, 3], [50])
    """
    if n_checkpoints == 1:
        return [n_steps]
    grid = np.rint(np.geomspace(1, n_steps, n_checkpoints)).astype(int)
    return sorted(set(grid.tolist()))
