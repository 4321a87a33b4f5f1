"""Ridge for many targets and penalties from one eigendecomposition per training set."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from bids_app.encoding.ridge._tuning import TUNING
from bids_app.stats.arrays import AnyArray, Ints
from bids_app.stats.device import column_batches, targets_per_batch, to_device

_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Factors:
    """Factors of one training set for all targets and penalties: predictions are basis · filter(α) · project · Y.

    The last row of `project` computes the mean of the training rows and the last column of `basis` adds it again, so
    the intercept needs no separate pass. All tensors are on the device in float64, and are converted to float32 for
    products with the responses.
    """

    eigenvalues: torch.Tensor  # (rank,), of XᵀX or XXᵀ of the centred training rows
    project: torch.Tensor  # (rank + 1, n_volumes), zero for rows outside the training set
    basis: torch.Tensor  # (n_test, rank + 1)
    test: torch.Tensor  # (n_test,), row numbers
    vectors: torch.Tensor  # (n, rank), eigenvectors
    train: torch.Tensor  # (n_train,), row numbers

    def projections(self, Y: torch.Tensor) -> torch.Tensor:
        """`project` @ Y, (rank + 1, V), over the training rows only."""
        return self._of_trained @ Y[self.trained]

    @cached_property
    def trained(self) -> slice | torch.Tensor:
        """`train` for indexing."""
        return span(self.train)

    @cached_property
    def tested(self) -> slice | torch.Tensor:
        """`test` for indexing."""
        return span(self.test)

    @cached_property
    def _of_trained(self) -> torch.Tensor:
        return self.project[:, self.train].float()

    def filters(self, alpha: torch.Tensor) -> torch.Tensor:
        """1 / (eigenvalue + α), (rank + 1, n_alphas), and 1 for the mean, in the type of the penalties."""
        shrunk = torch.reciprocal(self.eigenvalues.to(alpha.dtype)[:, None] + alpha[None])
        return torch.cat([shrunk, torch.ones_like(alpha)[None]])


@dataclass(frozen=True)
class Eigen:
    """Eigenvalues (rank,) and eigenvectors (n, rank), float64, of XᵀX or XXᵀ (n, n) of centred training rows."""

    values: AnyArray
    vectors: AnyArray


class Design:
    """Regressors of all volumes, (n_volumes, n_features), factorised for each training set.

    Works on features × features if there are no more features than volumes, else on volumes × volumes; then the
    products of all volumes are computed once and shared by all training sets. Sums are in float64.
    """

    def __init__(self, X: AnyArray, device: torch.device):
        """Centre X over all volumes."""
        self.mean = X.mean(axis=0, dtype=np.float64)
        self.X = to_device(X - self.mean, device, torch.float64)
        self.n_volumes, self.n_features = int(X.shape[0]), int(X.shape[1])
        self._kernel = self.X @ self.X.T if self.n_features > self.n_volumes else None

    def decompose(self, train: Ints) -> Eigen:
        """The eigendecomposition of one training set, to keep; rows are indices of all volumes."""
        found = self.eigen(train)
        return Eigen(found.values.cpu().numpy(), found.vectors.cpu().numpy())

    def eigen(self, train: Ints) -> "EigenTensors":
        """`decompose` on the device."""
        rows = torch.as_tensor(train, device=self.X.device)
        if self._kernel is not None:
            product = _centred(self._kernel, rows, rows)
        else:
            X = self.X[rows] - self.X[rows].mean(dim=0)
            product = X.T @ X
        return _decomposed(product)

    def factorise(self, train: Ints, test: Ints, eigen: "Eigen | EigenTensors | None" = None) -> Factors:
        """Factors of one fold; rows are indices of all volumes. `eigen` is the decomposition of `train` if known."""
        eigen = eigen or self.eigen(train)
        rows, tested = (torch.as_tensor(array, device=self.X.device) for array in (train, test))
        values, vectors = (torch.as_tensor(array, device=self.X.device) for array in (eigen.values, eigen.vectors))
        if self._kernel is not None:
            basis = _centred(self._kernel, tested, rows) @ vectors
            project = (vectors - vectors.mean(dim=0)).T
        else:
            mean = self.X[rows].mean(dim=0)
            basis = (self.X[tested] - mean) @ vectors
            project = ((self.X[rows] - mean) @ vectors).T
        return self._factors(values, vectors, project=project, basis=basis, rows=rows, tested=tested)

    def coefficient_map(self, factors: Factors) -> torch.Tensor:
        """Map from the filtered projections (rank, V) of a training set to coefficients, (n_features, rank)."""
        if self._kernel is None:
            return factors.vectors.float()
        X = self.X[factors.train]
        return ((X - X.mean(dim=0)).T @ factors.vectors).float()

    def _factors(
        self,
        eigenvalues: torch.Tensor,
        vectors: torch.Tensor,
        *,
        project: torch.Tensor,
        basis: torch.Tensor,
        rows: torch.Tensor,
        tested: torch.Tensor,
    ) -> Factors:
        full = torch.zeros(len(eigenvalues) + 1, self.n_volumes, dtype=torch.float64, device=self.X.device)
        full[:-1, rows] = project
        full[-1, rows] = 1 / len(rows)
        with_mean = torch.cat([basis, torch.ones(len(basis), 1, dtype=basis.dtype, device=basis.device)], dim=1)
        return Factors(eigenvalues.clamp(min=0), full, with_mean, tested, vectors, rows)


class EigenTensors(NamedTuple):
    """`Eigen` on the device."""

    values: torch.Tensor
    vectors: torch.Tensor


def _decomposed(product: torch.Tensor) -> EigenTensors:
    """The eigendecomposition without the null space, whose vectors are rounding errors and would cost their share."""
    if product.device.type == "cpu":  # numpy's LAPACK takes half the time of torch's (MKL) on an AMD processor
        values, vectors = map(torch.from_numpy, np.linalg.eigh(product.numpy()))
    else:
        values, vectors = torch.linalg.eigh(product)
    # as numpy.linalg.matrix_rank; values ascend, and the last one stays for designs that are constant
    null = int((values[:-1] <= values[-1].clamp(min=0) * len(values) * _EPSILON).sum())
    return EigenTensors(values[null:], vectors[:, null:])


def _centred(kernel: torch.Tensor, rows: torch.Tensor, train: torch.Tensor) -> torch.Tensor:
    """Products of `rows` and `train`, (n_rows, n_train), both centred by the means of `train`."""
    within = kernel[train][:, train]
    between = kernel[rows][:, train]
    return between.sub(between.mean(dim=1, keepdim=True)).sub(within.mean(dim=0)).add(within.mean())


def filtered_projections(factors: Factors, alpha: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    """Projections of Y shrunk by the penalty of each target (V,), (rank + 1, V); `basis` @ these are predictions."""
    return factors.projections(Y).mul_(factors.filters(alpha))


class Predictor:
    """Predictions of the test rows, (n_test, V), for responses (n_volumes, V) with a penalty each, (V,).

    If it takes fewer operations for `n_targets` in all, targets with the same penalty are predicted together by the
    matrix (n_test, n_train) that combines basis, filter and projections.
    """

    def __init__(self, factors: Factors, alphas: torch.Tensor, n_targets: int):
        """Compute the matrices if worthwhile; `alphas` are all possible penalties."""
        self._factors = factors
        self._matrices: dict[float, torch.Tensor] = {}
        rank, n_train, n_test = len(factors.eigenvalues), len(factors.train), len(factors.test)
        together = n_test * n_train * (n_targets + len(alphas) * rank)
        if together < rank * (n_train + n_test) * n_targets:
            basis, project = factors.basis[:, :-1], factors.project[:-1, factors.train]
            for alpha in alphas:
                self._matrices[float(alpha)] = (basis / (factors.eigenvalues + alpha) @ project).float()

    def __call__(self, alpha: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        """Predictions of a batch of targets."""
        factors = self._factors
        if not self._matrices:
            return factors.basis.float() @ filtered_projections(factors, alpha, Y)
        trained, order = Y[factors.trained], torch.argsort(alpha)
        values, counts = torch.unique_consecutive(alpha[order], return_counts=True)
        blocks = torch.split_with_sizes(trained.index_select(1, order), counts.tolist(), dim=1)
        predictions = [self._matrices[value] @ block for value, block in zip(values.tolist(), blocks, strict=True)]
        predicted = torch.cat(predictions, dim=1).index_select(1, torch.argsort(order))
        return predicted.add_(
            factors.project[-1, factors.train].float() @ trained
        )  # the means, which exceed the other entries


def ridge_batches(n_volumes: int, rank: int, n_targets: int, device: torch.device, mem_mb: float | None) -> list[slice]:
    """Batches of targets: on the CPU enough for all threads, and no larger than products benefit from."""
    bytes_per_target = 4 * (2 * n_volumes + 2 * rank) + 8 * 64
    size = targets_per_batch(bytes_per_target, n_targets, mem_mb)
    if device.type == "cpu":
        size = min(size, TUNING.largest_batch, max(TUNING.smallest_batch, n_targets // TUNING.batches))
    return column_batches(n_targets, size)


def span(rows: torch.Tensor) -> slice | torch.Tensor:
    """Row numbers, as a slice if they are consecutive: without a copy, and without a wait for the device later."""
    if not len(rows):
        return rows
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows
