"""From the neurons to the atoms of one dictionary, or of a restart: which neurons are passed over, and how often."""

from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.dictionary._coding import Neurons, Responses, take_columns
from bids_app.encoding.dictionary._solver import Learner
from bids_app.encoding.dictionary._tuning import TUNING
from bids_app.stats.arrays import AnyArray, Doubles, Ints


@dataclass(frozen=True)
class Request:
    """The dictionary that is asked for, and what it may take.

    Attributes
    ----------
    penalty : λ of ½|x − Da|² + λ|a|₁
    max_iter : largest number of passes over the largest number of neurons
    tolerance : passes end where better atoms would lower the objective by less than this share
    mem_mb : memory for batches of neurons, in megabytes; None for what is free
    """

    n_atoms: int
    penalty: float
    max_iter: int
    tolerance: float
    device: torch.device
    mem_mb: float | None = None


def learn(X: Responses, request: Request, generator: np.random.Generator) -> tuple[Doubles, int]:
    """Atoms, (n_atoms, n_volumes), and the number of passes over all neurons.

    Atoms start as neurons and are learned on a sample of neurons, then on increasingly large samples, each seen once,
    until the expected gain of still larger samples is below the tolerance; otherwise on all.
    """
    first = _on_a_sample(X, request, generator, TUNING.sample_unit)
    first.run(TUNING.sample_passes, TUNING.sample_tolerance * request.tolerance, exchange=True)
    atoms, expected = first.atoms, first.mean_moments
    del first  # so that the memory of the sample is free
    last = _on_larger_samples(X, request, generator, atoms, expected, X.shape[1])
    return atoms, 0 if last is None else last.run(request.max_iter, request.tolerance)[0]


def learn_restart(X: Responses, request: Request, generator: np.random.Generator) -> Doubles:
    """Atoms of a restart, (n_atoms, n_volumes): as `learn`, but with momentum, and of large models from a sample.

    Passes over the first and the last sample have momentum, and no sample follows one of all neurons.
    """
    first = _on_a_sample(X, request, generator, TUNING.unit)
    atoms, is_all = first.atoms, first.neurons.n_neurons == X.shape[1]
    first.run_with_momentum(request.max_iter if is_all else TUNING.sample_passes, request.tolerance, exchange=True)
    if is_all:
        return atoms
    expected = first.mean_moments
    del first  # so that the memory of the sample is free
    largest = min(X.shape[1], TUNING.most_neurons_of_a_restart)
    last = _on_larger_samples(X, request, generator, atoms, expected, largest)
    if last is not None and last.run(1, request.tolerance)[1] > request.tolerance and request.max_iter > 1:
        last.run_with_momentum(request.max_iter - 1, request.tolerance)
    return atoms


def _on_a_sample(X: Responses, request: Request, generator: np.random.Generator, unit: int) -> Learner:
    """A learner of the first sample, whose atoms are neurons."""
    neurons = Neurons(take_columns(X, _columns(X, _first_size(X, request), generator)), request.device)
    atoms = _seeds(neurons[slice(None)].cpu().numpy(), request.n_atoms, generator)
    return Learner(neurons, atoms, request.penalty, mem_mb=request.mem_mb, unit=unit)


def _first_size(X: Responses, request: Request) -> int:
    return min(X.shape[1], max(TUNING.sample, 8 * request.n_atoms))


def _on_larger_samples(
    X: Responses, request: Request, generator: np.random.Generator, atoms: Doubles, expected: Doubles, largest: int
) -> Learner | None:
    """A learner of the `largest` number of neurons, after one pass over each smaller sample; None if these suffice.

    `atoms` are changed in place; `expected` is the mean contribution of a neuron to the moments.
    """

    def learner(columns: Ints | None) -> Learner:
        neurons = Neurons(X, request.device, columns)
        return Learner(neurons, atoms, request.penalty, expected, mem_mb=request.mem_mb)

    size = _first_size(X, request)
    while (size := TUNING.growth * size) < 0.5 * largest:
        larger = learner(_columns(X, size, generator))
        _, share = larger.run(1, 0)
        # The loss by a finite sample falls with its size: this sample leaves 1 / growth of what the last one left.
        if share <= request.tolerance * (TUNING.growth - 1):
            return None
        expected = larger.mean_moments
    return learner(None if largest == X.shape[1] else _columns(X, largest, generator))


def _columns(X: Responses, size: int, generator: np.random.Generator) -> Ints:
    """Randomly chosen columns, ascending: those of a batch lie close together in a memory map."""
    return np.sort(generator.choice(X.shape[1], size, replace=False))


def _seeds(sample: AnyArray, n_atoms: int, generator: np.random.Generator) -> Doubles:
    """Randomly chosen neurons, scaled to norm 1, (n_atoms, n_volumes); zeros where there are too few."""
    n_neurons = sample.shape[1]
    seeds = np.zeros((n_atoms, sample.shape[0]))
    chosen = generator.choice(n_neurons, min(n_atoms, n_neurons), replace=False)
    seeds[: len(chosen)] = sample[:, chosen].T
    norm = np.linalg.norm(seeds, axis=1, keepdims=True)
    if not np.isfinite(norm).all():
        raise ValueError("X has NaN or infinite values; leave out such neurons before learning a dictionary.")
    np.divide(seeds, norm, out=seeds, where=norm > 0)
    return seeds


def require_settings(n_atoms: int, penalty: float) -> None:
    """Raise ValueError for settings that allow no dictionary."""
    if n_atoms < 1:
        raise ValueError(f"n_atoms={n_atoms}; a dictionary needs at least 1 atom.")
    if not penalty > 0:
        raise ValueError(f"penalty={penalty}; it must be positive (usually 0.1 to 0.3; 1 gives no loadings).")
