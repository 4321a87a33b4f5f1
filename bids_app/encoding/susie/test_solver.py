"""Sums of single effects against a brute-force posterior, planted effects, and themselves with permuted columns."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats

from bids_app.encoding.susie import SingleEffects, single_effects
from bids_app.encoding.susie._search import Subsets

Array = np.ndarray


def problem(beta: Array, seed: int = 0, n: int = 300, alike: float = 0.0) -> tuple[Array, Array]:
    """Regressors (n, K), which share a course, and responses (n, m) of coefficients (K, m)."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, len(beta))) + alike * rng.standard_normal((n, 1))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    Y = X @ beta + rng.standard_normal((n, beta.shape[1]))
    return X, Y - Y.mean(axis=0)


def fit(X: Array, Y: Array, **options: int) -> SingleEffects:
    return single_effects((X.T @ X)[None], (X.T @ Y)[None], [np.square(Y).sum()], len(X), device="cpu", **options)


def coefficients(*places: tuple[int, float], K: int = 8, m: int = 1) -> Array:
    beta = np.zeros((K, m))
    for place, value in places:
        beta[place] = value
    return beta


@pytest.mark.parametrize("seed", range(4))
def test_one_effect_has_its_exact_posterior(seed: int) -> None:
    X, Y = problem(coefficients((2, 0.12), K=5), seed, alike=0.8)
    found = fit(X, Y, n_effects=1)
    prior, noise = found.prior[0, 0], found.noise[0]
    evidence = []
    for column in X.T:  # log p(y | only this regressor has an effect), brute force from the covariance of y
        covariance = noise * np.eye(len(Y)) + prior * np.outer(column, column)
        evidence.append(-0.5 * (np.linalg.slogdet(covariance)[1] + Y[:, 0] @ np.linalg.solve(covariance, Y[:, 0])))
    expected = np.exp(np.array(evidence) - max(evidence))
    np.testing.assert_allclose(found.alpha[0, 0], expected / expected.sum(), atol=1e-6)


def test_two_effects_are_close_to_the_brute_force_posterior() -> None:
    X, Y = problem(coefficients((0, 0.3), (3, -0.3), K=5), 1, alike=0.7)
    found = fit(X, Y, n_effects=2)
    prior, noise = found.prior[0].mean(), found.noise[0]
    weights = {}
    for first, second in product(range(5), repeat=2):
        chosen = X[:, [first, second]]
        covariance = noise * np.eye(len(Y)) + prior * chosen @ chosen.T
        value = -0.5 * (np.linalg.slogdet(covariance)[1] + Y[:, 0] @ np.linalg.solve(covariance, Y[:, 0]))
        weights[first, second] = value
    top = max(weights.values())
    posterior = {pair: np.exp(value - top) for pair, value in weights.items()}
    expected = [sum(p for pair, p in posterior.items() if k in pair) / sum(posterior.values()) for k in range(5)]
    np.testing.assert_allclose(found.inclusion()[0], expected, atol=0.05)


def test_the_maximum_likelihood_prior_is_found() -> None:
    X, Y = problem(coefficients((1, 0.4)), 2)
    found = fit(X, Y, n_effects=1)
    d, noise = (X**2).sum(axis=0), found.noise[0]
    error, z2 = noise / d, np.square(X.T @ Y[:, 0] / d) / (noise / d)
    grid = np.exp(np.linspace(np.log(1e-4), np.log(4), 4000))[:, None]
    log_bayes = 0.5 * (np.log(error / (error + grid)) + z2 * grid / (error + grid))
    best = grid[np.logaddexp.reduce(log_bayes, axis=1).argmax(), 0]
    assert abs(np.log(found.prior[0, 0] / best)) < 0.1


def test_planted_effects_are_found_among_correlated_regressors() -> None:
    X, Y = problem(coefficients((1, 0.4), (6, -0.4), K=40), 3, n=400, alike=1.0)
    inclusion = fit(X, Y).inclusion()[0]
    assert np.flatnonzero(inclusion > 0.9).tolist() == [1, 6]
    assert np.delete(inclusion, [1, 6]).max() < 0.5


def test_regressors_that_cannot_be_told_apart_share_the_probability() -> None:
    X, Y = problem(coefficients((1, 0.5), K=6), 4)
    X[:, 2] = X[:, 1]
    alpha = fit(X, Y, n_effects=1).alpha[0, 0]
    np.testing.assert_allclose(alpha[1:3], 0.5, atol=1e-6)


def test_noise_has_no_effect() -> None:
    inclusion = np.concatenate([fit(*problem(coefficients(K=20), seed)).inclusion()[0] for seed in range(40)])
    assert (inclusion > 0.5).mean() < 0.02


def test_responses_of_either_sign_speak_for_one_regressor() -> None:
    """Eight responses, each too weak by itself, whose signs cancel in their mean."""
    beta = coefficients(K=30, m=8)
    beta[4] = 0.2 * np.array([1, -1, 1, -1, 1, -1, 1, -1])
    X, Y = problem(beta, 5, n=300, alike=0.5)
    together = fit(X, Y).inclusion()[0]
    assert together.argmax() == 4
    assert together[4] > 0.95
    assert fit(X, Y.mean(axis=1, keepdims=True)).inclusion()[0, 4] < 0.5
    np.testing.assert_allclose(np.sign(fit(X, Y).coefficients[0, 4]), np.sign(beta[4]))


def test_a_floor_asks_for_more_than_an_effect() -> None:
    X, Y = problem(coefficients((0, 1.0), (3, 0.15)), 6, n=600)
    found = fit(X, Y)
    assert found.inclusion()[0, 3] > 0.9
    assert found.inclusion([0.4])[0, 3] < 0.05
    assert found.inclusion([0.4])[0, 0] > 0.99
    # the probability of a normal coefficient beyond the floor, by sampling
    effect = int(found.alpha[0, :, 0].argmax())
    draws = found.mean[0, effect, 0] + np.sqrt(found.variance[0, effect, 0]) * np.random.default_rng(0).standard_normal(
        (200_000, 1)
    )
    floor = float(np.abs(found.mean[0, effect, 0, 0]))
    expected = (np.linalg.norm(draws, axis=1) > floor).mean()
    assert abs(found.inclusion([floor])[0, 0] - expected) < 0.01


def test_columns_and_problems_may_be_permuted() -> None:
    problems = [problem(coefficients((seed, 0.4), (5, 0.3)), seed, alike=0.8) for seed in range(3)]
    order = np.random.default_rng(0).permutation(8)
    gram, cross, square = (
        np.stack([X.T @ X for X, _ in problems]),
        np.stack([X.T @ Y for X, Y in problems]),
        np.array([np.square(Y).sum() for _, Y in problems]),
    )
    straight = single_effects(gram, cross, square, 300, device="cpu")
    mixed = single_effects(gram[::-1][:, order][:, :, order], cross[::-1][:, order], square[::-1], 300, device="cpu")
    np.testing.assert_allclose(mixed.inclusion()[::-1], straight.inclusion()[:, order], atol=1e-6)
    for number, (X, Y) in enumerate(problems):  # nor do problems know of each other
        np.testing.assert_allclose(fit(X, Y).inclusion()[0], straight.inclusion()[number], atol=1e-9)


def test_problems_may_have_fewer_responses_than_others() -> None:
    X, Y = problem(coefficients((2, 0.4), m=1), 7)
    padded = np.pad(X.T @ Y, ((0, 0), (0, 3)))
    found = single_effects(
        (X.T @ X)[None], padded[None], [np.square(Y).sum()], len(X), groups=[[0, -1, -1, -1]], device="cpu"
    )  # fmt: skip
    np.testing.assert_allclose(found.inclusion([0.1]), fit(X, Y).inclusion([0.1]), atol=1e-9)
    assert not found.coefficients[0, :, 1:].any()


@pytest.mark.parametrize(
    ("gram", "cross", "message"),
    [
        (np.eye(3)[None], np.ones((1, 3)), "must be"),
        (np.eye(3)[None], np.ones((1, 2, 1)), "must be"),
        (np.eye(3)[None], np.full((1, 3, 1), np.nan), "NaN"),
    ],
)
def test_moments_that_do_not_fit_are_refused(gram: Array, cross: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        single_effects(gram, cross, [1.0], 10, device="cpu")


@pytest.mark.parametrize("seed", range(3))
def test_mixtures_of_causes_do_not_take_their_place(seed: int) -> None:
    """Two regressors, each between two causes, resemble the responses best: iterations from no effect end on them."""
    X, _ = problem(coefficients(K=12), seed, n=400)
    for mixture, causes in ((5, [1, 2]), (6, [3, 4])):
        X[:, mixture] = X[:, causes].sum(axis=1) / np.sqrt(2) + 0.5 * X[:, mixture]
    Y = 0.8 * X[:, 1:5].sum(axis=1, keepdims=True) + np.random.default_rng(seed).standard_normal((400, 4))
    assert np.abs(X.T @ Y).sum(axis=1).argmax() in (5, 6)
    inclusion = fit(X, Y).inclusion()[0]
    assert inclusion[1:5].min() > 0.9
    assert inclusion[5:7].max() < 0.1


def test_sets_have_their_exact_evidence() -> None:
    """Against the density of a normal distribution with the covariance of the set, for two groups of responses."""
    X, Y = problem(coefficients((0, 0.3), (2, 0.2), K=5, m=3), 10, n=80)
    member = np.array([[1.0, 0, 0], [0, 1, 1]])
    variances = np.array([0.3, 0.05])
    gram, cross, groups = (torch.tensor(values)[None] for values in (X.T @ X, X.T @ Y, member))
    sets = Subsets(gram, cross, groups, torch.tensor(variances)[None, :, None], 3)
    sets.chosen[0, :2], sets.present[0, :2] = torch.tensor([0, 2]), True
    rows, empty = torch.tensor([0]), stats.multivariate_normal(np.zeros(80), np.eye(80))

    def brute(chosen: list[int]) -> float:
        heights = [
            stats.multivariate_normal(
                np.zeros(80), np.eye(80) + variances[int(column > 0)] * X[:, chosen] @ X[:, chosen].T
            ).logpdf(Y[:, column])
            - empty.logpdf(Y[:, column])
            for column in range(3)
        ]
        return float(np.sum(heights))

    found = sets._log_bayes(rows, sets.present[:, None], sets.prior).sum()
    assert float(found) == pytest.approx(brute([0, 2]))
    gains = sets._gain_of_each(rows, sets.present[:, None])[0, 0]
    expected = [brute([0, 2, k]) - brute([0, 2]) - np.log(5) for k in (1, 3, 4)]
    np.testing.assert_allclose(gains[[1, 3, 4]], expected)
    assert torch.isneginf(gains[[0, 2]]).all()


def test_a_direction_of_its_own_finds_what_all_responses_together_hide() -> None:
    """An effect on one of 40 responses: 40 coefficients of one variance are not worth it, one of its own is."""
    beta = coefficients(K=20, m=40)
    beta[7, 0] = 0.25
    X, Y = problem(beta, 11)
    moments = (X.T @ X)[None], (X.T @ Y)[None], [np.square(Y).sum()], len(X)
    groups = np.minimum(np.arange(40), 1)[None]
    alone, together = (single_effects(*moments, groups=given, device="cpu") for given in (groups, None))
    assert alone.inclusion()[0, 7] > 0.95
    assert together.inclusion()[0, 7] < 0.5


def test_a_floor_counts_the_coefficients_of_all_groups() -> None:
    """Against sampling; the two variances differ by a factor of 100."""
    beta = coefficients(K=6, m=5)
    beta[1] = [1.0, 0.1, -0.1, 0.1, -0.1]
    X, Y = problem(beta, 12)
    found = single_effects(
        (X.T @ X)[None],
        (X.T @ Y)[None],
        [np.square(Y).sum()],
        len(X),
        groups=[[0, 1, 1, 1, 1]],
        n_effects=1,
        device="cpu",
    )
    spread = np.sqrt(found.variance[0, 0, 1] @ found.member[0])
    draws = found.mean[0, 0, 1] + spread * np.random.default_rng(1).standard_normal((200_000, 5))
    length = np.linalg.norm(draws, axis=1)
    for floor in np.quantile(length, [0.1, 0.5, 0.9]):
        assert found.inclusion([floor])[0, 1] == pytest.approx((length > floor).mean(), abs=0.01)


@pytest.mark.parametrize(
    ("groups", "problem_with"),
    [([[0, 0]], "it must be"), ([[-1, -1, -1]], "it must be"), ([[0, 0, -1]], "without group")],
)
def test_groups_that_do_not_fit_are_refused(groups: list[list[int]], problem_with: str) -> None:
    with pytest.raises(ValueError, match=problem_with):
        single_effects(np.eye(2)[None], np.ones((1, 2, 3)), [9.0], 20, groups=groups, device="cpu")


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_units_of_responses_and_a_constant_regressor_do_not_matter(scale: float) -> None:
    X, Y = problem(coefficients((1, 0.4), (6, -0.4)), 13)
    X[:, 3] = 0
    found, scaled = fit(X, Y), fit(X, Y * scale)
    np.testing.assert_allclose(scaled.inclusion(), found.inclusion(), atol=1e-9)
    np.testing.assert_allclose(scaled.coefficients / scale, found.coefficients, atol=1e-9)
    assert found.inclusion()[0, [1, 6]].min() > 0.95
    assert found.inclusion()[0, 3] < 0.5
    assert not found.coefficients[0, 3].any()


def test_responses_that_are_constant_have_no_effect() -> None:
    X, Y = problem(coefficients((1, 0.4)), 14)
    found = fit(X, np.zeros_like(Y))
    assert not found.inclusion().any()
    assert not found.coefficients.any()
