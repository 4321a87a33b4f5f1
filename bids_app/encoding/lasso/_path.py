"""The lasso of many targets along falling penalties, with the errors on test sets; targets may end early."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from bids_app.encoding.lasso._fista import fista
from bids_app.encoding.lasso._segment_sums import Moments
from bids_app.encoding.lasso._solver import is_well_conditioned, largest_penalty, lasso_gram
from bids_app.encoding.lasso._tuning import TUNING
from bids_app.stats.arrays import Floats

if TYPE_CHECKING:
    from bids_app.encoding.lasso._sparse_errors import PaddedTest


class Path(Protocol):
    """One training set: penalties fall from call to call."""

    def errors(self, ratio: float) -> list[torch.Tensor]:
        """Mean squared errors on each test set, (V,), at a ratio of the penalty to λ_max, of the targets kept."""

    def keep(self, keep: torch.Tensor) -> None:
        """Keep only some targets, (V,) bool of those kept so far."""


def start_path(gram: torch.Tensor, cross: torch.Tensor, tests: Sequence[Moments]) -> Path:
    """The path for XᵀX (K, K) and XᵀY (K, V): target by target on the CPU, all targets together on a GPU.

    A squared error needs only the moments of its test set, whatever the number of rows.
    """
    return (ByTarget if cross.device.type == "cpu" else Together)(gram, cross, tests)


class Together:
    """All targets together, as tensors; those that are not kept are removed."""

    def __init__(
        self,
        gram: torch.Tensor,
        cross: torch.Tensor,
        tests: Sequence[Moments],
        coef: torch.Tensor | None = None,
    ):
        """Start at coefficients, (K, V)."""
        self.gram, self.cross, self.tests, self.coef = gram, cross, tests, coef
        self.largest = largest_penalty(cross)

    def errors(self, ratio: float) -> list[torch.Tensor]:
        tolerance = TUNING.path_tolerance * ratio
        self.coef = lasso_gram(self.gram, self.cross, ratio * self.largest, self.coef, tolerance=tolerance)
        return [yy + ((gram @ self.coef - 2 * cross) * self.coef).sum(dim=0) for gram, cross, yy in self.tests]

    def keep(self, keep: torch.Tensor) -> None:
        self.cross, self.largest = self.cross[:, keep], self.largest[keep]
        self.tests = [Moments(gram, cross[:, keep], yy[keep]) for gram, cross, yy in self.tests]
        if self.coef is not None:
            self.coef = self.coef[:, keep]


class ByTarget:
    """Target by target, compiled; goes on together where gradient steps are faster. Nothing is copied until then."""

    def __init__(self, gram: torch.Tensor, cross: torch.Tensor, tests: Sequence[Moments]):
        from bids_app.encoding.lasso._active_set import workspace  # imports numba, which takes a while
        from bids_app.encoding.lasso._sparse_errors import padded_test

        self.gram, self.cross, self.tests = gram, cross, tests
        self.space = workspace(gram.contiguous().numpy())
        self.padded = [padded_test(test.gram.numpy(), rows_of(test.cross), test.square.numpy()) for test in tests]
        self.largest = largest_penalty(cross)
        self.targets = np.arange(cross.shape[1])
        self.coef = np.zeros((cross.shape[1], len(gram)), np.float32)
        self.n_active = 0  # of all targets
        self.together: Together | None = None

    def errors(self, ratio: float) -> list[torch.Tensor]:
        if self.together is None and self._steps_are_faster():
            self.together = self._moved()
        if self.together is not None:
            return self.together.errors(ratio)
        self._solve(ratio)
        return [self._errors(test) for test in self.padded]

    def keep(self, keep: torch.Tensor) -> None:
        if self.together is not None:
            self.together.keep(keep)
        self.targets = self.targets[keep.numpy()]

    @cached_property
    def _well_conditioned(self) -> bool:
        return is_well_conditioned(self.gram)

    def _steps_are_faster(self) -> bool:
        return self.n_active > TUNING.many_active * len(self.targets) and self._well_conditioned

    def _moved(self) -> Together:
        kept = torch.from_numpy(self.targets)
        tests = [Moments(gram, cross[:, kept].contiguous(), yy[kept]) for gram, cross, yy in self.tests]
        coef = torch.from_numpy(self.coef)[kept].T.contiguous()
        return Together(self.gram, self.cross[:, kept].contiguous(), tests, coef)

    def _solve(self, ratio: float) -> None:
        from bids_app.encoding.lasso._active_set import solve_some

        tolerance, penalty = TUNING.path_tolerance * ratio, ratio * self.largest
        solved = np.ones(len(self.coef), dtype=bool)
        self.n_active = solve_some(
            self.space, rows_of(self.cross), penalty.numpy(), self.coef, tolerance, solved, self.targets
        )
        if not solved.all():
            rest = np.flatnonzero(~solved)
            start = torch.from_numpy(self.coef[rest]).T.contiguous()
            result = fista(self.gram, self.cross[:, rest].contiguous(), penalty[rest], start, tolerance=tolerance)
            self.coef[rest] = result.T.numpy()

    def _errors(self, test: "PaddedTest") -> torch.Tensor:
        from bids_app.encoding.lasso._sparse_errors import sparse_errors

        errors = np.empty(len(self.targets), np.float32)
        sparse_errors(test, self.coef, self.targets, errors)
        return torch.from_numpy(errors)


def rows_of(cross: torch.Tensor) -> Floats:
    """The numbers of each target side by side, (K, V) to (V, K): no copy if they are."""
    return cross.T.contiguous().numpy()
