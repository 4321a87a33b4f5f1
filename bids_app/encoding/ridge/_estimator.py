"""Ridge regression with a penalty per target."""

from collections.abc import Sequence
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.estimators import ManyTargets
from bids_app.encoding.ridge._loop import Batch, TrainingSet, fit_targets
from bids_app.encoding.ridge._penalties import DEFAULT_ALPHAS, penalties
from bids_app.encoding.ridge._selection import penalty_errors
from bids_app.encoding.ridge._solver import Design, filtered_projections, ridge_batches
from bids_app.stats.arrays import Doubles, Floats, Fold
from bids_app.stats.device import column_batches, resolve_device, to_device

_PER_PRODUCT = 8192  # targets whose projections are in float64 at a time


class RidgeCV(ManyTargets):
    """min over b of |y − Xb|² + α|b|² for every target y, with an intercept and a separate α.

    Parameters
    ----------
    alphas : positive penalties to choose from
    folds : (train, test) pairs; the α with the smallest mean squared error on the test rows is chosen. Leave-one-out
        if None
    device : "auto", "cpu" or "cuda"
    mem_mb : memory for a batch of targets, in megabytes

    Attributes
    ----------
    alpha_ : array of shape (n_targets,)
    coef_ : array of shape (n_features, n_targets)
    intercept_ : array of shape (n_targets,)

    >>> X = np.random.default_rng(0).standard_normal((60, 4))
    >>> model = RidgeCV([0.1, 10], device="cpu").fit(X, X[:, :1] + X[:, 1:2])
    >>> model.coef_.round(1).ravel().tolist()[:2], model.score(X, X[:, :1] + X[:, 1:2]).round(2).tolist()
    ([1.0, 1.0], [1.0])
    """

    alpha_: Floats
    _back: torch.Tensor  # (n_features, rank), on the device
    _projections: torch.Tensor  # (rank, n_targets), on the device: coefficients in the space of the eigenvectors

    def __init__(
        self,
        alphas: npt.ArrayLike = DEFAULT_ALPHAS,
        folds: Sequence[Fold] | None = None,
        device: str = "auto",
        mem_mb: float | None = None,
    ):
        """Keep the settings; nothing is computed before `fit`."""
        self.alphas, self.folds, self.device, self.mem_mb = alphas, folds, device, mem_mb

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Fit X (n_volumes, n_features) to y (n_volumes, n_targets); ValueError if a value is not finite."""
        X, Y = self._checked(X, y)
        device = resolve_device(self.device)
        alphas = penalties(self.alphas, device)
        design = Design(X, device)
        everything = np.arange(X.shape[0])
        eigen = design.eigen(everything)
        whole = design.factorise(everything, everything[:0], eigen)  # no test rows: not for predictions
        n_targets = Y.shape[1]
        errors = penalty_errors(design, (everything, eigen), self.folds, alphas, n_targets)
        self.alpha_ = np.empty(n_targets, dtype=np.float32)
        self.intercept_ = np.empty(n_targets, dtype=np.float32)
        self._back = design.coefficient_map(whole)
        self._projections = torch.empty((self._back.shape[1], n_targets), device=device)
        self.__dict__.pop("coef_", None)
        mean_back = design.mean @ self._back.cpu().numpy()

        def fit(batch: Batch, alpha: torch.Tensor) -> None:
            projections = filtered_projections(whole, alpha, batch.Y)[:-1]
            self.alpha_[batch.columns], self._projections[:, batch.columns] = alpha.cpu().numpy(), projections
            self.intercept_[batch.columns] = batch.mean - _times(mean_back, projections)

        batches = ridge_batches(design.n_volumes, len(whole.eigenvalues), n_targets, device, self.mem_mb)
        fit_targets([TrainingSet(lambda batch: errors(batch.Y), fit)], Y, alphas, batches)
        return self

    @cached_property
    def coef_(self) -> Floats:
        """Computed on first access: with more features than volumes, they take far more memory than the predictor."""
        return (self._back @ self._projections).cpu().numpy()

    def _weighted(self, X: npt.ArrayLike) -> Floats:
        return (to_device(self._regressors(X), self._back.device) @ self._back @ self._projections).cpu().numpy()

    def __getstate__(self) -> dict[str, object]:
        """Without tensors on a GPU, which the machine that reads a stored fit may lack."""
        return {name: value.cpu() if isinstance(value, torch.Tensor) else value for name, value in vars(self).items()}


def _times(weights: Doubles, rows: torch.Tensor) -> Doubles:
    """The product of weights (rank,) with rows (rank, V), summed in float64."""
    there = torch.as_tensor(weights, device=rows.device)
    batches = column_batches(rows.shape[1], _PER_PRODUCT)
    return np.concatenate([(there @ rows[:, batch].double()).cpu().numpy() for batch in batches])
