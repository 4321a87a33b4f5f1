"""Families against planted ones: found, ordered by how well restarts hold them, and the same whatever the order."""

import numpy as np
import pytest

from bids_app.encoding.dictionary import (
    ReproducibleDictionary,
    courses_elsewhere,
    find_families,
    reproducibility_in,
    time_courses,
)
from bids_app.encoding.dictionary._reproducible import least_squares_loadings
from bids_app.stats.standardise import zscore

N, K = 120, 6


def courses(n_columns: int, seed: int) -> np.ndarray:
    return zscore(np.random.default_rng(seed).standard_normal((N, n_columns)))


def planted_restarts(n_restarts: int = 10) -> tuple[np.ndarray, list[np.ndarray]]:
    """Three shared time courses, held by all, by 9 and by 4 of the restarts, in any order and with any sign."""
    shared, rng, restarts = courses(3, 0), np.random.default_rng(1), []
    for restart in range(n_restarts):
        atoms = courses(K, 100 + restart)
        places = rng.permutation(K)[:3]
        for family, least in enumerate((0, 1, 6)):
            if restart >= least:
                noise = 0.3 * courses(1, 1000 + 10 * restart + family)[:, 0]
                atoms[:, places[family]] = rng.choice([-1, 1]) * (shared[:, family] + noise)
        restarts.append(atoms)
    return shared, restarts


def test_planted_families_are_found_in_the_order_of_their_reproducibility() -> None:
    shared, restarts = planted_restarts()
    found = find_families(restarts)
    r = np.abs(shared.T @ found.courses / N)
    assert r.argmax(axis=1).tolist() == [0, 1, 2]
    assert (r.max(axis=1) > [0.99, 0.99, 0.95]).all()
    assert found.reproducibility[0] > found.reproducibility[1] > 0.8
    assert found.reproducibility[2] < 0.7
    assert (np.abs(found.members[:, :, :3]).sum(axis=1) > 0).sum(axis=0).tolist() == [10, 9, 4]


def test_reproducibility_in_other_restarts() -> None:
    shared, restarts = planted_restarts()
    expected = [
        np.mean([np.abs(np.corrcoef(course, atoms.T)[0, 1:]).max() for atoms in restarts[6:]]) for course in shared.T
    ]
    np.testing.assert_allclose(reproducibility_in(restarts[6:], shared), expected, atol=1e-6)
    assert reproducibility_in(restarts[:6], shared)[2] < 0.5
    assert reproducibility_in(restarts[6:], shared)[2] > 0.9
    found = find_families(restarts)
    np.testing.assert_allclose(reproducibility_in(restarts, found.courses), found.reproducibility, atol=1e-5)


def test_members_have_the_sign_of_their_correlation() -> None:
    _, restarts = planted_restarts()
    found = find_families(restarts)
    for restart, atom, family in np.argwhere(found.members):
        r = np.corrcoef(restarts[restart][:, atom], found.courses[:, family])[0, 1]
        assert r * found.members[restart, atom, family] >= 0.7 - 1e-6


def test_families_do_not_depend_on_the_order_of_restarts_and_atoms() -> None:
    _, restarts = planted_restarts()
    mixed = [-atoms[:, ::-1] for atoms in restarts[::-1]]
    first, second = find_families(restarts), find_families(mixed)
    np.testing.assert_allclose(first.reproducibility[:3], second.reproducibility[:3], atol=1e-6)
    r = np.abs(first.courses[:, :3].T @ second.courses[:, :3] / N)
    np.testing.assert_allclose(np.diag(r), 1, atol=1e-5)


def test_no_two_families_are_alike() -> None:
    found = find_families(planted_restarts()[1])
    r = np.abs(np.corrcoef(found.courses.T))
    np.fill_diagonal(r, 0)
    assert r.max() < 0.7
    assert found.n_families <= K


@pytest.mark.parametrize("restarts", [[], [courses(3, 0)], [courses(3, 0), courses(4, 0)]])
def test_restarts_that_cannot_be_compared_are_refused(restarts: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="at least 2 of one shape"):
        find_families(restarts)


def neurons(seed: int = 0, n_neurons: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Responses of neurons to four sparse patterns, and the patterns."""
    rng = np.random.default_rng(seed)
    patterns = courses(4, 7)
    loadings = rng.exponential(size=(4, n_neurons)) * (rng.random((4, n_neurons)) < 0.25)
    return zscore(patterns @ loadings + 0.3 * rng.standard_normal((N, n_neurons))), patterns


def test_the_estimator_recovers_patterns_and_loadings_are_least_squares() -> None:
    X, patterns = neurons()
    model = ReproducibleDictionary(n_atoms=4, n_restarts=4, device="cpu").fit(X)
    r = np.abs(np.corrcoef(patterns.T, model.families_.T)[:4, 4:])
    assert (r.max(axis=1) > 0.95).all()
    expected = np.linalg.lstsq(model.families_.astype(float), X.astype(float), rcond=None)[0]
    np.testing.assert_allclose(model.loadings_, expected, atol=1e-4)
    again = ReproducibleDictionary(n_atoms=4, n_restarts=4, device="cpu").fit(X)
    assert np.array_equal(model.families_, again.families_)


def test_of_many_neurons_restarts_learn_from_samples_and_all_get_loadings() -> None:
    X, patterns = neurons(n_neurons=40_000)
    model = ReproducibleDictionary(n_atoms=4, n_restarts=2, device="cpu").fit(X)
    r = np.abs(np.corrcoef(patterns.T, model.families_.T)[:4, 4:])
    assert (r.max(axis=1) > 0.95).all()
    expected = np.linalg.lstsq(model.families_.astype(float), X.astype(float), rcond=None)[0]
    np.testing.assert_allclose(model.loadings_, expected, atol=1e-4)
    X[3, 39_999] = np.nan  # a neuron that may be in no sample
    with pytest.raises(ValueError, match="NaN"):
        least_squares_loadings(X, model.families_)


def test_restarts_start_differently() -> None:
    X, _ = neurons()
    model = ReproducibleDictionary(n_atoms=20, n_restarts=3, device="cpu").fit(X)  # more than there are patterns
    r = np.abs(np.corrcoef(model.restarts_[0].T, model.restarts_[1].T)[:20, 20:])
    assert np.nanmean(np.nanmax(r, axis=1)) < 0.98


def test_courses_elsewhere_are_those_of_the_least_squares_loadings() -> None:
    X, _ = neurons()
    new, _ = neurons(1)
    restarts = np.stack([courses(3, 20), courses(3, 21)])
    found = courses_elsewhere(new[:50], X, restarts)
    for restart, atoms in zip(found, restarts, strict=True):
        loadings = np.linalg.lstsq(atoms.astype(float), X.astype(float), rcond=None)[0]
        np.testing.assert_allclose(restart, time_courses(new[:50], loadings), atol=2e-3)
