"""Triangles that are left out leave the choice of a penalty as it is."""

import numpy as np
import pytest
import torch

from bids_app.encoding.folds import contiguous_folds
from bids_app.encoding.ridge_selection import _ByResiduals, _LeaveOneOut
from bids_app.encoding.ridge_solver import Design, Factors
from bids_app.encoding.ridge_triangles import ByTriangles

N, N_FEATURES = 200, 130
ALPHAS = torch.as_tensor(np.logspace(-1, 8, 10), dtype=torch.float32)


@pytest.fixture(scope="module")
def problem() -> tuple[list[Factors], Factors, torch.Tensor]:
    """Factors of folds and of all rows; responses from noise to almost no noise."""
    random = np.random.default_rng(0)
    X = random.standard_normal((N, N_FEATURES)) * np.arange(1, N_FEATURES + 1) ** -0.3
    signal = X @ random.standard_normal((N_FEATURES, 900))
    Y = signal / signal.std(axis=0) * np.geomspace(1e-3, 30, 900) + random.standard_normal(signal.shape)
    design = Design(X, torch.device("cpu"))
    folds = [design.factorise(*pair) for pair in contiguous_folds(N, 4)]
    everything = np.arange(N)
    centred = torch.as_tensor(Y - Y.mean(axis=0), dtype=torch.float32)
    return folds, design.factorise(everything, everything), centred


@pytest.mark.parametrize("loo", [False, True])
def test_the_choice_is_that_of_all_errors(problem, loo):
    folds, whole, Y = problem
    triangles = ByTriangles([whole] if loo else folds, ALPHAS, torch.arange(N), loo=loo)
    plain = _LeaveOneOut(whole, ALPHAS) if loo else _ByResiduals(folds, ALPHAS)
    errors, expected = triangles(Y), plain(Y)
    chosen, wanted = errors.argmin(dim=0), expected.argmin(dim=0)
    assert len(wanted.unique()) >= 5
    excess = expected.gather(0, chosen[None])[0] / expected.amin(dim=0) - 1
    assert excess.max() < 2e-6
    np.testing.assert_allclose(errors.amin(dim=0), expected.amin(dim=0), rtol=1e-5)
    # what is not known exactly is a lower bound
    assert (errors <= expected * (1 + 1e-5)).all()


def test_few_triangles_are_made(problem):
    folds, _, Y = problem
    triangles = ByTriangles(folds, ALPHAS, torch.arange(N), loo=False)
    assert triangles._bounded
    assert len(triangles._summed) >= 2
    # of responses that the design explains, small penalties are good, and their errors are looked at
    places = [one.place for one in triangles._bounded]
    errors, expected = triangles(Y), _ByResiduals(folds, ALPHAS)(Y)
    exact = np.isclose(errors[places], expected[places], rtol=1e-4)
    assert exact.any()
    assert not exact.all()


def test_one_response_or_many_give_the_same(problem):
    folds, _, Y = problem
    triangles = ByTriangles(folds, ALPHAS, torch.arange(N), loo=False)
    together = triangles(Y).amin(dim=0)
    apart = torch.cat([triangles(Y[:, [column]]).amin(dim=0) for column in range(0, 900, 100)])
    np.testing.assert_allclose(together[::100], apart, rtol=1e-5)
