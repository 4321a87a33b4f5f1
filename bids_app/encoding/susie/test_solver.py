"""Sums of single effects against a brute-force posterior, planted effects, and themselves with permuted columns."""

from itertools import product

import numpy as np
import pytest

from bids_app.encoding.susie import SingleEffects, single_effects

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
        (X.T @ X)[None], padded[None], [np.square(Y).sum()], len(X), n_responses=[1], device="cpu"
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
