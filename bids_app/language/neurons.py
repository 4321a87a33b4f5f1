"""Find the neurons of a model, by one rule for all families, and record their activations.

A neuron is a unit of the second matrix of a block's feed-forward network: `ffn-out` is that matrix's output, before
residual and normalisation; `ffn-in` is its input; `residual` is the output of the whole block. In a mixture of experts,
`ffn-out` is the output of the mixture (the weighted sum of its experts), and `ffn-in` holds the inner units of the
shared experts, then of the routed experts in the order of their index (see `experts.watch_units`).

For fine-tuned models, `thirds` records what the first block reads, and the outputs of the blocks at 1/3, 2/3 and all of
the depth.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from typing import Any

import torch
from torch import Tensor, nn

from bids_app.language.experts import find_mixture, watch_units

NEURON_KINDS = ("ffn-out", "ffn-in", "residual")
THIRDS = "thirds"
RECORDED = (*NEURON_KINDS, THIRDS)

SECOND_MATRIX = {
    "output.dense": "BERT, RoBERTa, XLM-R, ELECTRA, DeBERTa, MPNet",
    "ffn_output": "ALBERT",
    "ffn.lin2": "DistilBERT",
    "lin2": "XLM, FlauBERT",
    "mlp.Wo": "ModernBERT",
    "mlp.c_proj": "GPT-2, GPT-Neo, StarCoder",
    "mlp.fc_out": "GPT-J, CodeGen",
    "mlp.dense_4h_to_h": "GPT-NeoX, Pythia, BLOOM, Falcon",
    "mlp.down_proj": "Llama, Mistral, Qwen, Gemma, Phi-3, OLMo",
    "mlp.fc2": "Phi, CLIP",
    "ffn.down_proj": "MPT",
    "ff.layer_2": "XLNet",
    "ffn.2": "CTRL",
    "fc2": "OPT, XGLM, BioGPT, BART (encoder)",
    "layer.1.DenseReluDense.wo": "T5 (encoder)",
    "feed_forward.down_proj": "Jamba",
    "feed_forward.w2": "LFM2",
    "mlp_block.down_proj": "RecurrentGemma",
}
"""Path of the second feed-forward matrix inside a block, and families that have it there."""


@dataclass(frozen=True)
class Blocks:
    """The transformer blocks of a model, first to last, and the second feed-forward matrix of each.

    Blocks that share weights (ALBERT) are the same module several times. A mixture of experts takes the role of the
    matrix. `residuals` are the modules whose output (input, with `is_input`) is that of the block: XLM has no module
    for a whole block. `is_time_first`: tensors are (n_tokens, n_windows, n_units).
    """

    blocks: list[nn.Module]
    matrices: list[nn.Module]
    residuals: list[nn.Module] = field(default_factory=list)
    is_input: tuple[bool, ...] = ()
    is_time_first: bool = False


@dataclass
class Recorder:
    """Activations recorded by the hooks in the latest forward pass: layer (from 0) → tensor."""

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
    """Find the longest list of blocks that all have a second feed-forward matrix at a known path, or experts.

    Raises ValueError, which names the class of the model and the known paths, if there is none.
    """
    best = Blocks([], [])
    for candidates in model.modules():
        if not isinstance(candidates, nn.ModuleList) or len(candidates) <= len(best.blocks):
            continue
        matrices = [_second_matrix(block) for block in candidates]
        matched = [matrix for matrix in matrices if matrix is not None]
        if len(matched) == len(matrices):
            best = Blocks(list(candidates), matched)
    if not best.blocks:
        known = "; ".join(f"{path} ({families})" for path, families in SECOND_MATRIX.items())
        raise ValueError(
            f"No feed-forward neurons found in a {type(model).__name__}; its blocks must have their second "
            f"feed-forward matrix at one of: {known}."
        )
    return _as_called(model, best)


def _as_called(model: Any, named: Blocks) -> Blocks:
    """The blocks in the order of their calls, with the modules that give the output of a whole block."""
    if hasattr(model, "ffns"):
        return _blocks_of_xlm(model, named)
    for module in model.modules():
        if isinstance(groups := getattr(module, "albert_layer_groups", None), nn.ModuleList):
            n_layers = model.config.num_hidden_layers
            chosen = [groups[int(layer / (n_layers / len(groups)))] for layer in range(n_layers)]  # as in ALBERT
            blocks = [block for group in chosen for block in group.albert_layers]  # type: ignore[union-attr]
            return Blocks(blocks, [block.get_submodule("ffn_output") for block in blocks], blocks)
    is_time_first = type(model).__name__ == "XLNetModel"
    return Blocks(named.blocks, named.matrices, named.blocks, is_time_first=is_time_first)


def _blocks_of_xlm(model: Any, blocks: Blocks) -> Blocks:
    """XLM and FlauBERT: a block ends with its second normalisation or, with pre-normalisation, at the next block."""
    n_layers = len(blocks.blocks)
    if not getattr(model, "pre_norm", False):
        return Blocks(blocks.blocks, blocks.matrices, list(model.layer_norm2))
    ends = [*model.layer_norm1[1:], model]
    return Blocks(blocks.blocks, blocks.matrices, ends, (True,) * (n_layers - 1) + (False,))


@contextmanager
def record(model: nn.Module, kind: str, reduce: Callable[[Tensor], Tensor] | None = None) -> Iterator[Recorder]:
    """Record the activations of all layers during each forward pass made inside the context.

    `kind` is one of `RECORDED`. `reduce` converts the activations of each layer (n_windows, n_tokens, n_units) as
    soon as the layer has run, so that at most one layer is held in full; without it, they are copied.
    """
    if kind not in RECORDED:
        raise ValueError(f"Unknown kind of neurons {kind!r}: choose one of {', '.join(RECORDED)}.")
    blocks = find_blocks(model)
    keep = reduce if reduce is not None else _copy
    if kind == THIRDS:
        with _record_thirds(blocks, keep) as recorder:
            yield recorder
        return
    recorder = Recorder(len(blocks.blocks))
    modules = blocks.residuals if kind == "residual" else blocks.matrices
    is_input = (
        (blocks.is_input or (False,) * len(modules)) if kind == "residual" else (kind == "ffn-in",) * len(modules)
    )
    layers_of: dict[tuple[int, bool], list[int]] = {}
    for layer, (module, at_input) in enumerate(zip(modules, is_input, strict=True)):
        layers_of.setdefault((id(module), at_input), []).append(layer)
    with ExitStack() as hooks:
        for (_, at_input), layers in layers_of.items():
            calls = cycle(layers)  # a module shared by several layers is called once per layer, in order

            def on_activations(activations: Tensor, calls: Iterator[int] = calls) -> None:
                whole = activations.detach()
                recorder.outputs[next(calls)] = keep(whole.transpose(0, 1) if blocks.is_time_first else whole)

            for hook in _register(modules[layers[0]], at_input, on_activations):
                hooks.callback(hook.remove)
        yield recorder


@contextmanager
def _record_thirds(blocks: Blocks, keep: Callable[[Tensor], Tensor]) -> Iterator[Recorder]:
    """Record what the first block reads, and the outputs of blocks. Raises ValueError where blocks are no modules."""
    if blocks.residuals != blocks.blocks or len(set(blocks.blocks)) < len(blocks.blocks):
        raise ValueError(f"A {type(blocks.blocks[0]).__name__} is no whole block of its own: choose another model.")
    first, *others = thirds(len(blocks.blocks))
    recorder = Recorder(1 + len(others))

    def keep_at(row: int, states: Tensor) -> None:
        whole = states.detach()
        recorder.outputs[row] = keep(whole.transpose(0, 1) if blocks.is_time_first else whole)

    def on_input(_: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        keep_at(0, inputs[0] if inputs else named["hidden_states"])

    with ExitStack() as hooks:
        hooks.callback(blocks.blocks[first].register_forward_pre_hook(on_input, with_kwargs=True).remove)
        for row, layer in enumerate(others, 1):
            for hook in _register(blocks.blocks[layer - 1], False, partial(keep_at, row)):
                hooks.callback(hook.remove)
        yield recorder


def thirds(n_layers: int) -> list[int]:
    """Layers at 0, 1/3, 2/3 and all of the depth, counted from 1, each once; 0 stands for what the first block reads.

    >>> thirds(12), thirds(2)
    ([0, 4, 8, 12], [0, 1, 2])
    """
    return list(dict.fromkeys(round(n_layers * third / 3) for third in range(4)))


def _register(module: nn.Module, at_input: bool, keep: Callable[[Tensor], None]) -> list[Any]:
    if not at_input:
        return [module.register_forward_hook(lambda _, __, out: keep(out if isinstance(out, Tensor) else out[0]))]
    if _is_matrix(module) or not hasattr(module, "experts"):
        return [module.register_forward_pre_hook(lambda _, inputs: keep(inputs[0]))]
    return watch_units(module, keep)


def _copy(activations: Tensor) -> Tensor:
    return activations.clone()  # later blocks may add to it in place


def _second_matrix(block: nn.Module) -> nn.Module | None:
    """The second feed-forward matrix of a block, or its mixture of experts; None if it has neither or both."""
    mixture = find_mixture(block)
    matrices = [module for path in SECOND_MATRIX if _is_matrix(module := _submodule(block, path))]
    if mixture is not None and matrices:
        return None
    return mixture or next(iter(matrices), None)


def _submodule(block: nn.Module, path: str) -> Any:
    try:
        return block.get_submodule(path)
    except AttributeError:
        return None


def _is_matrix(module: nn.Module | None) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.Tensor) and weight.ndim == 2
