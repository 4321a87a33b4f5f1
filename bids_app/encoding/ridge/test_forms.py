"""Against matrix products in float64, and against residuals of explicit ridge fits."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.ridge import DEFAULT_ALPHAS
from bids_app.encoding.ridge._candidates import CandidatePredictor, _cheapest, candidate_errors
from bids_app.encoding.ridge._forms import OfProjections, OfResponses, QuadraticForms
from bids_app.encoding.ridge._solver import Design, Factors
from bids_app.encoding.ridge.held_out import decompose_fold
from bids_app.stats.arrays import Fold

Doubles = npt.NDArray[np.float64]

N = 120
ALPHAS = torch.tensor(DEFAULT_ALPHAS)
CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
NARROW, WIDE = (RNG.standard_normal((N, size)).astype(np.float32) for size in (12, 150))
Y = torch.as_tensor(RNG.standard_normal((N, 40)), dtype=torch.float32)
Y[:, :20] += torch.as_tensor(NARROW @ RNG.standard_normal((12, 20)) / 3, dtype=torch.float32)
FOLDS = contiguous_folds(N, 5, 2)
TRAIN = FOLDS[1][0]  # an outer fold in the middle: its rows are not consecutive
INNER = [(np.setdiff1d(TRAIN, rows), rows) for rows in np.array_split(TRAIN, 4)]


def factors(X: npt.NDArray[np.float32], pairs: list[Fold]) -> list[Factors]:
    design = Design(X, CPU)
    return [design.factorise(*pair) for pair in pairs]


def explicit_errors(X: npt.NDArray[np.float32]) -> Doubles:
    """Mean squared errors (n_alphas, V) of fits by the normal equations, in float64."""
    errors = np.zeros((len(ALPHAS), Y.shape[1]))
    data, features = Y.double().numpy(), X.astype(float)
    for row, alpha in enumerate(DEFAULT_ALPHAS):
        for train, test in INNER:
            x, y = features[train].mean(axis=0), data[train].mean(axis=0)
            A = features[train] - x
            beta = A.T @ np.linalg.solve(A @ A.T + alpha * np.eye(len(A)), data[train] - y)
            errors[row] += ((data[test] - y - (features[test] - x) @ beta) ** 2).mean(axis=0) / len(INNER)
    return errors


def test_a_few_forms_stand_for_a_family() -> None:
    basis = RNG.standard_normal((3, 70, 70))
    basis += basis.transpose(0, 2, 1)
    family = np.einsum("fk,kij->fij", RNG.standard_normal((9, 3)), basis)
    z = RNG.standard_normal((70, 5))
    forms = QuadraticForms(torch.as_tensor(family), 1e-3)
    assert forms.n_kept == 3
    np.testing.assert_allclose(
        forms(torch.as_tensor(z, dtype=torch.float32)), np.einsum("iv,fij,jv->fv", z, family, z), rtol=1e-3, atol=1e-3
    )


def test_what_the_tolerance_leaves_out_stays_below_it() -> None:
    family = np.stack([np.diag(np.linspace(1, 2, 50) / (1 + alpha)) for alpha in np.logspace(-3, 3, 20)])
    family[7, 0, 0] += 1e-2
    z = np.eye(50)
    forms = QuadraticForms(torch.as_tensor(family), 0.05)
    assert forms.n_kept == 1
    values = forms(torch.as_tensor(z, dtype=torch.float32)).numpy()
    assert np.abs(values - np.einsum("iv,fij,jv->fv", z, family, z)).max() < 0.05


def test_a_family_of_nothing_costs_nothing() -> None:
    forms = QuadraticForms(torch.zeros(4, 10, 10, dtype=torch.float64), 1e-3)
    assert forms.n_kept == 0
    assert (forms(torch.ones(10, 3)) == 0).all()


@pytest.mark.parametrize("X", [NARROW, WIDE], ids=["narrow", "wide"])
def test_errors_like_explicit_fits(X: npt.NDArray[np.float32]) -> None:
    folds = factors(X, INNER)
    expected = explicit_errors(X)
    for errors in (OfProjections(folds, ALPHAS), OfResponses([folds], ALPHAS)):
        found = errors(Y).numpy()
        np.testing.assert_allclose(found, expected, atol=3e-4 * float(expected.max()))
        regret = np.take_along_axis(expected, found.argmin(axis=0)[None], axis=0)[0] / expected.min(axis=0) - 1
        assert regret.max() < 1e-4


def test_weightings_are_computed_each_in_its_way_and_come_in_order() -> None:
    """With many targets a narrow design takes forms of its projections, and wide ones share forms of the responses."""
    features = [WIDE, NARROW, np.concatenate([WIDE, NARROW], axis=1)]
    outer = (TRAIN, FOLDS[1][1])
    designs = [decompose_fold(X, outer, FOLDS, "contiguous", CPU) for X in features]
    matrices = [Design(X, CPU) for X in features]
    ways = [_cheapest(factors(X, INNER), len(ALPHAS), 10**6) for X in features]
    assert ways == ["responses", "projections", "responses"]
    for n_targets in (1, 10**6):
        errors = candidate_errors(designs, matrices, _inner_of(outer), ALPHAS, n_targets, None)(Y)
        apart = [
            candidate_errors([design], [matrix], _inner_of(outer), ALPHAS, 1, None)(Y)[0]
            for design, matrix in zip(designs, matrices, strict=True)
        ]
        np.testing.assert_allclose(errors, torch.stack(apart), atol=1e-3)


def _inner_of(outer: Fold) -> list[Fold]:
    from bids_app.encoding.design.folds import inner_folds

    return inner_folds(outer, FOLDS)


def test_predictions_of_candidates_like_explicit_fits() -> None:
    """Of two models, which choose the same candidate for every other target."""
    outer = FOLDS[1]
    data = Y.double().numpy()
    candidates = RNG.integers(0, 2 * len(ALPHAS), (2, Y.shape[1]))
    candidates[1, ::2] = candidates[0, ::2]
    predict = CandidatePredictor([*factors(NARROW, [outer]), *factors(WIDE, [outer])], ALPHAS)
    found = predict(torch.as_tensor(candidates), Y[torch.as_tensor(outer[0])].T.contiguous())
    for (model, column), candidate in np.ndenumerate(candidates):
        X = (NARROW, WIDE)[candidate // len(ALPHAS)].astype(float)
        x, y = X[outer[0]].mean(axis=0), data[outer[0], column].mean()
        A = X[outer[0]] - x
        dual = np.linalg.solve(
            A @ A.T + DEFAULT_ALPHAS[candidate % len(ALPHAS)] * np.eye(len(A)), data[outer[0], column] - y
        )
        np.testing.assert_allclose(found[model, column], y + (X[outer[1]] - x) @ A.T @ dual, atol=2e-4)
