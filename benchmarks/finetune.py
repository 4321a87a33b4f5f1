"""Tokens per second and memory of a fine-tuning, on models of real shapes with random weights and random text.

On a GPU: GPT-2 small and a Llama of 1 billion weights, in float32 and bfloat16. Without one: a tiny shape, which only
shows that the script runs; `--shape GPT-2-small` times that on the processor (minutes a step).
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from benchmarks import harness
from bids_app.finetune.model import ForecastingModel
from bids_app.finetune.recipe import Goal, Recipe
from bids_app.finetune.text import Text, cut_windows
from bids_app.finetune.trainer import Trainer
from bids_app.language.neurons import find_blocks
from bids_app.stats.device import one_thread

_BILLION = {
    "vocab_size": 128_256,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
_TINY = {"vocab_size": 2000, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4}
COLUMNS = (
    "shape",
    "weights",
    "trained",
    "precision",
    "tokens per second",
    "seconds per step",
    "TFLOP per step",
    "memory",
)


@dataclass(frozen=True)
class Timed:
    """Seconds per step, and the peak of memory in bytes."""

    seconds: float
    memory: int


def _gpt2() -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config())


def _llama(**changes: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**(_BILLION | changes)))


SHAPES: dict[str, Callable[[], Any]] = {
    "GPT-2-small": _gpt2,
    "Llama-1B": _llama,
    "Llama-tiny": lambda: _llama(**_TINY, num_attention_heads=4, num_key_value_heads=4),
}


def main() -> None:
    """Print a table with a row for each shape and precision."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finetune", description=__doc__)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="Default: auto.")
    parser.add_argument("--shape", nargs="+", choices=SHAPES, help="Default: those for the device.")
    parser.add_argument("--steps", type=int, metavar="N", help="Timed steps. Default: 20 on a GPU, 3 on a processor.")
    parser.add_argument("--quick", action="store_true", help="The tiny shape alone.")
    arguments = parser.parse_args()
    has_gpu = torch.cuda.is_available() and arguments.device != "cpu"
    shapes = arguments.shape or (["GPT-2-small", "Llama-1B"] if has_gpu else ["Llama-tiny"])
    shapes = ["Llama-tiny"] if arguments.quick else shapes
    print(f"\n{harness.machine()}\n")
    harness.print_cells(COLUMNS)
    harness.print_cells(["---"] * len(COLUMNS))
    for shape in shapes:
        for precision in ("float32", "bfloat16") if has_gpu else ("float32",):
            _print_row(shape, precision, arguments.steps or (20 if has_gpu else 3), has_gpu)


def _print_row(shape: str, precision: str, n_steps: int, has_gpu: bool) -> None:
    torch.manual_seed(0)
    model = SHAPES[shape]().to("cuda" if has_gpu else "cpu")
    n_layers = len(find_blocks(model).blocks)
    recipe = Recipe(steps=n_steps + 1, layer=max(1, round(n_layers * 2 / 3)), precision=precision)
    trainer = Trainer(ForecastingModel(model, recipe, Goal(0.5)), _windows(model, recipe), Accelerator(cpu=not has_gpu))
    weights = list(model.parameters())
    n_weights, n_trained = (sum(w.numel() for w in chosen) for chosen in (weights, trainer.weights))
    with one_thread():
        timed = _time(trainer, n_steps, has_gpu)
    tokens = recipe.batch * recipe.context
    # 2 operations per weight and token forwards, and 4 per trained weight backwards
    flop = tokens * (2 * n_weights + 4 * n_trained)
    cells = (
        *(shape, f"{n_weights / 1e6:,.1f} M", f"{n_trained / 1e6:,.1f} M", precision),
        *(f"{tokens / timed.seconds:,.0f}", f"{timed.seconds:.3g}", f"{flop / 1e12:.3g}"),
        f"{timed.memory / 2**30:.2f} GiB",
    )
    harness.print_cells(cells)


def _windows(model: Any, recipe: Recipe) -> Any:
    tokens = np.random.default_rng(0).integers(model.config.vocab_size, size=200_000).astype(np.int32)
    return cut_windows(Text(tokens, np.arange(0, 200_001, 2000), (), "random"), recipe)


def _time(trainer: Trainer, n_steps: int, has_gpu: bool) -> Timed:
    """Mean of the steps after the first, which fills the queue and sets the weight."""
    trainer.take_step()
    if has_gpu:
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(n_steps):
        trainer.take_step()
    if has_gpu:
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / n_steps
    if has_gpu:
        return Timed(seconds, torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Timed(seconds, peak * (1 if sys.platform == "darwin" else 1024))


if __name__ == "__main__":
    main()
