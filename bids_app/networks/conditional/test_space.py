"""Conditional maps against least squares with the covariance of the noise, and tests of means by relabelling."""

import numpy as np
import pytest
from scipy.linalg import block_diag

from bids_app.encoding.autoregression import whiten
from bids_app.networks.conditional import Design, conditional_maps, marginal_maps, spatial_p
from bids_app.networks.conditional.conftest import World


@pytest.mark.parametrize("lengths", [(400,), (150, 250)])
def test_conditional_coefficients_are_generalised_least_squares(world: World, lengths: tuple[int, ...]) -> None:
    confounds = np.split(world.confounds, np.cumsum(lengths)[:-1])
    design = Design.make(world.restarts, world.families, confounds, lengths)
    Y, chosen, noise = world.responses({0: world.gains(0, 0.5)}), np.array([0, 2, 5]), np.array([0.4, -0.2])
    found = conditional_maps(design, marginal_maps(design, Y, noise), chosen, noise)
    whitening = block_diag(*(whiten(np.eye(length), noise, [length]) for length in lengths))
    precision = whitening.T @ whitening
    X = np.column_stack([design.confounds, design.families[:, chosen]])
    b = np.linalg.solve(X.T @ precision @ X, X.T @ precision @ Y)[-3:]
    # found in standard deviations of what is left of response and family without the confounds
    N = design.confounds
    left = precision - precision @ N @ np.linalg.solve(N.T @ precision @ N, N.T @ precision)
    scale = np.sqrt(np.einsum("tk,ts,sk->k", X[:, -3:], left, X[:, -3:]))
    norm = np.sqrt(np.einsum("tv,ts,sv->v", Y, left, Y))
    np.testing.assert_allclose(found, b * scale[:, None] / norm, atol=1e-4)


def test_p_of_means_is_exact_for_few_regions() -> None:
    rng = np.random.default_rng(0)
    maps, labels = rng.standard_normal((3, 30)), np.repeat([1, 2, 0], 10)
    above, below = spatial_p(maps, labels, 2, spins=None, n_permutations=4000)
    draws = np.stack([rng.permutation(labels) for _ in range(4000)])
    for network in range(2):
        means = np.array([maps[:, draw == network + 1].mean(axis=1) for draw in draws])
        observed = maps[:, labels == network + 1].mean(axis=1)
        np.testing.assert_allclose(above[:, network], (means >= observed).mean(axis=0), atol=0.03)
        np.testing.assert_allclose(below[:, network], (means <= observed).mean(axis=0), atol=0.03)
