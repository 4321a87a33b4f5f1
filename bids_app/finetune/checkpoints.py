"""Checkpoints in the format of Hugging Face, whole or not at all, with a record and a card."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bids_app import __version__
from bids_app.atomic import atomic_path
from bids_app.checksums import MANIFEST, is_kept, write_manifest
from bids_app.finetune.card import write_card
from bids_app.finetune.layout import RECORD, step_folder
from bids_app.finetune.model import ForecastingModel
from bids_app.finetune.trainer import Trainer
from bids_app.language.causal import CausalModel

HEAD = "forecast_head.safetensors"


def is_written(training: Path, step: int) -> bool:
    """Whether a checkpoint is there, whole."""
    folder = step_folder(training, step)
    return is_kept(folder)


def write_checkpoint(training: Path, trainer: Trainer, source: CausalModel, record: Mapping[str, Any]) -> None:
    """Write model, tokenizer, head of the forecast, card, and record (of `describe`) of the present step."""
    from safetensors.torch import save_file

    with atomic_path(step_folder(training, trainer.step), first_stays=True) as draft:
        draft.mkdir()
        source.model.save_pretrained(draft)
        source.tokenizer.save_pretrained(draft)
        head = {name: weight.detach().cpu().contiguous() for name, weight in trainer.model.head.named_parameters()}
        save_file(head, draft / HEAD)
        (draft / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        (draft / "README.md").write_text(write_card(record), encoding="utf-8")
        for file in draft.iterdir():
            file.chmod(0o644)  # safetensors are saved for their owner alone
        write_manifest(draft, draft / MANIFEST, draft.name)


def describe(
    trainer: Trainer, source: CausalModel, settings: Mapping[str, Any], held_out: tuple[float, float]
) -> dict[str, Any]:
    """The record of a checkpoint: what it was made with, and its losses on held-out text."""
    recipe, goal = trainer.recipe, trainer.goal
    lm, high = held_out
    return {
        "BaseModel": Path(source.name).name if source.revision is None else source.name,
        "BaseIsFolder": source.revision is None,
        "BaseRevision": source.revision,
        "Alpha": goal.alpha,
        "Control": goal.control,
        "Step": trainer.step,
        "Distance": goal.distance(recipe),
        "Layer": goal.layer(recipe),
        "Blocks": source.n_layers,
        "Weight": trainer.rule.weight,
        "Perplexity": math.exp(lm),
        "LossOfWords": lm,
        "LossOfHighLevel": high,
        "LossByChance": math.log(recipe.negatives + (recipe.loss == "mended")),
        "Trained": trained_in_words(trainer.model),
        "Settings": dict(settings),
        "Version": __version__,
    }


def trained_in_words(model: ForecastingModel) -> str:
    """How many weights are trained, of all.

    The linear head of the forecast is not among them: checkpoints hold it apart.
    """
    weights = list(model.model.parameters())
    trained = sum(weight.numel() for weight in weights if weight.requires_grad)
    return f"{trained:,} of {sum(weight.numel() for weight in weights):,} weights"
