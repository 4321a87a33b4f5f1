"""Time courses of known atoms on other volumes, and how well atoms and loadings reconstruct neurons."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Floats, require_matrix
from bids_app.stats.device import column_batches, one_thread

_BATCH = 4096


def time_courses(X: npt.ArrayLike, loadings: npt.ArrayLike) -> Floats:
    """Least-squares time courses of known atoms on other volumes, D' = X Aᵀ (A Aᵀ)⁻¹.

    X is (n_volumes', n_neurons), loadings (n_atoms, n_neurons); the result (n_volumes', n_atoms). Atoms without a
    loading get zeros (pseudo-inverse).
    """
    loadings = require_matrix("loadings", loadings)
    X = require_matrix("X", X)
    if X.shape[1] != loadings.shape[1]:
        raise ValueError(f"X has {X.shape[1]} neurons and loadings {loadings.shape[1]}; they must be the same neurons.")
    blocks = ((batch, X[:, batch]) for batch in column_batches(X.shape[1], _BATCH))
    return courses_of_blocks(blocks, X.shape[0], loadings)


def courses_of_blocks(blocks: Iterable[tuple[slice, npt.ArrayLike]], n_rows: int, loadings: npt.ArrayLike) -> Floats:
    """`time_courses` of responses that come in blocks: the neurons of each, and their values (n_rows, n_neurons)."""
    loadings = require_matrix("loadings", loadings)
    gram = np.zeros((loadings.shape[0], loadings.shape[0]))
    cross = np.zeros((n_rows, loadings.shape[0]))
    for neurons, values in blocks:
        part = np.asarray(loadings[:, neurons], dtype=np.float32)
        gram += part @ part.T
        cross += np.asarray(values, dtype=np.float32) @ part.T
    return np.asarray(cross @ np.linalg.pinv(gram, rcond=1e-6, hermitian=True), dtype=np.float32)


@one_thread()
def courses_elsewhere(X_new: npt.ArrayLike, X: npt.ArrayLike, courses: Floats) -> Floats:
    """Time courses on other volumes of atoms with known time courses, (n_restarts, n_volumes', n_atoms).

    The least-squares time courses, see `time_courses`, for the atoms' least-squares loadings on X; batch by batch of
    neurons, so that the loadings of all restarts are never stored.

    Parameters
    ----------
    X_new, X : arrays of shape (n_volumes', n_neurons) and (n_volumes, n_neurons), the same neurons
    courses : array of shape (n_restarts, n_volumes, n_atoms)
    """
    X_new, X = require_matrix("X_new", X_new), require_matrix("X", X)
    if X_new.shape[1] != X.shape[1]:
        raise ValueError(f"X_new has {X_new.shape[1]} neurons and X {X.shape[1]}; they must be the same neurons.")
    inverse = np.linalg.pinv(courses.astype(np.float64)).astype(np.float32)  # (n_restarts, n_atoms, n_volumes)
    gram = np.zeros((len(courses), courses.shape[2], courses.shape[2]))
    cross = np.zeros((len(courses), X_new.shape[0], courses.shape[2]))
    for batch in column_batches(X.shape[1], _BATCH):
        block, new = (np.asarray(values[:, batch], dtype=np.float32) for values in (X, X_new))
        for restart, weights in enumerate(inverse):
            loadings = weights @ block
            gram[restart] += loadings @ loadings.T
            cross[restart] += new @ loadings.T
    return np.asarray(cross @ np.linalg.pinv(gram, rcond=1e-6, hermitian=True), dtype=np.float32)


def reconstruction_r2(X: npt.ArrayLike, atoms: npt.ArrayLike, loadings: npt.ArrayLike) -> Floats:
    """1 − |x − Da|² / |x − mean(x)|² of each neuron, (n_neurons,); 0 for a constant neuron."""
    X = require_matrix("X", X)
    atoms = np.asarray(require_matrix("atoms", atoms, X.shape[0]), dtype=np.float32)
    loadings = require_matrix("loadings", loadings, atoms.shape[1])
    result = np.zeros(X.shape[1], dtype=np.float32)
    for batch in column_batches(X.shape[1], _BATCH):
        block = np.asarray(X[:, batch], dtype=np.float32)
        error = np.square(block - atoms @ np.asarray(loadings[:, batch], dtype=np.float32)).sum(axis=0)
        variance = np.square(block - block.mean(axis=0)).sum(axis=0)
        result[batch] = 1 - np.divide(error, variance, out=np.ones_like(error), where=variance > 0)
    return result
