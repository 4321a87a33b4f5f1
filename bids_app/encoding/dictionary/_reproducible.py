"""Families of atoms that recur in every restart of a dictionary."""

from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from bids_app.encoding.dictionary._coding import Responses, resident
from bids_app.encoding.dictionary._compression import Compressed, compress, is_worth_it
from bids_app.encoding.dictionary._families import Families, find_families
from bids_app.encoding.dictionary._learning import Request, learn_restart, require_settings
from bids_app.stats.arrays import AnyArray, Doubles, Floats, Ints
from bids_app.stats.device import column_batches, one_thread, resolve_device
from bids_app.stats.standardise import zscore
from bids_app.stats.steps import counted

_BATCH = 4096


class ReproducibleDictionary(BaseEstimator):  # type: ignore[misc]
    """Families of atoms that several restarts of a sparse dictionary share, with their reproducibility.

    The objective of `DictionaryLearning` has many minima of equal height: one dictionary holds atoms that the next
    does not. A family is the mean of the atoms that restarts share; ρ, its reproducibility, is the mean over restarts
    of the best |r| of an atom with it. Only families with ρ of at least 0.8 are clearly not an accident of the start.

    Parameters
    ----------
    n_atoms, penalty, max_iter, device, mem_mb : as in `DictionaryLearning`
    tolerance : likewise, for passes with momentum; smaller, because restarts that stop early agree less
    n_restarts : number of dictionaries, learned from different random starts; of more than 32,768 neurons, each from a
        random sample of so many
    random_state : seed of the restarts; the same seed gives the same bits on one machine

    Attributes
    ----------
    families_ : array of shape (n_volumes, n_families), float32, z-scored time courses in the order of falling ρ; the
        sign is such that the loadings' skew is not negative
    reproducibility_ : array of shape (n_families,), ρ
    loadings_ : array of shape (n_families, n_neurons), float32, least squares of X on the families
    restarts_ : array of shape (n_restarts, n_volumes, n_atoms), float32, the atoms of each restart
    members_ : array of shape (n_restarts, n_atoms, n_families), 1 or -1 where an atom belongs to a family (|r| ≥ 0.7),
        the sign of their correlation; else 0

    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)) @ (rng.standard_normal((3, 400)) * (rng.random((3, 400)) < 0.3))
    >>> model = ReproducibleDictionary(n_atoms=3, n_restarts=4, device="cpu").fit(X)
    >>> model.families_.shape, bool(model.reproducibility_.min() > 0.9)
    ((60, 3), True)
    """

    families_: Floats
    reproducibility_: Doubles
    loadings_: Floats
    restarts_: Floats
    members_: Ints

    def __init__(
        self,
        n_atoms: int = 64,
        penalty: float = 0.2,
        n_restarts: int = 10,
        max_iter: int = 200,
        tolerance: float = 5e-5,
        random_state: int = 0,
        *,
        device: str = "auto",
        mem_mb: float | None = None,
    ):
        """Keep the settings; nothing is computed before `fit`."""
        self.n_atoms, self.penalty, self.n_restarts = n_atoms, penalty, n_restarts
        self.max_iter, self.tolerance, self.random_state = max_iter, tolerance, random_state
        self.device, self.mem_mb = device, mem_mb

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:  # noqa: ARG002 (scikit-learn's convention)
        """Learn from X of shape (n_volumes, n_neurons), columns z-scored per story; ValueError if not finite."""
        data: AnyArray = validate_data(self, X, ensure_all_finite=False, ensure_min_samples=2)
        require_settings(self.n_atoms, self.penalty)
        if self.n_restarts < 2:
            raise ValueError(f"n_restarts={self.n_restarts}; families need at least 2 restarts.")
        seeds = np.random.SeedSequence(self.random_state).spawn(self.n_restarts)
        device = resolve_device(self.device)
        whole = resident(data, device, self.mem_mb)
        neurons = compress(whole, device) if is_worth_it(whole) else whole
        del whole
        penalty = self.penalty * float(np.sqrt(data.shape[0]))
        request = Request(self.n_atoms, penalty, self.max_iter, self.tolerance, device, self.mem_mb)
        self.restarts_ = np.stack(
            [_restart(neurons, request, np.random.default_rng(seed)) for seed in counted(seeds, "restart")]
        )
        del neurons
        found = find_families(list(self.restarts_))
        loadings = least_squares_loadings(data, found.courses)
        self._keep(found, loadings)
        return self

    def _keep(self, found: Families, loadings: Floats) -> None:
        sign = np.array([-1 if _is_skewed_left(row) else 1 for row in loadings])
        self.families_ = found.courses * sign.astype(np.float32)
        self.loadings_ = loadings * sign.astype(np.float32)[:, None]
        self.reproducibility_, self.members_ = found.reproducibility, found.members * sign


def _restart(X: Responses | Compressed, request: Request, generator: np.random.Generator) -> Floats:
    """The atoms of one dictionary, (n_volumes, n_atoms)."""
    if isinstance(X, Compressed):
        atoms = X.expanded(learn_restart(X.responses, request, generator))
    else:
        atoms = learn_restart(X, request, generator)
    return np.ascontiguousarray(atoms.T, dtype=np.float32)


def _is_skewed_left(values: Floats) -> bool:
    """Whether the third central moment is negative; SciPy's skew takes ten times as long."""
    centred = values - values.mean(dtype=np.float64)
    return bool((centred * centred * centred).sum() < 0)


@one_thread()
def least_squares_loadings(X: npt.ArrayLike, courses: Floats) -> Floats:
    """Least-squares loadings (n_families, n_neurons) of X on the courses; ValueError if X is not finite."""
    data = X if isinstance(X, np.ndarray) else np.asarray(X)
    inverse = np.linalg.pinv(zscore(courses).astype(np.float64)).astype(np.float32)
    loadings = np.empty((courses.shape[1], data.shape[1]), dtype=np.float32)
    for batch in column_batches(data.shape[1], _BATCH):
        loadings[:, batch] = inverse @ np.asarray(data[:, batch], dtype=np.float32)
    if not np.isfinite(loadings).all():
        raise ValueError("X has NaN or infinite values; leave out such neurons before learning families.")
    return loadings
