"""The ways to find the errors of penalties agree with each other and with scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.ridge._selection import PenaltyErrors, _ByResiduals, _LeaveOneOut, choose, penalty_errors
from bids_app.encoding.ridge._solver import Design
from bids_app.encoding.ridge._triangles import ByTriangles
from bids_app.stats.arrays import Fold

N, ALPHAS = 75, np.array([0.1, 3.0, 50.0, 1e4])
RNG = np.random.default_rng(0)


def _problem(n_features: int) -> tuple[np.ndarray, np.ndarray]:
    X = RNG.standard_normal((N, n_features)) * RNG.uniform(0.1, 3, n_features) + 0.5
    Y = X @ RNG.standard_normal((n_features, 7)) * RNG.uniform(0, 0.3, 7) + RNG.standard_normal((N, 7))
    return X.astype(np.float32), Y - Y.mean(axis=0)


def _by_scikit_learn(X: np.ndarray, Y: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    errors = [
        [np.square(Y[test] - Ridge(alpha).fit(X[train], Y[train]).predict(X[test])).mean(axis=0) for alpha in ALPHAS]
        for train, test in pairs
    ]
    return np.asarray(np.mean(errors, axis=0))


@pytest.mark.parametrize("n_features", [20, 120])
@pytest.mark.parametrize("loo", [True, False])
def test_errors_are_those_of_fits_without_the_left_out_rows(n_features: int, loo: bool) -> None:
    X, Y = _problem(n_features)
    used = np.arange(5, N)  # rows that take no part
    pairs = [(used[(used < a) | (used > b)], used[(used >= a) & (used <= b)]) for a, b in ((5, 29), (30, 44), (45, 74))]
    if loo:
        pairs = [(used[used != row], used[[index]]) for index, row in enumerate(used)]
    expected = _by_scikit_learn(X, Y, pairs)
    design = Design(X, torch.device("cpu"))
    factors = [design.factorise(used, used)] if loo else [design.factorise(*pair) for pair in pairs]
    alphas, responses = torch.as_tensor(ALPHAS, dtype=torch.float32), torch.as_tensor(Y, dtype=torch.float32)
    plain = _LeaveOneOut(factors[0], alphas) if loo else _ByResiduals(factors, alphas)
    np.testing.assert_allclose(plain(responses), expected, rtol=1e-3)
    np.testing.assert_allclose(ByTriangles(factors, alphas, loo=loo)(responses), expected, rtol=1e-3)


@pytest.mark.parametrize("n_features", [20, 120])
def test_volumes_that_heard_the_same_are_left_out_together(n_features: int) -> None:
    X, Y = _problem(n_features)
    content = np.concatenate([np.arange(40), np.arange(10, 40), np.arange(35, 40)])  # once, twice, three times
    used = np.arange(5, N)
    alphas, design = torch.as_tensor(ALPHAS, dtype=torch.float32), Design(X, torch.device("cpu"))
    errors = penalty_errors(design, (used, design.decompose(used)), None, alphas, 7, content=content)
    heard = content[used]
    pairs = [(used[heard != number], used[heard == number]) for number in np.unique(heard)]
    result = errors(torch.as_tensor(Y, dtype=torch.float32))
    np.testing.assert_allclose(result, _by_scikit_learn(X, Y, pairs), rtol=2e-3)


def _chosen(X: np.ndarray, n_targets: int, pairs: list[Fold]) -> PenaltyErrors:
    design, rows = Design(X, torch.device("cpu")), np.arange(N)
    alphas = torch.as_tensor(ALPHAS, dtype=torch.float32)
    return penalty_errors(design, (rows, design.decompose(rows)), pairs, alphas, n_targets)


def test_triangles_are_made_where_they_pay() -> None:
    folds = contiguous_folds(N, 5)
    assert isinstance(_chosen(_problem(60)[0], 10, folds), _ByResiduals)
    assert isinstance(_chosen(_problem(60)[0], 100_000, folds), ByTriangles)
    # so few features that products with them cost little
    assert isinstance(_chosen(_problem(4)[0], 100_000, folds), _ByResiduals)


@pytest.mark.parametrize("shared", [0, 3])  # rows that a fold trains on and tests, too
def test_rows_that_take_no_part_count_for_nothing_and_those_of_both_parts_count(shared: int) -> None:
    X, Y = _problem(60)
    pairs = [(np.append(train[:40] + 5, test[:shared] + 5), test + 5) for train, test in contiguous_folds(N - 5, 5)]
    errors = _chosen(X, 100_000, pairs)
    assert isinstance(errors, ByTriangles)
    expected = _by_scikit_learn(X, Y, pairs)
    Y[:5] = 1e4
    result = errors(torch.as_tensor(Y, dtype=torch.float32))
    np.testing.assert_allclose(result, expected, rtol=1e-3)


def test_the_first_of_equals_is_chosen() -> None:
    errors = torch.tensor([[2.0, 1.0, 3.0], [1.0, 1.0, 2.0]])
    assert choose(errors, torch.tensor([0.1, 10.0])).tolist() == pytest.approx([10.0, 0.1, 10.0])
