"""Loadings of neurons on given atoms."""

from typing import overload

import numpy as np
import torch

from bids_app.encoding.dictionary._tuning import TUNING
from bids_app.encoding.lasso._solver import lasso_gram
from bids_app.stats.arrays import AnyArray, Doubles, Floats, Ints
from bids_app.stats.device import column_batches, run_batches, targets_per_batch, to_device

Responses = AnyArray | torch.Tensor  # of neurons, (n_volumes, n_neurons); a tensor is float32 and on the device
_FREE_SHARE = 0.5  # of a GPU's free memory that all responses may take


def resident(X: AnyArray, device: torch.device, mem_mb: float | None) -> Responses:
    """X on a GPU, if it fits into `mem_mb`, or else into half of what is free there; any other X as it is."""
    if device.type != "cuda":
        return X
    room = mem_mb * 1e6 if mem_mb is not None else _FREE_SHARE * torch.cuda.mem_get_info(device)[0]
    return to_device(X, device) if 4 * X.size <= room else X


class Neurons:
    """Batches of neurons' responses, (n_volumes, batch) float32 on the device, from an array or a memory map."""

    def __init__(self, X: Responses, device: torch.device, columns: Ints | None = None):
        """Take all columns of X, or some of them."""
        self.X, self.device, self.columns = X, device, columns
        if columns is not None and isinstance(X, torch.Tensor):
            self.X, self.columns = take_columns(X, columns), None
        self.n_volumes = int(X.shape[0])
        self.n_neurons = int(X.shape[1]) if columns is None else len(columns)

    def __getitem__(self, batch: slice) -> torch.Tensor:
        """The responses of a batch, read-only: they may share the memory of X."""
        block = self.X[:, batch] if self.columns is None else take_columns(self.X, self.columns[batch])
        return block if isinstance(block, torch.Tensor) else to_device(np.asarray(block, dtype=np.float32), self.device)

    def batch_size(self, n_atoms: int, mem_mb: float | None, preferred: int) -> int:
        """How many neurons to code at a time, within `mem_mb` megabytes."""
        side_by_side = torch.get_num_threads() if self.device.type == "cpu" else 1
        bytes_per_neuron = 4 * (3 * self.n_volumes + 8 * n_atoms) * side_by_side
        return targets_per_batch(bytes_per_neuron, preferred, mem_mb)


@overload
def take_columns(X: AnyArray, columns: Ints) -> Floats: ...
@overload
def take_columns(X: torch.Tensor, columns: Ints) -> torch.Tensor: ...
def take_columns(X: Responses, columns: Ints) -> Floats | torch.Tensor:
    """Some columns of X, (n_volumes, n_columns) float32, each read in one piece where it lies in one."""
    if isinstance(X, torch.Tensor):
        return X.index_select(1, torch.as_tensor(columns, device=X.device))
    # "clip": the check of indices, which are valid, would take most of the time
    if X.flags.f_contiguous:
        return np.asarray(np.take(X.T, columns, axis=0, mode="clip"), dtype=np.float32).T
    return np.asarray(np.take(X, columns, axis=1, mode="clip"), dtype=np.float32)


class Coder:
    """The lasso of neurons on given atoms."""

    def __init__(self, atoms: Doubles, penalty: float, device: torch.device):
        """Copy the atoms, (n_atoms, n_volumes), to the device."""
        self.penalty = penalty
        self.atoms = to_device(atoms, device)
        self.gram = self.atoms @ self.atoms.T

    def __call__(
        self, block: torch.Tensor, start: torch.Tensor | None, tolerance: float, max_iterations: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loadings A of responses X, started at given loadings or zero, and DᵀX."""
        cross = self.atoms @ block
        loadings = lasso_gram(self.gram, cross, self.penalty, start, tolerance=tolerance, max_iterations=max_iterations)
        return loadings, cross


def half_squares_of(block: torch.Tensor) -> float:
    """½|X|² of responses X, summed over neurons; ValueError if it is not finite."""
    half_squares = 0.5 * float(torch.linalg.vector_norm(block, dim=1).double().square().sum())
    if not np.isfinite(half_squares):
        raise ValueError("X has NaN or infinite values; leave out such neurons before learning a dictionary.")
    return half_squares


def code_all(
    X: Responses, atoms: Doubles, penalty: float, device: torch.device, mem_mb: float | None
) -> tuple[torch.Tensor, float, Doubles]:
    """Loadings of all neurons on the atoms, (n_atoms, n_neurons).

    Also returns the mean over neurons of ½|x − Da|² + λ|a|₁, and each atom's sums of a, a² and a³, (3, n_atoms).
    """
    neurons, coder = Neurons(X, device), Coder(atoms, penalty, device)
    result = torch.empty(len(atoms), neurons.n_neurons, device=device)
    preferred = TUNING.final_cpu_batch if device.type == "cpu" else -(-neurons.n_neurons // TUNING.final_gpu_batches)

    batches = column_batches(neurons.n_neurons, neurons.batch_size(len(atoms), mem_mb, preferred))
    # Allocated once: small arrays kept from each batch would fragment the memory for the large ones of the next.
    half_squares, sums = np.zeros(len(batches)), np.zeros((len(batches), 5, len(atoms)))

    def code(number: int) -> None:
        block = neurons[batches[number]]
        half_squares[number] = half_squares_of(block)
        loadings, cross = coder(block, None, TUNING.final_tolerance, TUNING.final_iterations)
        result[:, batches[number]] = loadings
        fit = torch.addmm(cross, coder.gram, loadings, alpha=0.5, beta=-1).mul_(loadings)
        squares = loadings.square()
        for row, part in enumerate((fit, loadings.abs(), loadings, squares, squares * loadings)):
            sums[number, row] = part.sum(dim=1, dtype=torch.float64).cpu().numpy()

    run_batches(code, range(len(batches)), device)
    fit, absolute, *powers = sums.sum(axis=0)
    objective = half_squares.sum() + fit.sum() + penalty * absolute.sum()
    return result, float(objective) / neurons.n_neurons, np.array(powers)
