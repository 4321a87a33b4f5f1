from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.linear_model import Lasso

from bids_app.encoding.lasso import _path
from bids_app.encoding.lasso._fista import fista
from bids_app.encoding.lasso._path import ByTarget, Path, Together
from bids_app.encoding.lasso._segment_sums import Moments
from bids_app.encoding.lasso._tuning import LassoTuning

Doubles = npt.NDArray[np.float64]

RATIOS = (0.8, 0.3, 0.1, 0.02)
KINDS = [ByTarget, Together]


class World:
    """Regressors and targets, and what a path needs of them: 90 volumes to train, twice 20 to test."""

    def __init__(self, kind: type[ByTarget] | type[Together], n_regressors: int = 19):
        random = np.random.default_rng(0)
        self.X = random.standard_normal((130, n_regressors)) + random.standard_normal((130, 1))
        weights = random.standard_normal((n_regressors, 12)) * (random.random((n_regressors, 12)) < 0.3)
        self.Y = self.X @ weights + random.standard_normal((130, 12))
        self.Y[:, 3] = 0
        x, y = self.X[:90], self.Y[:90]
        tests = [self._moments(rows) for rows in (slice(90, 110), slice(110, 130))]
        self.path: Path = kind(tensor(x.T @ x), tensor(x.T @ y), tests)

    def _moments(self, rows: slice) -> Moments:
        x, y = self.X[rows], self.Y[rows]
        return Moments(tensor(x.T @ x / 20), tensor(x.T @ y / 20), tensor((y**2).mean(axis=0)))

    def expected(self, ratio: float, targets: list[int]) -> Doubles:
        """Errors on both tests by scikit-learn and residuals, (2, n_targets)."""
        x, y = self.X[:90], self.Y[:90]
        errors = np.empty((2, len(targets)))
        for column, target in enumerate(targets):
            penalty = ratio * np.abs(x.T @ y[:, target]).max() / 90
            fit = Lasso(max(penalty, 1e-9), fit_intercept=False, tol=1e-12, max_iter=100_000).fit(x, y[:, target])
            squares = (self.Y[90:, target] - self.X[90:] @ fit.coef_) ** 2
            errors[:, column] = squares[:20].mean(), squares[20:].mean()
        return errors


def tensor(array: Doubles) -> torch.Tensor:
    return torch.as_tensor(array, dtype=torch.float32)


def check(world: World, rtol: float) -> None:
    """Errors at each ratio, while targets end."""
    targets, keep = list(range(12)), np.ones(12, dtype=bool)
    for ratio in RATIOS:
        errors = torch.stack(world.path.errors(ratio)).numpy()
        np.testing.assert_allclose(errors, world.expected(ratio, targets), rtol=rtol, atol=1e-5)
        keep = np.arange(len(targets)) % 4 != 1
        world.path.keep(torch.as_tensor(keep))
        targets = [target for target, kept in zip(targets, keep, strict=True) if kept]


pytestmark = pytest.mark.filterwarnings("ignore:Objective did not converge")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_regressors", [1, 8, 19, 33])
def test_errors_are_those_of_scikit_learn(kind: Any, n_regressors: int) -> None:
    check(World(kind, n_regressors), 1e-4)


def test_targets_go_on_together_where_many_regressors_are_active(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_path, "TUNING", LassoTuning(many_active=3, path_tolerance=1e-4))
    world = World(ByTarget)
    check(world, 1e-3)
    assert isinstance(world.path, ByTarget)
    assert world.path.together is not None


def test_what_active_sets_do_not_solve_goes_on_by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from bids_app.encoding.lasso import _active_set

    solve, n_by_steps = _active_set.solve_some, []

    def give_up_on_the_second(*arguments: Any) -> int:
        n_active = int(solve(*arguments))
        coef, solved, targets = arguments[3], arguments[5], arguments[6]
        coef[targets[1]], solved[targets[1]] = 0, False
        return n_active

    def counted(gram: torch.Tensor, cross: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        n_by_steps.append(cross.shape[1])
        return fista(gram, cross, *args, **options | {"tolerance": 1e-6})

    monkeypatch.setattr(_active_set, "solve_some", give_up_on_the_second)
    monkeypatch.setattr(_path, "fista", counted)
    check(World(ByTarget), 1e-3)
    assert n_by_steps == [1] * len(RATIOS)
