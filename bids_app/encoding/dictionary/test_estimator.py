from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import linear_sum_assignment
from scipy.stats import skew
from sklearn.decomposition import DictionaryLearning as Reference
from sklearn.decomposition import sparse_encode

from bids_app.encoding.dictionary import DictionaryLearning, reconstruction_r2, time_courses
from bids_app.encoding.dictionary._coding import Neurons
from bids_app.encoding.dictionary._solver import Learner
from bids_app.stats.arrays import AnyArray
from bids_app.stats.device import resolve_device
from bids_app.stats.standardise import zscore

Fitted = tuple[AnyArray, AnyArray, DictionaryLearning]


def planted(
    n_volumes: int = 120, n_atoms: int = 8, n_neurons: int = 600, noise: float = 0.5, seed: int = 0
) -> tuple[AnyArray, AnyArray]:
    rng = np.random.default_rng(seed)
    atoms = gaussian_filter1d(rng.standard_normal((n_volumes, n_atoms)), 2, axis=0)
    atoms /= np.linalg.norm(atoms, axis=0)
    loadings = rng.gamma(2, 1, (n_atoms, n_neurons)) * (rng.random((n_atoms, n_neurons)) < 0.15)
    X = atoms @ loadings
    noise *= X.std() / gaussian_filter1d(rng.standard_normal(X.shape), 1, axis=0).std()
    return zscore(X + noise * gaussian_filter1d(rng.standard_normal(X.shape), 1, axis=0)), atoms


def orthogonal(n_neurons: int) -> tuple[AnyArray, AnyArray]:
    """Neurons that load on 5 % of 16 orthogonal atoms, (16, n_volumes)."""
    rng = np.random.default_rng(0)
    truth = np.linalg.qr(rng.standard_normal((100, 16)))[0].T
    loadings = rng.normal(0, 15, (16, n_neurons)) * (rng.random((16, n_neurons)) < 0.05)
    X = truth.T @ loadings + 0.5 * rng.standard_normal((100, n_neurons))
    return X.astype(np.float32), truth


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    X, atoms = planted()
    return X, atoms, DictionaryLearning(n_atoms=8, device="cpu").fit(X)


def objective(X: AnyArray, atoms: AnyArray, loadings: AnyArray, penalty: float) -> float:
    return float((0.5 * np.square(X - atoms @ loadings).sum() + penalty * np.abs(loadings).sum()) / X.shape[1])


def test_planted_atoms_come_back(fitted: Fitted) -> None:
    _, truth, model = fitted
    r = np.corrcoef(truth.T, model.atoms_.T)[:8, 8:]
    rows, columns = linear_sum_assignment(-np.abs(r))
    assert (r[rows, columns] > 0.95).all()  # not |r|: loadings are positive, and so fix the sign


def test_objective_not_above_scikit_learn(fitted: Fitted) -> None:
    X, _, model = fitted
    penalty = 0.15 * np.sqrt(len(X))
    assert model.penalty_ == pytest.approx(penalty)
    assert model.objective_ == pytest.approx(objective(X, model.atoms_, model.loadings_, penalty), rel=1e-5)
    # samples are neurons there, with the norm of the components, not of the codes, bounded: the same problem
    peer = Reference(8, alpha=penalty, max_iter=100, fit_algorithm="cd", transform_algorithm="lasso_cd",
                     transform_alpha=penalty, random_state=0).fit(X.T.astype(float))  # fmt: skip
    codes = sparse_encode(X.T.astype(float), peer.components_, algorithm="lasso_cd", alpha=penalty, max_iter=5000)
    assert model.objective_ <= 1.005 * objective(X, peer.components_.T, codes.T, penalty)


def test_loadings_are_optimal_for_the_atoms(fitted: Fitted) -> None:
    X, _, model = fitted
    codes = sparse_encode(X.T.astype(float), model.atoms_.T.astype(float), algorithm="lasso_cd",
                          alpha=model.penalty_, max_iter=5000)  # fmt: skip
    np.testing.assert_allclose(model.loadings_, codes.T, atol=1e-3)


def test_order_sign_and_norm(fitted: Fitted) -> None:
    _, _, model = fitted
    variance = np.square(model.loadings_).sum(axis=1) * np.square(model.atoms_).sum(axis=0)
    assert (np.diff(variance) <= 1e-4 * variance[0]).all()
    assert (skew(model.loadings_, axis=1) >= 0).all()
    assert (np.linalg.norm(model.atoms_, axis=0) <= 1 + 1e-6).all()


def test_signs_are_turned_in_atoms_and_loadings_alike() -> None:
    """Most loadings are small and negative, a few large and positive: the first guess has the wrong sign."""
    rng = np.random.default_rng(0)
    atoms = np.linalg.qr(rng.standard_normal((100, 4)))[0]
    loadings = rng.choice([0, -10, 40], p=[0.7, 0.27, 0.03], size=(4, 500))
    X = (atoms @ loadings + 0.1 * rng.standard_normal((100, 500))).astype(np.float32)
    model = DictionaryLearning(4, device="cpu").fit(X)
    r = np.corrcoef(atoms.T, model.atoms_.T)[:4, 4:]
    assert (r[linear_sum_assignment(-np.abs(r))] > 0.95).all()
    assert model.objective_ == pytest.approx(objective(X, model.atoms_, model.loadings_, model.penalty_), rel=1e-5)


def test_unused_atoms_come_last_and_are_harmless() -> None:
    X, _ = planted(n_volumes=30, n_atoms=1, n_neurons=20, noise=0)
    X[:, :5] = 0
    model = DictionaryLearning(n_atoms=6, device="cpu").fit(X)
    used = np.abs(model.loadings_).sum(axis=1) > 0
    assert used[0]
    assert (np.diff(used.astype(int)) <= 0).all()
    nothing = DictionaryLearning(n_atoms=3, penalty=1.001, device="cpu").fit(planted()[0])
    assert not nothing.loadings_.any()
    assert nothing.objective_ == pytest.approx(60, rel=1e-5)  # ½ n_volumes


def test_missing_atoms_are_exchanged_in() -> None:
    X, truth = orthogonal(2000)
    least = []
    for exchange in (False, True):
        atoms = np.where(np.arange(16)[:, None] < 3, truth, 0)
        learner = Learner(Neurons(X, resolve_device("cpu")), atoms, 1.5, unit=512)
        learner.run(20, 1e-5, exchange=exchange)
        least.append(np.abs(truth @ learner.atoms.T).max(axis=1).min())
    assert least[0] < 0.8
    assert least[1] > 0.95


def test_what_residuals_share_is_found_with_its_gain() -> None:
    X, truth = orthogonal(3_000)
    penalty = 0.15 * np.sqrt(len(X))
    learner = Learner(Neurons(X, resolve_device("cpu")), truth.astype(float).copy(), penalty)
    learner.run(5, 0)
    missing = truth[3].copy()
    learner._replace([3], np.zeros((1, 100)))
    found, gains = learner._shared_directions()
    residual = X - learner.atoms.T @ learner.loadings.numpy()
    expected = 0.5 * np.square(np.maximum(np.abs(found @ residual) - penalty, 0)).sum(axis=1)
    np.testing.assert_allclose(gains, expected, rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert abs(found[gains.argmax()] @ missing) > 0.999
    # What the other atoms explain is not found again.
    assert np.abs(found[gains.argmax()] @ np.delete(learner.atoms, 3, axis=0).T).max() < 0.02


def test_memory_map_and_same_bits(tmp_path: Path, fitted: Fitted) -> None:
    X, _, model = fitted
    stored = np.memmap(tmp_path / "x", dtype=np.float32, mode="w+", shape=X.shape)
    stored[:] = X
    again = DictionaryLearning(n_atoms=8, device="cpu").fit(stored)
    assert (again.loadings_ == model.loadings_).all()


@pytest.mark.filterwarnings("error")
def test_a_memory_map_that_is_only_read_is_not_complained_about(tmp_path: Path, fitted: Fitted) -> None:
    X, _, model = fitted
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    again = DictionaryLearning(n_atoms=8, device="cpu").fit(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert (again.loadings_ == model.loadings_).all()


def test_the_data_stay_as_they_are(fitted: Fitted) -> None:
    X = fitted[0].astype(np.float32)
    before = X.copy()
    DictionaryLearning(n_atoms=8, device="cpu").fit(X)
    assert (before == X).all()


def test_size_of_batches_changes_nothing(fitted: Fitted) -> None:
    X, _, model = fitted
    small = DictionaryLearning(n_atoms=8, device="cpu", mem_mb=0.2).fit(X)
    np.testing.assert_allclose(small.atoms_, model.atoms_, atol=1e-5)
    np.testing.assert_allclose(small.loadings_, model.loadings_, atol=2e-5 * model.loadings_.max())


def test_a_sample_is_enough_for_many_neurons() -> None:
    X, truth = orthogonal(70_000)
    model = DictionaryLearning(16, device="cpu").fit(X)
    assert model.n_iter_ == 0
    assert np.abs(truth @ model.atoms_).max(axis=1).min() > 0.95
    thorough = DictionaryLearning(16, device="cpu", tolerance=1e-6).fit(X)
    assert thorough.n_iter_ > 0
    assert thorough.objective_ < model.objective_ < 1.001 * thorough.objective_


def test_time_courses_and_r2(fitted: Fitted) -> None:
    X, _, model = fitted
    expected = np.linalg.lstsq(model.loadings_.T, X.T)[0].T
    np.testing.assert_allclose(time_courses(X, model.loadings_), expected, atol=1e-4)
    dead = np.vstack([model.loadings_, np.zeros((1, X.shape[1]))])
    assert not time_courses(X, dead)[:, -1].any()
    error = np.square(X - model.atoms_ @ model.loadings_).sum(axis=0) / len(X)
    np.testing.assert_allclose(reconstruction_r2(X, model.atoms_, model.loadings_), 1 - error, atol=1e-5)


@pytest.mark.parametrize(("options", "message"), [({"penalty": 0}, "penalty"), ({"n_atoms": 0}, "n_atoms")])
def test_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DictionaryLearning(device="cpu", **options).fit(np.ones((9, 4)))


def test_nan_is_an_error() -> None:
    with pytest.raises(ValueError, match="NaN"):
        DictionaryLearning(2, device="cpu").fit(np.full((9, 4), np.nan))


@pytest.mark.parametrize("tail", ["left", "right"])
def test_signs_are_such_that_loadings_have_their_long_tail_to_the_right(tail: str) -> None:
    rng = np.random.default_rng(0)
    course, long = rng.standard_normal((60, 1)), np.minimum(rng.exponential(size=(1, 800)), 3)
    loadings = 4 - long if tail == "left" else 4 + long  # beside a large mean
    X = course @ loadings + 0.1 * rng.standard_normal((60, 800))
    model = DictionaryLearning(1, penalty=0.01, device="cpu").fit(X)
    assert skew(model.loadings_[0]) > 0.5
    # with the loadings, the atom is turned round
    assert np.corrcoef(model.atoms_[:, 0], course[:, 0])[0, 1] * (-1 if tail == "left" else 1) > 0.9
