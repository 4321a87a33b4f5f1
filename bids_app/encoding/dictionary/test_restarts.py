"""Restarts: passes with momentum, and what they share, against plain passes, numpy and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d
from sklearn.decomposition import sparse_encode

from bids_app.encoding.dictionary import ReproducibleDictionary
from bids_app.encoding.dictionary._coding import Neurons
from bids_app.encoding.dictionary._compression import compress, is_worth_it
from bids_app.encoding.dictionary._learning import Request, learn
from bids_app.encoding.dictionary._solver import Learner
from bids_app.encoding.dictionary._tuning import TUNING
from bids_app.stats.arrays import Doubles, Floats
from bids_app.stats.device import resolve_device
from bids_app.stats.standardise import zscore

CPU = resolve_device("cpu")
N, K = 150, 12


def smooth_neurons(n_neurons: int = 500, seed: int = 0) -> Floats:
    """Neurons (N, n_neurons) of more slow time courses than there are atoms, so that a dictionary converges slowly."""
    rng = np.random.default_rng(seed)
    courses = gaussian_filter1d(rng.standard_normal((N, 40)), 3, axis=0)
    loadings = rng.gamma(2, 1, (40, n_neurons)) * (rng.random((40, n_neurons)) < 0.2)
    X = courses @ loadings
    noise = gaussian_filter1d(rng.standard_normal(X.shape), 1, axis=0)
    return np.asarray(zscore(X + 0.2 * X.std() * noise / noise.std()), dtype=np.float32)


def penalty_of(X: Floats) -> float:
    return 0.2 * float(np.sqrt(len(X)))


def start(X: Floats) -> Doubles:
    atoms: Doubles = X[:, :K].T.astype(np.float64)
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    return atoms


def objective(X: Floats, atoms: Doubles, penalty: float) -> float:
    """Mean over neurons of ½|x − Da|² + λ|a|₁ with scikit-learn's loadings; atoms (n_atoms, n_volumes)."""
    codes = sparse_encode(X.T.astype(float), atoms, algorithm="lasso_cd", alpha=penalty, max_iter=5000)
    error = X.T - codes @ atoms
    return float((0.5 * np.square(error).sum() + penalty * np.abs(codes).sum()) / X.shape[1])


def passes_by_numpy(X: Floats, atoms: Doubles, penalty: float, n_passes: int) -> Doubles:
    """Atoms after passes with momentum, by scikit-learn's lasso and the update of Mairal et al. (2010, algorithm 2)."""
    objectives, last = [np.inf], atoms.copy()
    for number in range(1, n_passes + 1):
        objectives.append(objective(X, atoms, penalty))
        codes = sparse_encode(X.T.astype(float), atoms, algorithm="lasso_cd", alpha=penalty, max_iter=5000)
        gram, cross = codes.T @ codes, codes.T @ X.T
        for k in range(len(atoms)):
            moved = atoms[k] + (cross[k] - gram[k] @ atoms) / gram[k, k]
            atoms[k] = moved / max(1, np.linalg.norm(moved))
        if number < n_passes:
            change, last = atoms - last, atoms.copy()
            if objectives[-1] <= objectives[-2]:
                atoms = atoms + TUNING.momentum * change
                atoms /= np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), 1)
    return atoms


@pytest.mark.parametrize("n_passes", [1, 2, 6])
def test_passes_with_momentum_are_those_of_numpy(n_passes: int) -> None:
    X = smooth_neurons(200)
    learner = Learner(Neurons(X, CPU), start(X), penalty_of(X))
    assert learner.run_with_momentum(n_passes, 0.0) == n_passes
    np.testing.assert_allclose(learner.atoms, passes_by_numpy(X, start(X), penalty_of(X), n_passes), atol=1e-3)


def test_missing_atoms_are_exchanged_in_between_passes_with_momentum() -> None:
    rng = np.random.default_rng(0)
    truth = np.linalg.qr(rng.standard_normal((100, 16)))[0].T
    loadings = rng.normal(0, 15, (16, 2000)) * (rng.random((16, 2000)) < 0.05)
    X = (truth.T @ loadings + 0.5 * rng.standard_normal((100, 2000))).astype(np.float32)
    least = []
    for exchange in (False, True):
        learner = Learner(Neurons(X, CPU), np.where(np.arange(16)[:, None] < 3, truth, 0), 1.5)
        learner.run_with_momentum(30, 1e-5, exchange=exchange)
        least.append(np.abs(truth @ learner.atoms.T).max(axis=1).min())
    assert least[0] < 0.8
    assert least[1] > 0.95


@pytest.mark.parametrize("seed", [0, 1])
def test_passes_with_momentum_get_lower_than_half_as_many_again_without(seed: int) -> None:
    X = smooth_neurons(seed=seed)
    plain, moved = (Learner(Neurons(X, CPU), start(X), penalty_of(X)) for _ in range(2))
    plain.run(30, 0.0)
    assert moved.run_with_momentum(20, 0.0) == 20
    assert objective(X, moved.atoms, penalty_of(X)) < objective(X, plain.atoms, penalty_of(X))
    assert (np.linalg.norm(moved.atoms, axis=1) <= 1 + 1e-9).all()


def test_atoms_after_momentum_are_those_of_a_sweep_at_a_minimum() -> None:
    X = smooth_neurons()
    learner = Learner(Neurons(X, CPU), start(X), penalty_of(X))
    passes = learner.run_with_momentum(2000, 1e-8)
    assert passes < 2000
    reached = objective(X, learner.atoms, penalty_of(X))
    learner.run(50, 0.0)
    assert objective(X, learner.atoms, penalty_of(X)) == pytest.approx(reached, rel=2e-5)


def test_momentum_pauses_when_the_objective_rises(monkeypatch: pytest.MonkeyPatch) -> None:
    """With full momentum, atoms swing around the minimum for more than 110 passes unless it pauses."""
    X = smooth_neurons()
    monkeypatch.setattr("bids_app.encoding.dictionary._solver.TUNING", type(TUNING)(momentum=1.0))
    learner = Learner(Neurons(X, CPU), start(X), penalty_of(X))
    assert learner.run_with_momentum(1000, 1e-8) < 80


@pytest.mark.parametrize("n_neurons", [90, 500])
def test_compressed_neurons_are_those_along_the_first_singular_vectors(n_neurons: int) -> None:
    X = smooth_neurons(n_neurons)
    found = compress(X, CPU)
    left, values, _ = np.linalg.svd(X.astype(np.float64), full_matrices=False)
    lost = 1 - np.cumsum(values**2) / np.square(values).sum()
    n_kept = int((lost > TUNING.lost_variance).sum()) + 1
    assert found.directions.shape == (N, n_kept)
    assert n_kept < len(values)
    np.testing.assert_allclose(found.directions.T @ found.directions, np.eye(n_kept), atol=1e-9)
    along = np.abs(np.diag(left[:, :n_kept].T @ found.directions))
    np.testing.assert_allclose(along[values[:n_kept] > 0.05 * values[0]], 1, atol=1e-6)
    np.testing.assert_allclose(found.responses, found.directions.T @ X, atol=1e-4)


def test_a_tensor_is_compressed_to_tensors_of_the_same_values() -> None:
    X = smooth_neurons()
    ours, theirs = compress(X, CPU), compress(torch.as_tensor(X), CPU)
    assert isinstance(theirs.responses, torch.Tensor)
    np.testing.assert_allclose(theirs.responses.numpy(), ours.responses, atol=1e-5)
    np.testing.assert_allclose(theirs.directions, ours.directions, atol=1e-12)


def test_atoms_of_compressed_neurons_are_time_courses_with_the_same_objective() -> None:
    X = smooth_neurons()
    found = compress(X, CPU)
    atoms = found.directions.T @ start(X).T  # along the directions
    there = found.expanded(atoms.T)
    inside = found.directions @ found.directions.T @ X
    lost = 0.5 * np.square(X - inside).sum() / X.shape[1]
    compressed = objective(np.asarray(found.responses), atoms.T, penalty_of(X))
    assert objective(X, there, penalty_of(X)) == pytest.approx(compressed + lost, rel=1e-5)


@pytest.mark.parametrize("n_neurons", [90, 500])
def test_restarts_get_as_low_as_long_plain_passes_over_all_neurons(n_neurons: int) -> None:
    X = smooth_neurons(n_neurons)
    model = ReproducibleDictionary(K, n_restarts=4, device="cpu").fit(X)
    ours = [objective(X, atoms.T.astype(float), penalty_of(X)) for atoms in model.restarts_]
    plain = []
    for seed in np.random.SeedSequence(0).spawn(4):
        generator = np.random.default_rng(seed)
        atoms, _ = learn(X, Request(K, penalty_of(X), 200, 1e-5, CPU), generator)
        plain.append(objective(X, atoms, penalty_of(X)))
    assert np.mean(ours) < 1.001 * np.mean(plain)
    assert np.linalg.norm(model.restarts_, axis=1).max() <= 1 + 1e-6


def test_what_takes_long_or_much_memory_is_not_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    X = smooth_neurons()
    assert is_worth_it(X)
    for limits in ({"most_directions": N - 1}, {"most_compressed_values": X.size - 1}):
        monkeypatch.setattr("bids_app.encoding.dictionary._compression.TUNING", type(TUNING)(**limits))
        assert not is_worth_it(X)


def test_neurons_that_are_not_finite_are_refused_and_silent_ones_are_not() -> None:
    X = smooth_neurons(90)
    for value in (np.nan, np.inf):
        X[3, 70] = value
        with pytest.raises(ValueError, match="NaN or infinite"):
            ReproducibleDictionary(K, n_restarts=2, device="cpu").fit(X)
    for shape in ((40, 30), (30, 40)):
        silent = ReproducibleDictionary(3, n_restarts=2, device="cpu").fit(np.zeros(shape, dtype=np.float32))
        assert not silent.restarts_.any()
