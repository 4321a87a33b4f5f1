"""Lesions of a model's neurons while it runs: their activations are replaced by others during each forward pass.

Hooks change the activations at the second feed-forward matrix of each block (see `neurons.find_blocks`); the weights
stay as they are. Several lesions may share a pass: each reads its own rows of the batch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bids_app.language.experts import find_mixture
from bids_app.language.neurons import Blocks, find_blocks

LESION_KINDS = ("mean", "zero", "resample")
LESIONED = ("ffn-out", "ffn-in")  # kinds of neurons that can be lesioned

Ints = npt.NDArray[np.integer[Any]]
Units = Mapping[int, npt.ArrayLike] | npt.ArrayLike
"""Units to lesion, all counted from 0: for each layer its units, or pairs (layer, unit) of shape (n, 2)."""


class Lesions:
    """Lesions that share the passes made inside the context; see `lesion`."""

    def __init__(self, sets: Sequence[Mapping[int, Ints]], kind: str, reference: Sequence[Any] | None, seed: int):
        """Keep the sets, one for each block of rows of the batch."""
        self.sets, self.kind, self.reference = sets, kind, reference
        self.rows: Ints | None = None
        if reference is not None:
            self._other = other_words(len(reference[0]), seed)
            self._means: dict[int, Tensor] = {}

    @property
    def layers(self) -> list[int]:
        """Layers with a lesioned unit, ascending."""
        return sorted({layer for units in self.sets for layer, chosen in units.items() if len(chosen)})

    def apply(self, layer: int, activations: Tensor) -> Tensor:
        """Activations with the lesions: (…, n_units), rows of the first set first."""
        flat = activations.reshape(len(self.sets), -1, activations.shape[-1])
        mask = self._mask(layer, flat.shape[-1]).to(flat.device)
        fill = self._fill(layer, flat).to(device=flat.device, dtype=flat.dtype)
        return torch.where(mask[:, None, :], fill, flat).reshape(activations.shape)

    def _mask(self, layer: int, n_units: int) -> Tensor:
        """Which units each set lesions, (n_sets, n_units)."""
        mask = torch.zeros(len(self.sets), n_units, dtype=torch.bool)
        for row, units in enumerate(self.sets):
            chosen = units.get(layer)
            if chosen is None or not len(chosen):
                continue
            if int(chosen.max()) >= n_units:
                raise ValueError(f"Layer {layer} has {n_units} units, from 0; there is no unit {int(chosen.max())}.")
            mask[row, torch.from_numpy(np.asarray(chosen, dtype=np.int64))] = True
        return mask

    def _fill(self, layer: int, flat: Tensor) -> Tensor:
        """Values that replace those of lesioned units, to be broadcast to (n_sets, n_tokens, n_units)."""
        if self.kind == "zero":
            return torch.zeros(1)
        assert self.reference is not None
        values = self.reference[layer]
        if values.shape[1] != flat.shape[-1]:
            raise ValueError(
                f"The reference has {values.shape[1]} units in layer {layer}, and the model {flat.shape[-1]}: read it "
                "with the same model and the same kind of neurons."
            )
        if self.kind == "mean":
            if layer not in self._means:
                self._means[layer] = torch.from_numpy(np.asarray(values).mean(axis=0, dtype=np.float64))
            return self._means[layer]
        words = np.arange(flat.shape[1]) if self.rows is None else np.asarray(self.rows)
        return torch.from_numpy(np.asarray(values)[self._other[words % len(self._other)]])


@contextmanager
def lesion(
    model: Any,
    units: Units,
    kind: str = "mean",
    reference: Any = None,
    *,
    neurons: str = "ffn-out",
    seed: int = 0,
) -> Iterator[Lesions]:
    """Lesion units of a model during each forward pass made inside the context.

    Parameters
    ----------
    model : a model of `load_model`, or a model of transformers, with or without head
    units : units to lesion, counted from 0: a mapping from layers to units, or pairs (layer, unit) of shape (n, 2)
    kind : `mean` replaces the activations of a unit by their mean over a text, `zero` by 0, and `resample` by those of
        another word of the text, the same for all units of the set
    reference : the text, as `Activations` of `read_activations` (kind of neurons as `neurons`), or an array of shape
        (n_words, n_units) for each layer; `zero` needs none
    neurons : `ffn-out` (what the second feed-forward matrix gives) or `ffn-in` (what it reads)
    seed : decides which other word `resample` takes

    Raises ValueError for an unknown kind, units that the model does not have, or a missing reference.

    >>> with lesion(model, {3: [17, 402]}, "zero"):  # doctest: +SKIP
    ...     logits = model.model(**inputs).logits
    """
    network = model if isinstance(model, nn.Module) else model.model
    with lesion_sets(network, [units_by_layer(units)], kind, reference, neurons=neurons, seed=seed) as lesions:
        yield lesions


@contextmanager
def lesion_sets(
    model: nn.Module,
    sets: Sequence[Mapping[int, Ints]],
    kind: str = "mean",
    reference: Any = None,
    *,
    neurons: str = "ffn-out",
    seed: int = 0,
) -> Iterator[Lesions]:
    """Lesion several sets at once, each in its own rows of the batch: those of the first set come first.

    Each set maps layers to units, see `units_by_layer`; an empty one leaves its rows as they are. All sets have as many
    rows. For `resample`, `rows` of the object given holds the word of the text at each token of a set's rows.
    """
    blocks = find_blocks(body_of(model))
    _check(blocks, sets, kind, reference, neurons)
    lesions = Lesions(sets, kind, None if reference is None else layers_of(reference), seed)
    with ExitStack() as hooks:
        for module, layers in _layers_of_modules(blocks).items():
            if set(layers) & set(lesions.layers):
                change = partial(_change, lesions, cycle(layers), blocks.is_time_first)
                hook = _on_input if neurons == "ffn-in" else _on_output
                hooks.callback(hook(module, change).remove)
        yield lesions


def body_of(model: nn.Module) -> nn.Module:
    """A model of transformers without its head; any other module itself."""
    body = getattr(model, "base_model", model)
    return body if isinstance(body, nn.Module) else model


def units_by_layer(units: Units) -> dict[int, Ints]:
    """Units of each layer, ascending and each once, from a mapping or from pairs (layer, unit).

    >>> units_by_layer([(2, 5), (0, 1), (2, 3)])
    {0: array([1]), 2: array([3, 5])}
    """
    if isinstance(units, Mapping):
        return {int(layer): _whole(chosen) for layer, chosen in sorted(units.items())}
    pairs = np.asarray(units)
    if pairs.size == 0:
        return {}
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"units has shape {pairs.shape}; give pairs (layer, unit), or a mapping from layers to units.")
    pairs = _numbers(pairs)
    return {int(layer): np.unique(pairs[pairs[:, 0] == layer, 1]) for layer in np.unique(pairs[:, 0])}


def layers_of(reference: Any) -> list[Any]:
    """One array (n_words, n_units) for each layer, from `Activations` or a sequence of arrays."""
    if hasattr(reference, "n_layers"):
        return [reference.layer(layer) for layer in range(reference.n_layers)]
    return list(reference)


def other_words(n_words: int, seed: int) -> npt.NDArray[np.int64]:
    """Another word for each word, (n_words,), every word once: the next one in a random order."""
    order = np.random.default_rng(seed).permutation(n_words)
    other = np.empty(n_words, dtype=np.int64)
    other[order] = np.roll(order, -1)
    return other


def _whole(chosen: npt.ArrayLike) -> Ints:
    return np.unique(_numbers(np.atleast_1d(np.asarray(chosen))))


def _numbers(values: npt.NDArray[Any]) -> Ints:
    if values.size and not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"units has values of type {values.dtype}; layers and units are whole numbers from 0.")
    if values.size and int(values.min()) < 0:
        raise ValueError(f"units holds {int(values.min())}; layers and units are counted from 0.")
    return values.astype(np.int64)


def _check(blocks: Blocks, sets: Sequence[Mapping[int, Ints]], kind: str, reference: Any, neurons: str) -> None:
    if kind not in LESION_KINDS:
        raise ValueError(f"Unknown kind of lesion {kind!r}: choose one of {', '.join(LESION_KINDS)}.")
    if neurons not in LESIONED:
        raise ValueError(f"Neurons of kind {neurons!r} cannot be lesioned: choose one of {', '.join(LESIONED)}.")
    if neurons == "ffn-in" and any(find_mixture(block) is not None for block in blocks.blocks):
        raise ValueError("The inner units of a mixture of experts cannot be lesioned: choose ffn-out.")
    if kind != "zero" and reference is None:
        raise ValueError(
            f"A lesion of kind {kind!r} needs the activations of a text, reference=read_activations(…), unlike 'zero'."
        )
    n_layers = len(blocks.blocks)
    asked = max((layer for units in sets for layer in units), default=0)
    if asked >= n_layers:
        raise ValueError(f"The model has {n_layers} layers, counted from 0; there is no layer {asked}.")


def _layers_of_modules(blocks: Blocks) -> dict[nn.Module, list[int]]:
    """Layers of each module: blocks that share weights are one module, called once per layer, in order."""
    layers: dict[nn.Module, list[int]] = {}
    for layer, module in enumerate(blocks.matrices):
        layers.setdefault(module, []).append(layer)
    return layers


def _change(lesions: Lesions, calls: Iterator[int], is_time_first: bool, activations: Tensor) -> Tensor:
    layer = next(calls)
    if layer not in lesions.layers:
        return activations
    if not is_time_first:
        return lesions.apply(layer, activations)
    return lesions.apply(layer, activations.transpose(0, 1)).transpose(0, 1)


def _on_output(module: nn.Module, change: Callable[[Tensor], Tensor]) -> Any:
    def hook(_: nn.Module, __: Any, output: Any) -> Any:
        return change(output) if isinstance(output, Tensor) else (change(output[0]), *output[1:])

    return module.register_forward_hook(hook)


def _on_input(module: nn.Module, change: Callable[[Tensor], Tensor]) -> Any:
    return module.register_forward_pre_hook(lambda _, inputs: (change(inputs[0]), *inputs[1:]))
