"""Mixtures of experts: the units of a feed-forward network that is divided among experts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_LAYOUT = ("is_transposed", "has_bias", "has_gate", "_apply_gate")  # the layouts of expert weights in transformers


def find_mixture(block: nn.Module) -> nn.Module | None:
    """The mixture of experts of a block, whose output is the weighted sum of its experts; None without one.

    Also None if a block adds a shared expert outside its mixture, so that no output holds the whole sum.
    """
    for name, module in block.named_modules():
        parent, _, last = name.rpartition(".")
        if last == "experts" and parent and _is_fused(module):
            has_more = any("shared" in child for child, _ in block.named_children())
            return None if has_more else block.get_submodule(parent)
    return None


def watch_units(mixture: nn.Module, keep: Callable[[Tensor], None]) -> list[Any]:
    """Pass the inner units of all experts to `keep` at each forward pass, (n_tokens, n_units); returns the hooks.

    The units of the shared experts come first, then those of the routed experts in the order of their index, with
    zeros for experts that do not receive a token. None are multiplied by their weights in the sum.

    Raises ValueError for experts of unknown layout.
    """
    experts = mixture.get_submodule("experts")
    if not all(hasattr(experts, name) for name in _LAYOUT):
        raise ValueError(
            f"The inner units of {type(experts).__name__} are not known: choose the neurons ffn-out or residual."
        )
    collected: dict[str, Tensor] = {}

    def on_shared(name: str) -> Callable[..., None]:
        return lambda _, inputs: collected.__setitem__(name, inputs[0].detach().flatten(0, -2))

    def on_experts(module: Any, inputs: tuple[Tensor, ...]) -> None:
        collected["experts"] = routed_units(module, inputs[0].detach(), inputs[1])

    def on_mixture(*_: Any) -> None:
        keep(torch.cat([*(collected[name] for name in shared), collected["experts"]], dim=-1))
        collected.clear()

    shared = {
        name: module
        for name, module in mixture.named_modules()
        if "shared" in name and name.endswith("down_proj") and isinstance(module, nn.Linear)
    }
    hooks: list[Any] = [module.register_forward_pre_hook(on_shared(name)) for name, module in shared.items()]
    return [*hooks, experts.register_forward_pre_hook(on_experts), mixture.register_forward_hook(on_mixture)]


def routed_units(experts: Any, hidden: Tensor, index: Tensor) -> Tensor:
    """Input of the second matrix of each expert, (n_tokens, n_experts · n_inner), zero for tokens not routed to it.

    `hidden` (n_tokens, n_hidden) is the input of the experts, `index` (n_tokens, n_chosen) the experts of each token.
    """
    n_experts, *_ = experts.down_proj.shape
    n_inner = experts.down_proj.shape[1 if experts.is_transposed else 2]
    name = "gate_up_proj" if experts.has_gate else "up_proj"
    weights, biases = getattr(experts, name), getattr(experts, f"{name}_bias", None)
    units = hidden.new_zeros(len(hidden), n_experts, n_inner)
    for expert in torch.unique(index).tolist():
        if expert >= n_experts:  # tokens of experts on other devices
            continue
        rows = (index == expert).any(dim=-1)
        matrix = weights[expert] if experts.is_transposed else weights[expert].T
        first = hidden[rows] @ matrix
        if experts.has_bias and biases is not None:
            first = first + biases[expert]
        units[rows, expert] = experts._apply_gate(first) if experts.has_gate else experts.act_fn(first)
    return units.flatten(1)


def _is_fused(module: nn.Module) -> bool:
    weight = getattr(module, "down_proj", None)
    return isinstance(weight, nn.Parameter) and weight.ndim == 3
