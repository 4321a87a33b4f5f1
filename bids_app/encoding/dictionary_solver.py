"""Alternating minimisation for sparse dictionaries, on batches of neurons."""

import numpy as np
import torch

from bids_app.encoding.arrays import AnyArray, Doubles
from bids_app.encoding.device import column_batches, targets_per_batch
from bids_app.encoding.sparse import lasso_gram

# An atom whose squared loadings sum to less than this share of the average atom's is not used by any neuron.
_UNUSED = 1e-6
_CODING_TOLERANCE = 1e-3
_CODING_ITERATIONS = 10
_FIRST_CODING_ITERATIONS = 40
_RESEEDING_PASSES = 10
_CPU_BATCH = 2048
_GPU_BATCHES = 8
# The first atoms are learned on so many neurons, where a pass costs little.
_SAMPLE = 2048
_SAMPLE_BATCH = 256
_SAMPLE_PASSES = 10
_SAMPLE_TOLERANCE = 1e-3
_CANDIDATES = 4


class Neurons:
    """Batches of neurons' responses, (n_volumes, batch) float32 on the device, from an array or a memory map."""

    def __init__(self, X: AnyArray, device: torch.device, n_atoms: int, mem_mb: float | None, batch_size: int = 0):
        """Choose the batches: `batch_size` neurons, or what suits the device, within `mem_mb` megabytes."""
        self.X, self.device = X, device
        self.n_volumes, self.n_neurons = int(X.shape[0]), int(X.shape[1])
        bytes_per_neuron = 4 * (3 * self.n_volumes + 8 * n_atoms)
        size = targets_per_batch(bytes_per_neuron, self.n_neurons, mem_mb)
        preferred = _CPU_BATCH if device.type == "cpu" else -(-self.n_neurons // _GPU_BATCHES)
        self.batches = column_batches(self.n_neurons, min(size, batch_size or preferred))
        self._kept: list[torch.Tensor] | None = None
        if device.type == "cuda" and X.nbytes < (mem_mb or 8000) * 5e5:
            self._kept = [self._load(batch) for batch in self.batches]

    def __getitem__(self, index: int) -> torch.Tensor:
        """The responses of one batch."""
        return self._load(self.batches[index]) if self._kept is None else self._kept[index]

    def _load(self, batch: slice) -> torch.Tensor:
        block = np.array(self.X[:, batch], dtype=np.float32, order="C")
        return torch.from_numpy(block).to(self.device)

    def sum_of_squares(self) -> float:
        """Over all neurons; ValueError when a value is not finite."""
        total = 0.0
        for index in range(len(self.batches)):
            total += float(self[index].square().sum(dtype=torch.float64))
        if not np.isfinite(total):
            raise ValueError("X has NaN or infinite values; leave out such neurons before learning a dictionary.")
        return total


class Learner:
    """State of the minimisation: atoms, loadings and the running sums that atoms are updated from.

    The surrogate of Mairal et al. (2010), with the contribution of every batch replaced when it is seen again: the
    sums always belong to the loadings at hand, so the objective is known exactly without another pass.
    """

    def __init__(self, neurons: Neurons, atoms: Doubles, penalty: float):
        """Begin with atoms of shape (n_atoms, n_volumes), which are changed in place, and loadings of zero."""
        n_atoms = atoms.shape[0]
        self.neurons, self.penalty = neurons, penalty
        self.atoms = atoms  # (n_atoms, n_volumes)
        self.loadings = torch.zeros(n_atoms, neurons.n_neurons, device=neurons.device)
        self.half_squares = 0.5 * neurons.sum_of_squares()
        n_batches = len(neurons.batches)
        self.absolute = np.zeros(n_batches)  # sums of |loading|
        self._gram_of_batch = np.zeros((n_batches, n_atoms, n_atoms), dtype=np.float32)
        self._cross_of_batch = np.zeros((n_batches, n_atoms, neurons.n_volumes), dtype=np.float32)
        self.loading_gram = np.zeros((n_atoms, n_atoms))  # A Aᵀ
        self.loading_cross = np.zeros((n_atoms, neurons.n_volumes))  # A Xᵀ

    def objective(self) -> float:
        """Mean over neurons of ½|x − Da|² + λ|a|₁ at the present atoms and loadings."""
        fit = 0.5 * np.vdot(self.atoms @ self.atoms.T, self.loading_gram) - np.vdot(self.atoms, self.loading_cross)
        return float(self.half_squares + fit + self.penalty * self.absolute.sum()) / self.neurons.n_neurons

    def code(self, index: int, tolerance: float, max_iterations: int) -> None:
        """New loadings of one batch of neurons, begun from the present ones, and their share of the sums."""
        block, batch = self.neurons[index], self.neurons.batches[index]
        atoms = torch.as_tensor(self.atoms, dtype=torch.float32, device=block.device)
        loadings = lasso_gram(
            atoms @ atoms.T,
            atoms @ block,
            self.penalty,
            self.loadings[:, batch],
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
        self.loadings[:, batch] = loadings
        self.absolute[index] = float(loadings.abs().sum(dtype=torch.float64))
        gram, cross = (loadings @ loadings.T).cpu().numpy(), (loadings @ block.T).cpu().numpy()
        self.loading_gram += gram.astype(np.float64) - self._gram_of_batch[index]
        self.loading_cross += cross.astype(np.float64) - self._cross_of_batch[index]
        self._gram_of_batch[index], self._cross_of_batch[index] = gram, cross

    def unused(self) -> AnyArray:
        """Indices of atoms that no neuron loads on."""
        power = np.diag(self.loading_gram)
        return np.flatnonzero(power <= _UNUSED * power.mean())

    def update_atoms(self) -> None:
        """One sweep of block coordinate descent over the atoms that are used, each within the unit ball."""
        power = np.diag(self.loading_gram)
        for atom in np.setdiff1d(np.arange(len(power)), self.unused()):
            gradient = self.loading_cross[atom] - self.loading_gram[atom] @ self.atoms
            moved = self.atoms[atom] + gradient / power[atom]
            self.atoms[atom] = moved / max(1.0, float(np.sqrt(moved @ moved)))

    def reseed(self, index: int) -> bool:
        """Put residuals of the worst reconstructed neurons of a batch in the place of unused atoms, if there are."""
        unused = self.unused()
        if unused.size in (0, len(self.atoms)):
            return False
        block = self.neurons[index]
        atoms = torch.as_tensor(self.atoms, dtype=torch.float32, device=block.device)
        residual = block - atoms.T @ self.loadings[:, self.neurons.batches[index]]
        worst = residual.square().sum(dim=0).topk(min(len(unused), block.shape[1])).indices
        found = residual[:, worst].T.cpu().numpy().astype(np.float64)
        norm = np.linalg.norm(found, axis=1, keepdims=True)
        self.atoms[unused[: len(found)]] = np.divide(found, norm, out=np.zeros_like(found), where=norm > 0)
        return True

    def run(self, max_iter: int, tolerance: float) -> int:
        """Passes over all neurons until the objective falls by less than `tolerance` of itself; how many it took."""
        last = np.inf
        n_batches = len(self.neurons.batches)
        for iteration in range(1, max_iter + 1):
            iterations = _FIRST_CODING_ITERATIONS if iteration == 1 else _CODING_ITERATIONS
            for index in range(n_batches):
                self.code(index, _CODING_TOLERANCE, iterations)
                self.update_atoms()
            reseeded = iteration <= _RESEEDING_PASSES and self.reseed((iteration - 1) % n_batches)
            objective = self.objective()
            if not reseeded and last - objective <= tolerance * objective:
                return iteration
            last = objective
        return max_iter

    def code_all(self, tolerance: float, max_iterations: int) -> None:
        """Loadings of all neurons on the atoms as they are."""
        for index in range(len(self.neurons.batches)):
            self.code(index, tolerance, max_iterations)


def initial_atoms(
    neurons: Neurons, n_atoms: int, penalty: float, generator: np.random.Generator, device: torch.device
) -> Doubles:
    """Atoms to begin with, (n_atoms, n_volumes): seeds spread over a sample of neurons, then learned on the sample."""
    n_sampled = min(neurons.n_neurons, max(_SAMPLE, 8 * n_atoms))
    columns = np.sort(generator.choice(neurons.n_neurons, n_sampled, replace=False))
    sample = np.array(neurons.X[:, columns], dtype=np.float32)
    norm = np.linalg.norm(sample, axis=0)
    varied = np.divide(sample, norm, out=np.zeros_like(sample), where=norm > 0)
    seeds = varied[:, _spread(varied, n_atoms, generator)].T.astype(np.float64)
    learner = Learner(Neurons(sample, device, n_atoms, None, _SAMPLE_BATCH), seeds, penalty)
    learner.run(_SAMPLE_PASSES, _SAMPLE_TOLERANCE)
    return learner.atoms


def _spread(unit: AnyArray, n_seeds: int, generator: np.random.Generator) -> list[int]:
    """Greedy k-means++ (Arthur & Vassilvitskii 2007) on columns of norm 1, with distance 1 − r² as signs are free."""
    far = np.ones(unit.shape[1])
    chosen: list[int] = []
    for _ in range(n_seeds):
        if far.sum() <= 0:  # fewer different neurons than seeds
            far = np.ones_like(far)
        candidates = generator.choice(len(far), _CANDIDATES, p=far / far.sum())
        nearer = np.minimum(far, np.maximum(1 - np.square(unit[:, candidates].T @ unit), 0).astype(np.float64))
        best = int(nearer.sum(axis=1).argmin())
        chosen.append(int(candidates[best]))
        far = nearer[best]
    return chosen
