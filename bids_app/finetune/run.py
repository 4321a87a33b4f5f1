"""`n2n finetune`: read the text, train a model towards each goal, and store checkpoints."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bids_app.disk import MEGABYTE, DiskError, existing, free_mb
from bids_app.finetune import progress
from bids_app.finetune.checkpoints import describe, is_written, write_checkpoint
from bids_app.finetune.model import ForecastingModel
from bids_app.finetune.recipe import Goal, Recipe
from bids_app.finetune.record import claim_folder, training_record
from bids_app.finetune.schedule import checkpoint_steps, learning_rate
from bids_app.finetune.share import share_of
from bids_app.finetune.state import load_state, remove_states, save_state
from bids_app.finetune.text import Windows, cut_windows, read_corpus, text_files
from bids_app.finetune.trainer import Trainer
from bids_app.language.causal import CausalModel, load_causal_model
from bids_app.machine.once import locked
from bids_app.stats.device import one_thread, resolve_device

log = logging.getLogger("neurons2networks")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What `n2n finetune` was asked for.

    `layer` None stands for two thirds of the depth. `revision`, `resources` and `download` are those of
    `load_causal_model`. `at_once` is the most windows in a forward pass, and `save_every` the steps between two states
    to continue from; neither decides the weights.
    """

    text: Path
    model: str
    target: Path
    goals: tuple[Goal, ...]
    numbers: dict[str, Any]
    layer: int | None = None
    revision: str | None = None
    resources: tuple[Path, ...] = ()
    download: bool = True
    device: str = "auto"
    at_once: int | None = None
    save_every: int = 500


@dataclass
class Training:
    """One model on its way to a goal, with what its checkpoints need."""

    trainer: Trainer
    source: CausalModel
    folder: Path
    settings: dict[str, Any]
    steps: list[int]
    save_every: int
    rows: list[tuple[str, ...]] = field(default_factory=list)


def finetune(request: Request) -> list[Path]:
    """Train towards every goal, and return the folders with the checkpoints of each (in the main process).

    What is complete is left as it is, and an interrupted training continues. Raises ValueError or FileNotFoundError for
    an unusable text, model or recipe, DiskError where the checkpoints would not fit, all before the first step.
    """
    for name, value in (("--at-once", request.at_once), ("--save-every", request.save_every)):
        if value is not None and value < 1:
            raise ValueError(f"{name} {value}: must be at least 1.")
    if request.target.resolve().is_relative_to(request.text.resolve()):
        raise ValueError(f"--to {request.target}: lies in --text, whose files are read; choose a folder outside of it.")
    device = resolve_device(request.device)
    text_files(request.text)  # before the model is loaded
    accelerator = _accelerator(device)  # gives each process its GPU
    source: CausalModel | None = _load(request)
    assert source is not None
    recipe = make_recipe(request, source)
    if not accelerator.is_main_process:
        log.setLevel(logging.WARNING)  # progress is told once
    windows = cut_windows(read_corpus(request.text, source.tokenizer, request.target / ".text"), recipe)
    _check_documents(windows, request.goals)
    settings = training_record(source, windows, recipe)
    steps = checkpoint_steps(recipe.steps, recipe.checkpoints)
    if accelerator.is_main_process:
        claim_folder(request.target, settings)
        _check_room(request, source, steps)
    accelerator.wait_for_everyone()
    log.info("checkpoints after steps %s", ", ".join(map(str, steps)))
    for goal in request.goals:
        folder = request.target / goal.folder
        with _alone(folder, accelerator), _reproducible(device):
            if all(is_written(folder, step) for step in steps):
                log.info("%s is there already", goal.folder)
                continue
            source = source or _load(request)  # every training begins with the same weights
            trainer = Trainer(ForecastingModel(source.model, recipe, goal), windows, accelerator, request.at_once)
            _train(Training(trainer, source, folder, settings, steps, request.save_every))
            source = None
    return [request.target / goal.folder for goal in request.goals if accelerator.is_main_process]


def make_recipe(request: Request, source: CausalModel) -> Recipe:
    """The numbers of a training, checked against the model. Raises ValueError, a sentence for each problem."""
    layer = max(1, round(source.n_layers * 2 / 3)) if request.layer is None else request.layer
    recipe = Recipe(**request.numbers, layer=layer)
    problems = list(recipe.problems())
    if not 0 <= layer < source.n_layers:
        problems.append(
            f"--target-layer {layer}: the model {source.name} has {source.n_layers} layers, of which at least the last "
            f"is trained; give 0 to {source.n_layers - 1}."
        )
    if recipe.context > source.max_tokens:
        problems.append(
            f"--context {recipe.context}: the model {source.name} reads at most {source.max_tokens} tokens; give as "
            "many or fewer."
        )
    if problems:
        raise ValueError(" ".join(problems))
    return recipe


def _load(request: Request) -> CausalModel:
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # it would draw over the log
    source = {"resources": request.resources, "download": request.download}
    return load_causal_model(request.model, request.revision, request.device, **source)  # type: ignore[arg-type]


def _accelerator(device: torch.device) -> Any:
    """All processes of this training (accelerate launch), or this one alone."""
    from accelerate import Accelerator

    return Accelerator(cpu=device.type == "cpu")


def _check_documents(windows: Windows, goals: Sequence[Goal]) -> None:
    n_documents = len(set(windows.document[windows.train].tolist()))
    if n_documents < 2 and any(goal.is_shuffled for goal in goals):
        raise ValueError(
            "--controls shuffled: needs targets of another document, but the text to train on is one; give a folder "
            "with a file for each document."
        )


def _check_room(request: Request, source: CausalModel, steps: Sequence[int]) -> None:
    """Refuse to start where the checkpoints, and a state to continue from, would not fit on the disk."""
    n_weights = sum(weight.numel() for weight in source.model.parameters())
    missing = [step for goal in request.goals for step in steps if not is_written(request.target / goal.folder, step)]
    states = 2 * 3 * 4 * n_weights  # weights and two moments, the earlier state beside the new one
    needed = (len(missing) * 4 * n_weights + states * bool(missing)) / MEGABYTE
    free = free_mb(existing(request.target))
    if needed > free:
        raise DiskError(
            f"--to {request.target}: {len(missing)} checkpoints of {4 * n_weights / MEGABYTE:,.0f} MB and the state of "
            f"a training need {needed:,.0f} MB, but {free:,.0f} MB are free; give a folder on a larger disk, or fewer "
            "--checkpoints or --alpha."
        )
    log.info("disk: %.0f MB needed, %.0f MB free", needed, free)


@contextmanager
def _alone(folder: Path, accelerator: Any) -> Iterator[None]:
    """Hold the lock of a training, so that no other command trains it at the same time."""
    with locked(folder.with_name(f".{folder.name}.lock"), keep=False) if accelerator.is_main_process else nullcontext():
        accelerator.wait_for_everyone()
        yield
    accelerator.wait_for_everyone()


@contextmanager
def _reproducible(device: torch.device) -> Iterator[None]:
    """The same bits each time: on the CPU one thread, on a GPU deterministic algorithms where there are any."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(device.type == "cuda" or before[0], warn_only=True)
    try:
        with one_thread() if device.type == "cpu" else nullcontext():
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def _train(training: Training) -> None:
    """Train from the published weights, or from where an earlier run stopped."""
    trainer, folder = training.trainer, training.folder
    load_state(trainer, folder)
    trainer.accelerator.wait_for_everyone()  # before a process replaces the state that another reads
    training.rows = progress.read_rows(folder, trainer.step)
    while True:
        _store(training)
        if trainer.step == trainer.recipe.steps:
            break
        trainer.take_step()
        if trainer.step % trainer.recipe.reset_every == 0 or trainer.step == trainer.recipe.steps:
            _note(training)
    if trainer.accelerator.is_main_process:
        remove_states(folder)


def _note(training: Training) -> None:
    """Add a row to the progress, and set the weight of the losses from their running means."""
    trainer, rule, recipe = training.trainer, training.trainer.rule, training.trainer.recipe
    (lm, high), weight = rule.means, rule.weight
    held_out_lm, held_out_high = trainer.held_out_losses()
    row = progress.Row(
        step=trainer.step,
        loss_lm=lm,
        loss_high=high,
        weight=weight,
        share=share_of(weight, lm, high),
        perplexity=math.exp(held_out_lm),
        held_out_high=held_out_high,
        learning_rate=learning_rate(trainer.step, recipe.steps, recipe.learning_rate),
        negatives=trainer.least_negatives,
    )
    if not trainer.reset_weight():
        log.warning(
            "%s: mean losses of %.4f and %.4f leave no weight with the share %g; it stays %.4f",
            *(trainer.goal.folder, lm, high, trainer.goal.alpha, weight),
        )
    training.rows.append(progress.as_text(row))
    if trainer.accelerator.is_main_process:
        progress.log_row(trainer.goal.folder, row, recipe.steps)
        progress.write_rows(training.folder, training.rows)


def _store(training: Training) -> None:
    """Store the state and the checkpoint that are due at the present step."""
    trainer, step = training.trainer, training.trainer.step
    is_checkpoint = step in training.steps
    held_out = trainer.held_out_losses() if is_checkpoint else (math.nan, math.nan)  # by all processes together
    if not trainer.accelerator.is_main_process:
        return
    if step and (is_checkpoint or step % training.save_every == 0):
        save_state(trainer, training.folder)
    if is_checkpoint and not is_written(training.folder, step):
        record = describe(trainer, training.source, training.settings, held_out)
        write_checkpoint(training.folder, trainer, training.source, record)
