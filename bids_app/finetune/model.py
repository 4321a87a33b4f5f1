"""A causal model with a second head that forecasts states of a lower layer, and which of its weights are trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bids_app.finetune.loss import forecast_loss
from bids_app.finetune.recipe import Goal, Recipe
from bids_app.language.neurons import find_blocks


@dataclass(frozen=True)
class Losses:
    """Sums of both losses over the windows of a forward pass, and the states that were to be forecast.

    `targets` (n_targets, width), float32 and without gradient, window by window.
    """

    lm: Tensor
    high: Tensor
    targets: Tensor


class ForecastingModel(nn.Module):
    """A causal model f with its own head and a linear head h on its last layer, p_t = h(f(x)_t).

    Targets are states of a frozen copy N of the model. Blocks up to the layer of the targets are frozen in f too, and
    there is no dropout, so that these states of f and N are the same, bit for bit: one forward pass gives both.
    """

    def __init__(self, model: Any, recipe: Recipe, goal: Goal) -> None:
        """Take a causal model with its head; weights that stay are frozen (`freeze`)."""
        super().__init__()
        self.model, self.recipe, self.goal = model, recipe, goal
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.head = nn.Linear(*_widths(model, goal.layer(recipe)))
        self.head.to(next(model.parameters()).device)
        freeze(model, recipe.layer)
        self.head.requires_grad_(goal.alpha > 0)
        self.eval()  # no dropout

    def forward(
        self, ids: Tensor, mask: Tensor, target_ids: Tensor | None, has_target: Tensor, negatives: Tensor | None
    ) -> Losses:
        """Read windows (n_windows, n_tokens); `target_ids` None: targets are in the same windows.

        Without negatives, the loss of high level is 0. Arguments as in `batches.Batch`.
        """
        device_type = ids.device.type
        with torch.autocast(device_type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            out = self._read(ids, mask)
            lower = out if target_ids is None else self._read_frozen(target_ids)
        targets = lower.hidden_states[self.goal.layer(self.recipe)].detach()[:, self.goal.distance(self.recipe) :]
        targets = targets[has_target].float()
        labels = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
        lm = functional.cross_entropy(out.logits[:, :-1].float().flatten(0, 1), labels.flatten(), reduction="sum")
        if negatives is None:
            return Losses(lm, lm.new_zeros(()), targets)
        # autograd does not follow a loss without weight
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.goal.alpha > 0):
            states = out.hidden_states[-1][:, : has_target.shape[1]][has_target].float()
            rule, temperature = self.recipe.loss, self.recipe.temperature
            high = forecast_loss(self.head(states), targets, negatives, temperature, rule)
        return Losses(lm, high, targets)

    def _read(self, ids: Tensor, mask: Tensor | None) -> Any:
        return self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False)

    @torch.no_grad()
    def _read_frozen(self, ids: Tensor) -> Any:
        return self._read(ids, None)  # padding is on the right, where a causal model does not see it

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Names and weights that training changes, in a fixed order."""
        return ((name, weight) for name, weight in self.named_parameters() if weight.requires_grad)


def _widths(model: Any, layer: int) -> tuple[int, int]:
    """Units of the last layer and of the layer of the targets: equal in most families."""
    device = next(model.parameters()).device
    with torch.no_grad():
        states = model(input_ids=torch.tensor([[0, 1]], device=device), output_hidden_states=True, use_cache=False)
    states = states.hidden_states
    n_layers = len(find_blocks(model).blocks)
    if len(states) != n_layers + 1:
        raise ValueError(
            f"{type(model).__name__} gives {len(states)} hidden states for {n_layers} blocks, of which this version "
            "cannot tell the layers: choose another model."
        )
    return int(states[-1].shape[-1]), int(states[layer].shape[-1])


def freeze(model: Any, layer: int) -> None:
    """Leave trainable the blocks above `layer` (counted from 1) and what comes after the last block.

    The blocks up to it, the embeddings, and everything else that runs before are frozen; so is a head that shares the
    weights of the embeddings. Raises ValueError for the last layer, above which nothing is left to train.
    """
    blocks = find_blocks(model).blocks
    if layer >= len(blocks):
        raise ValueError(f"--target-layer {layer}: no block of the model is above it; give at most {len(blocks) - 1}.")
    model.requires_grad_(False)
    before = {id(weight) for module in _called_before(model, blocks, layer) for weight in module.parameters()}
    above = [*blocks[layer:], *_called_after(model, blocks[-1])]
    for module in above:
        for weight in module.parameters():
            weight.requires_grad_(id(weight) not in before)


def _called_before(model: Any, blocks: list[nn.Module], layer: int) -> list[nn.Module]:
    calls = _calls(model)
    start = next(index for index, module in enumerate(calls) if module in _leaves(blocks[layer:]))
    return [model.get_input_embeddings(), *blocks[:layer], *calls[:start]]


def _called_after(model: Any, last: nn.Module) -> list[nn.Module]:
    calls = _calls(model)
    end = max(index for index, module in enumerate(calls) if module in _leaves([last]))
    return calls[end + 1 :]


def _leaves(modules: list[nn.Module]) -> set[nn.Module]:
    return {leaf for module in modules for leaf in module.modules() if not list(leaf.children())}


@torch.no_grad()
def _calls(model: Any) -> list[nn.Module]:
    """Modules without parts, in the order of their calls in a forward pass."""
    calls: list[nn.Module] = []
    hooks = [leaf.register_forward_hook(lambda module, _, __: calls.append(module)) for leaf in _leaves([model])]
    try:
        model(input_ids=torch.tensor([[0, 1]], device=next(model.parameters()).device), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return calls
