"""Triangles that are left out leave the choice of a penalty as it is."""

import numpy as np
import pytest
import torch

from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.ridge._left_out import LeftOut
from bids_app.encoding.ridge._selection import _ByResiduals, _LeaveOneOut
from bids_app.encoding.ridge._solver import Design, Factors
from bids_app.encoding.ridge._triangles import ByTriangles

N, N_FEATURES = 200, 130
ALPHAS = torch.as_tensor(np.logspace(-1, 8, 10), dtype=torch.float32)


@pytest.fixture(scope="module")
def problem() -> tuple[list[Factors], Factors, list[LeftOut], torch.Tensor]:
    """Factors of folds and of all rows, what folds and leave-one-out leave out; responses with much and no noise."""
    random = np.random.default_rng(0)
    X = random.standard_normal((N, N_FEATURES)) * np.arange(1, N_FEATURES + 1) ** -0.3
    signal = X @ random.standard_normal((N_FEATURES, 900))
    Y = signal / signal.std(axis=0) * np.geomspace(1e-3, 30, 900) + random.standard_normal(signal.shape)
    design = Design(X, torch.device("cpu"))
    pairs, everything = contiguous_folds(N, 4), np.arange(N)
    folds, eigen = [design.factorise(*pair) for pair in pairs], design.decompose(everything)
    left_out = [LeftOut.of(design, eigen, torch.arange(N), one) for one in (pairs, None)]
    centred = torch.as_tensor(Y - Y.mean(axis=0), dtype=torch.float32)
    return folds, design.factorise(everything, everything), left_out, centred


@pytest.mark.parametrize("loo", [False, True])
def test_the_choice_is_that_of_all_errors(problem, loo):
    folds, whole, left_out, Y = problem
    triangles = ByTriangles(left_out[loo], ALPHAS, Y)
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
    folds, _, left_out, Y = problem
    triangles = ByTriangles(left_out[0], ALPHAS, Y)
    others = [one.place for one in triangles._bounds]
    assert 0 < len(triangles._kept) < len(ALPHAS)
    assert sorted([*triangles._kept, *others]) == list(range(len(ALPHAS)))
    errors, expected = triangles(Y), _ByResiduals(folds, ALPHAS)(Y)
    np.testing.assert_allclose(errors[triangles._kept], expected[triangles._kept], rtol=1e-5)
    # of the others, errors are looked at where they may be the smallest ones
    exact = np.isclose(errors[others], expected[others], rtol=1e-5)
    assert exact.any()
    assert not exact.all()


def test_responses_unlike_the_sample_are_judged_as_well(problem):
    folds, _, left_out, Y = problem
    triangles = ByTriangles(left_out[0], ALPHAS, Y[:, -100:])
    expected = _ByResiduals(folds, ALPHAS)(Y)
    assert set(expected.argmin(dim=0).tolist()) - set(triangles._kept)
    excess = expected.gather(0, triangles(Y).argmin(dim=0)[None])[0] / expected.amin(dim=0) - 1
    assert excess.max() < 2e-6


def test_one_response_or_many_give_the_same(problem):
    _, _, left_out, Y = problem
    triangles = ByTriangles(left_out[0], ALPHAS, Y)
    together = triangles(Y).amin(dim=0)
    apart = torch.cat([triangles(Y[:, [column]]).amin(dim=0) for column in range(0, 900, 100)])
    np.testing.assert_allclose(together[::100], apart, rtol=1e-5)


def test_penalties_may_come_in_any_order(problem):
    _, _, left_out, Y = problem
    order = torch.as_tensor(np.random.default_rng(0).permutation(len(ALPHAS)))
    ordered, shuffled = ByTriangles(left_out[0], ALPHAS, Y)(Y), ByTriangles(left_out[0], ALPHAS[order], Y)(Y)
    np.testing.assert_allclose(ALPHAS[order][shuffled.argmin(dim=0)], ALPHAS[ordered.argmin(dim=0)])


def test_one_of_penalties_that_all_overfit_is_chosen():
    random = np.random.default_rng(0)
    X, Y = random.standard_normal((N, 150)), random.standard_normal((N, 300))
    Y -= Y.mean(axis=0)
    Y[:, :100] += 10 * X @ random.standard_normal((150, 100))
    design, pairs = Design(X, torch.device("cpu")), contiguous_folds(N, 4)
    left_out = LeftOut.of(design, design.decompose(np.arange(N)), torch.arange(N), pairs)
    alphas, Y = ALPHAS[:2], torch.as_tensor(Y, dtype=torch.float32)
    expected = _ByResiduals([design.factorise(*pair) for pair in pairs], alphas)(Y)
    assert expected[:, -1].min() > 2 * Y[:, -1].square().mean()  # worse than predicting the mean
    chosen = ByTriangles(left_out, alphas, Y)(Y).argmin(dim=0)
    assert set(chosen.tolist()) == {0, 1}
    assert (expected.gather(0, chosen[None])[0] / expected.amin(dim=0) - 1).max() < 2e-6
