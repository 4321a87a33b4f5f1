"""Steps of a fine-tuning: losses of a batch, gradient, and update."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bids_app.finetune.batches import Batch, make_batch
from bids_app.finetune.model import ForecastingModel, Losses
from bids_app.finetune.negatives import StateQueue
from bids_app.finetune.schedule import learning_rate
from bids_app.finetune.share import ShareRule
from bids_app.finetune.text import Integers, Windows

MOST_HELD_OUT = 64  # windows of each measurement


@dataclass(frozen=True)
class StepLosses:
    """Mean losses of a step, per token and per target, and the number of negatives."""

    lm: float
    high: float
    negatives: int


class Trainer:
    """A model, its optimizer, the queue of states and the weight of the losses, which together continue step by step.

    With several processes (accelerate), each reads its part of every batch, and all have the same queue: the number of
    processes, and of windows that are read at once, changes results by rounding only.

    Attributes
    ----------
    step : number of steps done
    least_negatives : least number of negatives in a step since the weight was set
    """

    def __init__(self, model: ForecastingModel, windows: Windows, accelerator: Any, at_once: int | None = None) -> None:
        """Take a model on its device; `at_once` is the most windows in a forward pass (default: all of a process)."""
        self.model, self.windows, self.accelerator = model, windows, accelerator
        self.recipe, self.goal = model.recipe, model.goal
        if self.recipe.batch % accelerator.num_processes:
            raise ValueError(
                f"--batch {self.recipe.batch}: cannot be divided among {accelerator.num_processes} processes; give a "
                "multiple of their number."
            )
        self.at_once = at_once or self.recipe.batch
        self.weights = [weight for _, weight in model.trained()]
        self.optimizer = torch.optim.AdamW(self.weights, self.recipe.learning_rate, weight_decay=0.0)
        self.forward = accelerator.prepare_model(model)
        self.device = next(model.parameters()).device
        self.rule = ShareRule(self.goal.alpha, self.recipe.share)
        self.step, self.least_negatives = 0, self.recipe.negatives
        self.queue: StateQueue | None = None

    def fill_queue(self) -> StateQueue:
        """The queue; before the first step, it is filled with states that the first epoch comes to last."""
        if self.queue is None:
            for chosen in self.windows.before_the_first_step(self.recipe):
                if self.queue is not None and self.queue.is_full:
                    break
                batch = self.batch(chosen)
                self._push(batch, self._read_all(batch, None)[2])
        assert self.queue is not None
        return self.queue

    def batch(self, chosen: Integers) -> Batch:
        """The batch of chosen windows."""
        return make_batch(self.windows, chosen, self.goal.distance(self.recipe), self.goal.is_shuffled)

    def take_step(self) -> StepLosses:
        """Update the weights once. Raises RuntimeError if a loss is not finite."""
        queue, number = self.fill_queue(), self.step + 1
        batch = self.batch(self.windows.of_step(number, self.recipe))
        negatives = queue.draw(self.recipe.negatives, batch.names, (self.recipe.seed, 2, number))
        if number == 1:  # no running means yet: the weight starts with the losses of the first batch
            lm, high, _ = self._read_all(batch, negatives)
            self.rule.observe(lm, high)
            self.rule.reset()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(number, self.recipe.steps, self.recipe.learning_rate)
        lm, high, targets = self._read_all(batch, negatives, with_gradient=True)
        if not math.isfinite(lm + high):
            raise RuntimeError(
                f"{self.goal.folder}: the losses of step {number} are {lm} and {high}; give a smaller --learning-rate, "
                "or --precision float32."
            )
        self.accelerator.clip_grad_norm_(self.weights, self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._push(batch, targets)
        self.rule.observe(lm, high)
        self.least_negatives = min(self.least_negatives, len(negatives))
        self.step = number
        return StepLosses(lm, high, len(negatives))

    def reset_weight(self) -> bool:
        """Set the weight of the losses from their running means; False if these allow none, and it stays."""
        self.least_negatives = self.recipe.negatives
        return self.rule.reset()

    def held_out_losses(self) -> tuple[float, float]:
        """Mean losses on windows that are not trained on: per token (its exponential is the perplexity), per target."""
        queue = self.fill_queue()
        sums, counts = np.zeros(2), np.zeros(2)
        chosen = self.windows.held_out[:MOST_HELD_OUT]
        for start in range(0, len(chosen), self.recipe.batch):
            batch = self.batch(chosen[start : start + self.recipe.batch])
            negatives = queue.draw(self.recipe.negatives, batch.names, (self.recipe.seed, 3, start))
            lm, high, _ = self._read_all(batch, negatives)
            counts += (weights := np.array([batch.n_words, batch.n_targets]))
            sums += weights * np.array([lm, high])
        lm, high = np.divide(sums, counts, out=np.full(2, np.nan), where=counts > 0)
        return float(lm), float(high)

    def _read_all(
        self, batch: Batch, negatives: Tensor | None, with_gradient: bool = False
    ) -> tuple[float, float, Tensor]:
        """Mean losses of a batch, and the states (n_targets, width) to forecast, over all processes.

        The gradient of the weighted sum is added to that of the weights.
        """
        n_processes, n_windows = self.accelerator.num_processes, len(batch.ids)
        size = math.ceil(n_windows / n_processes)
        own = range(n_windows)[self.accelerator.process_index * size :][:size]
        parts = [
            slice(start, min(start + self.at_once, own.stop)) for start in range(own.start, own.stop, self.at_once)
        ]
        n_words, n_targets = max(1, batch.n_words), max(1, batch.n_targets)
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        targets: list[Tensor] = []
        for part in parts:
            with self._gradient(with_gradient, is_last=part is parts[-1]):
                losses = self._losses(batch.rows(part), negatives)
                if with_gradient:
                    # gradients are averaged over processes
                    high, lm = self.rule.weight * losses.high / n_targets, (1 - self.rule.weight) * losses.lm / n_words
                    self.accelerator.backward((high + lm) * n_processes)
            sums += torch.stack([losses.lm.detach(), losses.high.detach()]).double()
            targets.append(losses.targets)
        sums = self.accelerator.reduce(sums, "sum")
        lm, high = (sums / torch.tensor([n_words, n_targets], device=self.device)).tolist()
        return lm, high, self._gather(targets)

    def _gather(self, targets: Sequence[Tensor]) -> Tensor:
        own = torch.cat(list(targets)) if targets else torch.zeros(0, device=self.device)
        if self.accelerator.num_processes == 1:
            return own
        from accelerate.utils import gather_object

        parts = gather_object([own.cpu()])
        return torch.cat([part for part in parts if part.ndim == 2]).to(self.device)  # a process may have no window

    def _gradient(self, with_gradient: bool, is_last: bool) -> Any:
        if not with_gradient:
            return torch.no_grad()
        return torch.enable_grad() if is_last else self.accelerator.no_sync(self.forward)

    def _losses(self, batch: Batch, negatives: Tensor | None) -> Losses:
        def here(array: Any) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

        target_ids = here(batch.target_ids) if batch.is_shuffled else None
        # measurements need no synchronised gradients
        forward = self.forward if torch.is_grad_enabled() else self.model
        losses: Losses = forward(here(batch.ids), here(batch.mask), target_ids, here(batch.has_target), negatives)
        return losses

    def _push(self, batch: Batch, targets: Tensor) -> None:
        if self.queue is None:
            self.queue = StateQueue(self.recipe.queue, targets.shape[1], self.device)
        self.queue.push(targets, batch.names)
