import numpy as np

from bids_app.encoding.dictionary._atom_sweep import sweep
from bids_app.stats.arrays import AnyArray


def reference(atoms: AnyArray, gram: AnyArray, cross: AnyArray, least_power: float) -> AnyArray:
    """Each atom's best place in the unit ball, one after the other."""
    atoms = atoms.copy()
    for atom in np.flatnonzero(np.diag(gram) > least_power):
        others = np.delete(np.arange(len(atoms)), atom)
        best = (cross[atom] - gram[atom, others] @ atoms[others]) / gram[atom, atom]
        atoms[atom] = best / max(1, np.linalg.norm(best))
    return atoms


def test_against_numpy() -> None:
    """Some atoms end inside the unit ball, some on it, and one that no neuron loads on stays."""
    rng = np.random.default_rng(0)
    loadings = rng.standard_normal((6, 200)) * np.array([0.1, 1, 5, 20, 1, 0])[:, None]
    X = rng.standard_normal((30, 200))
    atoms = rng.standard_normal((6, 30)) / 10
    gram, cross = loadings @ loadings.T, loadings @ X.T
    expected = reference(atoms, gram, cross, 1e-6)
    before = 0.5 * np.square(X - atoms.T @ loadings).sum()
    moved = atoms.copy()
    gain = sweep(moved, gram, cross, 1e-6)
    norms = np.linalg.norm(expected, axis=1)
    assert (norms[:5] > 1 - 1e-12).any()
    assert (norms[:5] < 0.99).any()
    np.testing.assert_allclose(moved, expected, atol=1e-10)
    np.testing.assert_array_equal(moved[5], atoms[5])
    np.testing.assert_allclose(gain, before - 0.5 * np.square(X - moved.T @ loadings).sum(), rtol=1e-9)
