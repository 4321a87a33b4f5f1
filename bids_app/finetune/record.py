"""The record of a fine-tuning: its folder holds checkpoints of one recipe, one model and one text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bids_app.atomic import write_text
from bids_app.finetune.layout import RECORD
from bids_app.finetune.recipe import Recipe
from bids_app.finetune.text import Windows
from bids_app.language.causal import CausalModel
from bids_app.machine.once import locked
from bids_app.text_files import read_json
from bids_app.wording import differences


def training_record(source: CausalModel, windows: Windows, recipe: Recipe) -> dict[str, Any]:
    """Everything that decides the weights of all models, besides α and control."""
    return {
        **recipe.settings(),
        "model": source.weights_hash,
        "text": windows.text.identity,
        "documents": len(windows.text.bounds) - 1,
        "tokens": len(windows.text.tokens),
        "windows": len(windows.train),
        "held_out_windows": len(windows.held_out),
    }


def claim_folder(target: Path, settings: dict[str, Any]) -> None:
    """Write the record of a folder, or compare it with the one that is there.

    Raises ValueError, naming the differences, if the folder holds models of other settings.
    """
    path = target / RECORD
    with locked(target / f".{RECORD}.lock", keep=False):
        if not path.exists():
            write_text(path, json.dumps(settings, indent=2) + "\n")
            return
        differing = differences(read_json(path), settings)
    if differing:
        raise ValueError(
            f"--to {target}: holds models of other settings ({'; '.join(differing)}); choose another folder, or repeat "
            "the settings in its finetune.json."
        )
