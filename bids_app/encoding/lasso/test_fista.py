import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.linear_model import Lasso

from bids_app.encoding.lasso._fista import fista
from bids_app.encoding.lasso._tuning import LassoTuning

Problem = tuple[torch.Tensor, torch.Tensor, torch.Tensor, npt.NDArray[np.float64]]

# scikit-learn before 1.6 says so of a target of zeros
pytestmark = pytest.mark.filterwarnings("ignore:Objective did not converge")


@pytest.fixture
def problem() -> Problem:
    """20 correlated regressors, 30 targets, among them one of noise and one of zeros."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 20)) + 0.7 * rng.standard_normal((120, 1))
    Y = X @ (rng.standard_normal((20, 30)) * (rng.random((20, 30)) < 0.3)) + rng.standard_normal((120, 30))
    Y[:, 1] = 0
    penalty = np.abs(X.T @ Y).max(axis=0) * np.geomspace(0.9, 0.01, 30)
    penalty[1] = 1.0
    expected = [Lasso(alpha=p / 120, fit_intercept=False, tol=1e-10, max_iter=100_000).fit(X, y).coef_
                for p, y in zip(penalty, Y.T, strict=True)]  # fmt: skip
    gram, cross, penalty = (torch.as_tensor(x, dtype=torch.float32) for x in (X.T @ X, X.T @ Y, penalty))
    return gram, cross, penalty, np.transpose(expected)


def test_against_scikit_learn(problem: Problem) -> None:
    gram, cross, penalty, expected = problem
    b = fista(gram, cross, penalty, tolerance=1e-6)
    np.testing.assert_allclose(b, expected, atol=1e-4)
    np.testing.assert_array_equal((b == 0).numpy()[np.abs(expected) > 1e-3], False)
    assert ((b == 0).numpy() == (expected == 0)).mean() > 0.99


def test_every_target_is_as_optimal_as_asked(problem: Problem) -> None:
    gram, cross, penalty = (torch.as_tensor(x, dtype=torch.float64) for x in problem[:3])
    b = fista(gram, cross, penalty, tolerance=1e-10)  # targets leave the batch at different times
    largest = torch.linalg.eigvalsh(gram)[-1]
    step = b - (gram @ b - cross) / largest
    proximal = step.sign() * (step.abs() - penalty / largest).clamp(min=0)
    assert (largest * (b - proximal).abs().amax(dim=0) <= 3e-10 * cross.abs().amax(dim=0)).all()


def test_one_penalty_for_all(problem: Problem) -> None:
    gram, cross, penalty, _ = problem
    several = fista(gram, cross, torch.full_like(penalty, 7.0))
    np.testing.assert_allclose(fista(gram, cross, 7.0), several, atol=1e-6)


def test_warm_start_and_batch_change_nothing(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    gram, cross, penalty, expected = problem
    start = torch.as_tensor(expected, dtype=torch.float32) + 0.1
    np.testing.assert_allclose(fista(gram, cross, penalty, start, tolerance=1e-6), expected, atol=1e-4)
    monkeypatch.setattr("bids_app.encoding.lasso._fista.TUNING", LassoTuning(step_batch=7))
    np.testing.assert_allclose(fista(gram, cross, penalty, tolerance=1e-6), expected, atol=1e-4)
    assert cross[0, 0] == problem[1][0, 0]


def test_few_iterations_still_give_every_target(problem: Problem) -> None:
    gram, cross, penalty, expected = problem
    rough = fista(gram, cross, penalty, max_iterations=25)
    result = np.asarray(rough)
    assert np.abs(result - np.asarray(expected)).max() < 0.5
    assert np.isfinite(result).all()


def test_collinear_regressors_do_not_lead_astray() -> None:
    """All regressors are active, and much alike: the long steps of the opening are too long."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 20)) + 3 * rng.standard_normal((120, 1))
    Y = X @ rng.uniform(1, 2, (20, 30)) + rng.standard_normal((120, 30))
    gram, cross = torch.as_tensor(X.T @ X), torch.as_tensor(X.T @ Y)
    penalty = 0.001 * float(cross.abs().max())

    def objective(b: torch.Tensor) -> torch.Tensor:
        return ((0.5 * gram @ b - cross) * b + penalty * b.abs()).sum(dim=0)

    expected = [Lasso(penalty / 120, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(X, y).coef_ for y in Y.T]
    best = objective(torch.as_tensor(np.transpose(expected)))
    b = torch.zeros_like(cross)
    for _ in range(20):
        b_next = fista(gram, cross, penalty, b, max_iterations=8)
        assert (objective(b_next) <= objective(b) + 1e-9 * objective(b).abs()).all()
        b = b_next
    assert (objective(b) <= 0.9999 * best).all()  # both are negative
    exact = fista(gram, cross, penalty, tolerance=1e-9, max_iterations=100_000)
    np.testing.assert_allclose(exact, np.transpose(expected), atol=1e-4)
