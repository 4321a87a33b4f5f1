"""Where a model's neurons are, in every family by one rule, and a recorder for their activations.

A neuron is a unit of the second matrix of a block's feed-forward network (science.md 1.1): `ffn-out` is that matrix's
output, before residual and normalisation; `ffn-in` is its input; `residual` is the output of the whole block.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from bids_app.language.models import LanguageModel

NEURON_KINDS = ("ffn-out", "ffn-in", "residual")

SECOND_MATRIX = {
    "output.dense": "BERT, RoBERTa, XLM-R, ELECTRA, DeBERTa, MPNet",
    "ffn.lin2": "DistilBERT",
    "mlp.Wo": "ModernBERT",
    "mlp.c_proj": "GPT-2, GPT-Neo, StarCoder",
    "mlp.fc_out": "GPT-J, CodeGen",
    "mlp.dense_4h_to_h": "GPT-NeoX, Pythia, BLOOM, Falcon",
    "mlp.down_proj": "Llama, Mistral, Qwen, Gemma, Phi-3, OLMo",
    "mlp.fc2": "Phi",
    "ffn.down_proj": "MPT",
    "fc2": "OPT, XGLM, BioGPT",
}
"""Path of the second feed-forward matrix inside a block, and families that have it there."""


@dataclass(frozen=True)
class Blocks:
    """The transformer blocks of a model, first to last, and the second feed-forward matrix of each."""

    blocks: list[nn.Module]
    matrices: list[nn.Module]


@dataclass
class Recorder:
    """What the hooks saw in the latest forward pass: layer (from 0) → tensor."""

    n_layers: int
    outputs: dict[int, Tensor] = field(default_factory=dict)

    @property
    def layers(self) -> list[Tensor]:
        """One tensor per layer, (n_windows, n_tokens, n_units) unless reduced; RuntimeError before a forward pass."""
        missing = [layer for layer in range(self.n_layers) if layer not in self.outputs]
        if missing:
            raise RuntimeError(f"No activations of layers {missing}: run the model inside `with record(...)` first.")
        return [self.outputs[layer] for layer in range(self.n_layers)]


def find_blocks(model: nn.Module) -> Blocks:
    """Find the longest list of blocks that all have a second feed-forward matrix at a known path.

    Raises ValueError, naming the model's class and the families known, when there is none.
    """
    best = Blocks([], [])
    for candidates in model.modules():
        if not isinstance(candidates, nn.ModuleList) or len(candidates) <= len(best.blocks):
            continue
        for path in SECOND_MATRIX:
            matrices = [_submodule(block, path) for block in candidates]
            if all(_is_matrix(matrix) for matrix in matrices):
                best = Blocks(list(candidates), matrices)
                break
    if not best.blocks:
        known = "; ".join(f"{path} ({families})" for path, families in SECOND_MATRIX.items())
        raise ValueError(
            f"No feed-forward neurons found in a {type(model).__name__}; its blocks must have their second "
            f"feed-forward matrix at one of: {known}."
        )
    return best


@contextmanager
def record(
    language_model: "LanguageModel", kind: str, reduce: Callable[[Tensor], Tensor] | None = None
) -> Iterator[Recorder]:
    """Record the activations of all layers during each forward pass made inside the context.

    `kind` is one of `NEURON_KINDS`. `reduce` turns each layer's activations (n_windows, n_tokens, n_units) into what
    is kept of them, as soon as the layer has run, so that no more than one layer is ever held whole; without it they
    are copied.
    """
    if kind not in NEURON_KINDS:
        raise ValueError(f"Unknown kind of neurons {kind!r}: choose one of {', '.join(NEURON_KINDS)}.")
    found = find_blocks(language_model.model)
    recorder = Recorder(len(found.blocks))
    keep = reduce if reduce is not None else _copy
    with ExitStack() as hooks:
        for layer, (block, matrix) in enumerate(zip(found.blocks, found.matrices, strict=True)):
            hooks.callback(_register(recorder, layer, block if kind == "residual" else matrix, kind, keep).remove)
        yield recorder


def _register(recorder: Recorder, layer: int, module: nn.Module, kind: str, keep: Callable[[Tensor], Tensor]) -> Any:
    def on_input(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        recorder.outputs[layer] = keep(inputs[0].detach())

    def on_output(_: nn.Module, __: Any, output: Tensor | tuple[Tensor, ...]) -> None:
        recorder.outputs[layer] = keep((output if isinstance(output, Tensor) else output[0]).detach())

    return module.register_forward_pre_hook(on_input) if kind == "ffn-in" else module.register_forward_hook(on_output)


def _copy(activations: Tensor) -> Tensor:
    return activations.clone()  # later blocks may add to it in place


def _submodule(block: nn.Module, path: str) -> Any:
    try:
        return block.get_submodule(path)
    except AttributeError:
        return None


def _is_matrix(module: nn.Module | None) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.Tensor) and weight.ndim == 2
