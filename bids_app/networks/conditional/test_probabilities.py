"""Patterns over the pieces of a network: noise makes none, a network that answers with both signs has one."""

import numpy as np
import pytest

from bids_app.encoding.dictionary import find_families
from bids_app.networks.conditional._probabilities import _moments_of, _noise_edge
from bids_app.networks.conditional.conftest import World, smooth
from bids_app.stats.standardise import zscore

N, K, M = 300, 40, 24
Array = np.ndarray


def atoms_and_pieces(beta: Array, seed: int) -> tuple[Array, Array]:
    """X (N, K), and Y (N, M) that respond to the first atom with beta (M,), with noise that neighbours share."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, K)) + 0.5 * rng.standard_normal((N, 1))
    noise = rng.standard_normal((N, M + 1))
    return X, X[:, :1] * beta + noise[:, :-1] + 0.5 * noise[:, 1:]


def test_noise_has_no_pattern_of_its_own() -> None:
    n_groups = [len(set(_moments_of(*atoms_and_pieces(np.zeros(M), seed), N).groups)) for seed in range(60)]
    assert np.mean(np.array(n_groups) > 2) < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_responses_of_both_signs_share_a_pattern(seed: int) -> None:
    """The second column holds nearly all of a response whose mean over the pieces is 0."""
    X, Y = atoms_and_pieces(0.3 * np.repeat([1, -1], M // 2), seed)
    found = _moments_of(X, Y, N)
    assert found.groups.tolist() == [0, 1] + [2] * (M - 2)
    response = np.linalg.lstsq(X, Y, rcond=None)[0][0] @ np.linalg.inv(found.to_original)
    assert np.square(response[1]) > 0.8 * np.square(response).sum()


def test_a_response_of_all_pieces_is_in_the_first_column() -> None:
    X, Y = atoms_and_pieces(np.full(M, 0.5), 4)
    found = _moments_of(X, Y, N)
    response = np.linalg.lstsq(X, Y, rcond=None)[0][0] @ np.linalg.inv(found.to_original)
    assert np.square(response[0]) > 0.8 * np.square(response).sum()


def test_the_turn_keeps_the_moments() -> None:
    """The squares are those of the whitened pieces, and the way back is exact."""
    X, Y = atoms_and_pieces(np.full(M, 0.2), 5)
    found = _moments_of(X, Y, N)
    np.testing.assert_allclose(found.cross @ found.to_original, X.T @ Y, atol=1e-8)
    left = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    whitened = left @ np.linalg.inv(found.to_original)
    np.testing.assert_allclose(np.cov(whitened.T, bias=True) * N / (N - K), np.eye(M), atol=0.25)


def test_one_piece_is_one_group() -> None:
    X, Y = atoms_and_pieces(np.full(M, 0.2), 6)
    assert _moments_of(X, Y[:, :1], N).groups.tolist() == [0]


def test_the_edge_of_noise_is_that_of_drawn_f_matrices() -> None:
    """The largest eigenvalue of noise whitened by noise, on average within 10 % below the edge."""
    rng = np.random.default_rng(7)
    largest = []
    for _ in range(20):
        explained, left = rng.standard_normal((80, 30)), rng.standard_normal((400, 30))
        values = np.linalg.eigvals(np.linalg.solve(left.T @ left / 400, explained.T @ explained / 80))
        largest.append(values.real.max())
    assert 0.85 < np.mean(largest) / _noise_edge(30, 80, 400) < 1
    assert _noise_edge(30, 80, 30) == np.inf


@pytest.fixture(scope="module")
def split() -> tuple[World, Array]:
    """A world with a cause that one of four restarts holds; in the others, the first atom resembles it most."""
    world = World(seed=3)
    own = smooth(np.random.default_rng(8).standard_normal((world.n, 1)), 0.5)
    cause = zscore(0.6 * world.courses[:, :1] + 0.8 * zscore(own))
    last = np.abs(np.corrcoef(world.courses[:, -1], world.restarts[0].T)[0, 1:]).argmax()
    world.restarts[0] = world.restarts[0].copy()
    world.restarts[0][:, last] = cause[:, 0]
    world.families = find_families(world.restarts)
    return world, cause


def test_a_restart_that_explains_more_speaks_against_what_resembles_the_cause(
    split: tuple[World, Array],
) -> None:
    world, cause = split
    family, _ = world.family_of(0)
    Y = zscore(world.responses({}) + cause * world.gains(1, 0.5))
    table = world.links(Y).query("network == 'Birch'")
    # The three other restarts are certain of the family, which is in all four.
    assert table[table["atom"] == family]["probability"].max() < 0.5
    assert not table["linked"].any()


def test_restarts_that_explain_as_much_agree_on_the_cause(split: tuple[World, Array]) -> None:
    world, _ = split
    table = world.links(world.responses({0: world.gains(1, 0.5)}))
    expected = world.expected(0, 1, 1)
    row = table[(table["atom"] == expected[0]) & (table["network"] == expected[1]) & (table["part"] == expected[2])]
    assert row["probability"].item() > 0.95
    assert row["linked"].item()
