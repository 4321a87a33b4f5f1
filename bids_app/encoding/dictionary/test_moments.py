"""The running sums that atoms are updated from are those of the loadings, and their memory does not grow by batch."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bids_app.encoding.dictionary._coding import Neurons
from bids_app.encoding.dictionary._solver import Learner
from bids_app.encoding.dictionary._tuning import TUNING
from bids_app.stats.device import resolve_device

Floats = npt.NDArray[np.float32]
CPU = resolve_device("cpu")


def neurons_of(n_volumes: int, n_neurons: int, n_atoms: int) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Neurons (n_volumes, n_neurons) made of atoms and noise; atoms to start from, (n_atoms, n_volumes)."""
    random = np.random.default_rng(0)
    atoms = random.standard_normal((n_atoms, n_volumes))
    loadings = random.standard_normal((n_atoms, n_neurons)) * (random.random((n_atoms, n_neurons)) < 0.2)
    X = (atoms.T @ loadings + random.standard_normal((n_volumes, n_neurons))).astype(np.float32)
    start = atoms + random.standard_normal(atoms.shape)
    return X, start / np.linalg.norm(start, axis=1, keepdims=True)


@pytest.mark.parametrize("n_passes", [1, 3])
@pytest.mark.parametrize("is_expected", [False, True])
def test_after_a_pass_sums_are_those_of_the_loadings(n_passes: int, is_expected: bool) -> None:
    X, atoms = neurons_of(40, 1_500, 5)
    expected = np.random.default_rng(1).standard_normal((5, 45)) if is_expected else None
    learner = Learner(Neurons(X, CPU), atoms, 1.5, expected, unit=512)
    assert max(map(len, learner.units)) > 1
    if expected is not None:
        np.testing.assert_allclose(learner.mean_moments, expected, rtol=1e-5)
    learner.run(n_passes, 0.0)
    A = learner.loadings.numpy().astype(np.float64)
    sums = A @ np.concatenate([A.T, X.T.astype(np.float64)], axis=1)
    np.testing.assert_allclose(learner.moments, sums, rtol=0, atol=2e-6 * np.abs(sums).max())
    error = X - learner.atoms.T @ A
    objective = (0.5 * np.square(error).sum() + 1.5 * np.abs(A).sum()) / X.shape[1]
    assert learner.objective() == pytest.approx(objective, rel=1e-5)


def test_atoms_that_are_replaced_leave_the_sums() -> None:
    X, atoms = neurons_of(40, 1_500, 5)
    learner = Learner(Neurons(X, CPU), atoms, 1.5, unit=512)
    learner.run(2, 0.0)
    learner._replace([3], np.eye(1, 40))
    A = learner.loadings.numpy().astype(np.float64)
    assert not A[3].any()
    sums = A @ np.concatenate([A.T, X.T.astype(np.float64)], axis=1)
    np.testing.assert_allclose(learner.moments, sums, rtol=0, atol=2e-6 * np.abs(sums).max())
    learner.run(1, 0.0)
    A = learner.loadings.numpy().astype(np.float64)
    sums = A @ np.concatenate([A.T, X.T.astype(np.float64)], axis=1)
    np.testing.assert_allclose(learner.moments, sums, rtol=0, atol=2e-6 * np.abs(sums).max())


def test_what_is_kept_of_neurons_on_disk_grows_with_units_not_with_batches(tmp_path: Path) -> None:
    n_atoms, n_volumes, n_units = 16, 1_000, 4
    X, atoms = neurons_of(n_volumes, n_units * TUNING.unit, n_atoms)
    np.save(tmp_path / "neurons.npy", X.T.astype(np.float16))
    X = np.load(tmp_path / "neurons.npy", mmap_mode="r").T
    learner = Learner(Neurons(X, CPU), atoms, 3.0)
    learner.run(2, 0.0)
    assert sum(map(len, learner.units)) == 8 * n_units
    kept = sum(coded.moments.nbytes for coded in learner._coded.values())
    assert kept <= 8 * n_atoms * (n_atoms + n_volumes) * n_units
