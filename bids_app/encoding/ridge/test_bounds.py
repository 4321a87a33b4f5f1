"""Bounds of errors hold for every response, the worst ones among them, by eigenvalues from numpy."""

import numpy as np
import pytest
import torch

from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.ridge._bounds import Plan, Seen, _extremes, bound, overfits
from bids_app.encoding.ridge._left_out import LeftOut
from bids_app.encoding.ridge._solver import Design

N = 120
ALPHAS = np.logspace(0, 5, 12)


@pytest.fixture(scope="module")
def problem() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Matrices of all penalties and of the infinite one, directions, and responses of noise and signal."""
    random = np.random.default_rng(0)
    X = random.standard_normal((N, 160)) * np.arange(1, 161) ** -0.5
    design, rows = Design(X, torch.device("cpu")), np.arange(N)
    left_out = LeftOut.of(design, design.decompose(rows), torch.as_tensor(rows), contiguous_folds(N, 5))
    residuals = [left_out.residuals(alpha).float() for alpha in [*ALPHAS, torch.inf]]
    signal = X @ random.standard_normal((160, 50))
    Y = random.standard_normal((N, 50)) + signal / signal.std(axis=0) * random.uniform(0, 3, 50)
    matrices = torch.stack([one.T @ one for one in residuals])
    return matrices, left_out.leading(N // 5), torch.as_tensor(Y - Y.mean(axis=0), dtype=torch.float32)


def test_bounds_hold_for_the_responses_that_are_worst_for_them(problem):
    matrices, directions, Y = problem
    plan = Plan(matrices, directions, Y)
    plan.kept = kept = [2, 5, 8]
    exact = matrices.double().numpy()
    for place in (0, 3, 4, 11):
        one = bound(place, plan, matrices, directions)
        U = directions.float().double().numpy()
        form = sum(
            sign * part.double().numpy().T @ part.double().numpy()
            for sign, part in ((1, one.raised), (-1, one.lowered))
        )
        estimate = np.tensordot(one.weights.numpy(), exact[[*kept, -1]], axes=1) + U @ form @ U.T
        values = np.linalg.eigvalsh(exact[place] - estimate)
        assert -one.below <= values[0] + 1e-9
        assert values[-1] <= one.above + 1e-9
        assert one.below < max(1.5 * -values[0], plan.room(place)) + 1e-6  # and are of use
        known = torch.as_tensor(np.einsum("iv,kij,jv->kv", Y.double(), exact[[*kept, -1]], Y.double()))
        wanted = np.einsum("iv,ij,jv->v", Y.double(), estimate, Y.double())
        np.testing.assert_allclose(one.estimate(Seen(known, directions.T.float() @ Y, Y)), wanted, rtol=1e-4)


def test_a_plan_keeps_what_is_often_best_and_little_else(problem):
    matrices, directions, Y = problem
    plan = Plan(matrices, directions, Y)
    assert 0 < len(plan.kept) < len(ALPHAS) / 2
    assert sorted([*plan.kept, *plan.others]) == list(range(len(ALPHAS)))


@pytest.mark.parametrize("size", [30, 150])
def test_extremes_enclose_all_eigenvalues_closely(size):
    A = np.random.default_rng(0).standard_normal((size, size))
    values = np.linalg.eigvalsh(A + A.T)
    smallest, largest = _extremes(torch.as_tensor(A + A.T, dtype=torch.float32))
    spread = values[-1] - values[0]
    assert values[0] - 0.02 * spread < smallest < values[0] + 1e-5 * spread
    assert values[-1] - 1e-5 * spread < largest < values[-1] + 0.02 * spread


def test_few_rows_bound_an_overfit_penalty_whatever_the_response(problem):
    matrices, directions, Y = problem
    # an overfit penalty: a few directions of large errors
    spikes = torch.as_tensor(np.linalg.qr(np.random.default_rng(0).standard_normal((N, 12)))[0], dtype=torch.float32)
    matrices = matrices.clone()
    matrices[1] += spikes @ spikes.T
    order = [1, *(place for place in range(len(ALPHAS)) if place != 1)]
    found = overfits(matrices, order)
    assert found[0].place == 1
    assert len(found[0].rows) < N / 5
    rest = matrices[1].double() - found[0].rows.double().T @ found[0].rows.double()
    assert np.linalg.eigvalsh(rest)[0] > -1e-6
    noise = torch.randn(N, 200, generator=torch.Generator().manual_seed(0))
    assert found[0].estimate(Seen(noise, noise, noise)).mean() > 1.5 * N * np.trace(matrices[-1]) / N
    plan = Plan(matrices, directions, Y, found[:1])
    assert 1 not in [*plan.kept, *plan.others]
