"""Responses of neurons along the few directions that hold nearly all of their variance."""

from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.dictionary._coding import Neurons, Responses
from bids_app.encoding.dictionary._tuning import TUNING
from bids_app.stats.arrays import AnyArray, Doubles
from bids_app.stats.device import column_batches, one_thread, to_device

_BATCH = 4096


@dataclass(frozen=True)
class Compressed:
    """Responses X along orthonormal directions U in the space of volumes, in the order of falling variance.

    Atoms of a dictionary are combinations of the responses. So where U holds all variance, those of Uᵀ X are Uᵀ times
    those of X, at the same penalty and objective.

    Attributes
    ----------
    responses : array or tensor of shape (n_directions, n_neurons), Uᵀ X
    directions : array of shape (n_volumes, n_directions), U
    """

    responses: Responses
    directions: Doubles

    @one_thread()
    def expanded(self, atoms: Doubles) -> Doubles:
        """Atoms along the directions, (n_atoms, n_directions), as time courses, (n_atoms, n_volumes)."""
        return atoms @ self.directions.T


def is_worth_it(X: Responses) -> bool:
    """Whether compression is quick, and its result takes little memory."""
    n_volumes, n_neurons = X.shape
    is_quick = min(n_volumes, n_neurons) <= TUNING.most_directions
    return is_quick and n_volumes * n_neurons <= TUNING.most_compressed_values


@one_thread()
def compress(X: Responses, device: torch.device) -> Compressed:
    """The responses along the directions that hold all but a share `TUNING.lost_variance` of their sum of squares.

    Raises ValueError if X, of shape (n_volumes, n_neurons), is not finite.
    """
    neurons = Neurons(X, device)
    directions, power = _directions(neurons)
    left = np.cumsum(power[::-1])[::-1]  # what each direction and all after it hold
    n_kept = max(1, int((left > TUNING.lost_variance * left[0]).sum()))
    directions = directions[:, :n_kept]
    along = to_device(directions.T, device)
    result = torch.empty(neurons.n_neurons, n_kept, device=device)  # a neuron's values lie side by side
    for batch in column_batches(neurons.n_neurons, _BATCH):
        result[batch] = (along @ neurons[batch]).T
    return Compressed(result.T if isinstance(X, torch.Tensor) else result.cpu().numpy().T, directions)


def _directions(neurons: Neurons) -> tuple[Doubles, Doubles]:
    """Left singular vectors of the responses, (n_volumes, n), and their squared singular values, falling, (n,)."""
    device = neurons.device
    if neurons.n_neurons < neurons.n_volumes:
        X = neurons[slice(0, neurons.n_neurons)].double()
        power, right = _eigen((X.T @ X).cpu().numpy())
        if power[0] == 0:
            return np.eye(neurons.n_volumes, 1), np.zeros(1)
        is_there = power > TUNING.negligible * power[0]
        scaled = right[:, is_there] / np.sqrt(power[is_there])
        return (X @ torch.as_tensor(scaled, device=device)).cpu().numpy(), power[is_there]
    gram = torch.zeros(neurons.n_volumes, neurons.n_volumes, dtype=torch.float64, device=device)
    for batch in column_batches(neurons.n_neurons, _BATCH):
        block = neurons[batch].double()
        gram.addmm_(block, block.T)
    power, left = _eigen(gram.cpu().numpy())
    return left, power


def _eigen(gram: AnyArray) -> tuple[Doubles, Doubles]:
    """Eigenvalues, falling and not negative, and eigenvectors in columns."""
    if not np.isfinite(gram).all():
        raise ValueError("X has NaN or infinite values; leave out such neurons before learning a dictionary.")
    values, vectors = np.linalg.eigh(gram)
    return values[::-1].clip(min=0), np.ascontiguousarray(vectors[:, ::-1])
