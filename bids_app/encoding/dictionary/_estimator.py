"""Sparse dictionary of the temporal responses of artificial neurons."""

from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from bids_app.encoding.dictionary._coding import code_all, resident
from bids_app.encoding.dictionary._learning import Request, learn, require_settings
from bids_app.stats.arrays import AnyArray, Doubles, Floats
from bids_app.stats.device import column_batches, resolve_device

_BATCH = 4096


class DictionaryLearning(BaseEstimator):  # type: ignore[misc]
    """Atoms D and sparse loadings A with X ≈ DA: min ½|X − DA|² + λ|A|₁ over A and D, every |d| ≤ 1.

    Loadings (batched lasso) and atoms (block coordinate descent, Mairal et al. 2010) are updated in turn over batches
    of neurons, so that X may be a memory map larger than memory; with many neurons, on samples first. In the smallest
    sample, atoms that contribute little are replaced by directions that residuals share.

    Parameters
    ----------
    n_atoms : number of atoms K
    penalty : λ = penalty * √n_volumes; for z-scored columns of X, every loading is 0 at penalty 1
    max_iter : maximum number of passes over all neurons
    tolerance : stop when the better atoms from more neurons, or from another pass over all, are expected to lower the
        objective by less than this share
    random_state : seed of the first atoms; the same seed gives the same bits on one machine
    device : "auto", "cpu" or "cuda"
    mem_mb : memory for a batch of neurons, in megabytes

    Attributes
    ----------
    atoms_ : array of shape (n_volumes, n_atoms), float32, norm at most 1; ordered by the variance of d aᵀ, so that
        an atom that no neuron loads on comes last; signs such that the loadings' skew is not negative
    loadings_ : array of shape (n_atoms, n_neurons), float32
    objective_ : mean over neurons of ½|x − Da|² + λ|a|₁
    n_iter_ : number of passes over all neurons; 0 if a sample was enough to learn the atoms
    penalty_ : λ

    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 2)) @ rng.standard_normal((2, 300))
    >>> model = DictionaryLearning(n_atoms=2, device="cpu").fit(X)
    >>> model.atoms_.shape, model.loadings_.shape
    ((50, 2), (2, 300))
    """

    atoms_: Floats
    loadings_: Floats
    objective_: float
    n_iter_: int
    penalty_: float

    def __init__(
        self,
        n_atoms: int = 64,
        penalty: float = 0.15,
        max_iter: int = 200,
        tolerance: float = 1e-3,
        random_state: int = 0,
        *,
        device: str = "auto",
        mem_mb: float | None = None,
    ):
        """Keep the settings; nothing is computed before `fit`."""
        self.n_atoms, self.penalty, self.max_iter, self.tolerance = n_atoms, penalty, max_iter, tolerance
        self.random_state, self.device, self.mem_mb = random_state, device, mem_mb

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:  # noqa: ARG002 (scikit-learn's convention)
        """Learn from X of shape (n_volumes, n_neurons), columns z-scored per story; ValueError if not finite."""
        data: AnyArray = validate_data(self, X, ensure_all_finite=False, ensure_min_samples=2)
        require_settings(self.n_atoms, self.penalty)
        if self.max_iter < 1:
            raise ValueError(f"max_iter={self.max_iter}; at least 1 pass over the neurons is needed.")
        device = resolve_device(self.device)
        self.penalty_ = self.penalty * float(np.sqrt(data.shape[0]))
        generator = np.random.default_rng(self.random_state)
        neurons = resident(data, device, self.mem_mb)
        request = Request(self.n_atoms, self.penalty_, self.max_iter, self.tolerance, device, self.mem_mb)
        atoms, self.n_iter_ = learn(neurons, request, generator)
        loadings, self.objective_, powers = code_all(neurons, atoms, self.penalty_, device, self.mem_mb)
        self._keep(atoms, loadings, powers / data.shape[1])
        return self

    def _keep(self, atoms: Doubles, loadings: torch.Tensor, moments: Doubles) -> None:
        first, second, third = moments
        order = np.argsort(-second * np.square(atoms).sum(axis=1), kind="stable")
        skewed_left = third - 3 * first * second + 2 * first**3 < 0
        sign = np.where(skewed_left, -1, 1).astype(np.float32)[order, None]
        self.atoms_ = np.ascontiguousarray((atoms[order] * sign).T, dtype=np.float32)
        ordered, signs = (torch.as_tensor(array, device=loadings.device) for array in (order, sign))
        for batch in column_batches(loadings.shape[1], _BATCH):  # in place
            loadings[:, batch] = loadings[ordered, batch] * signs
        self.loadings_ = loadings.cpu().numpy()
