"""The state of a training, stored so that it continues bit for bit."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bids_app.atomic import atomic_path
from bids_app.checksums import MANIFEST, artefact_damage, write_manifest
from bids_app.finetune.negatives import StateQueue
from bids_app.finetune.trainer import Trainer

log = logging.getLogger("neurons2networks")
FOLDER = "resume"
_TENSORS, _NUMBERS = "state.safetensors", "state.json"


def save_state(trainer: Trainer, folder: Path) -> None:
    """Store a training below `folder`, whole or not at all, and remove its earlier state."""
    from safetensors.torch import save_file

    path = folder / FOLDER / f"step-{trainer.step}"
    if path.exists() and artefact_damage(path) is None:
        return
    shutil.rmtree(path, ignore_errors=True)
    with atomic_path(path) as draft:
        draft.mkdir()
        save_file(_tensors(trainer), draft / _TENSORS)
        queue, rule = trainer.fill_queue(), trainer.rule
        numbers = {
            "step": trainer.step,
            "negatives": trainer.least_negatives,
            "queue": [queue.count, queue.next],
            "rule": [rule.weight, rule.lm, rule.high, rule.n],
        }
        (draft / _NUMBERS).write_text(json.dumps(numbers), encoding="utf-8")
        write_manifest(draft, draft / MANIFEST, path.name)
    for other in _stored(folder):
        if other != path:
            shutil.rmtree(other)


def load_state(trainer: Trainer, folder: Path) -> None:
    """Continue from the latest whole state below `folder`, if there is any."""
    for path in _stored(folder):
        if damage := artefact_damage(path):
            log.warning("%s is left out, because it is damaged: %s", path, damage)
            continue
        _restore(trainer, path)
        log.info("%s: continued after step %d", trainer.goal.folder, trainer.step)
        return


def remove_states(folder: Path) -> None:
    """Remove the states of a training that is complete."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _stored(folder: Path) -> list[Path]:
    """Stored states, the latest first."""
    return sorted((folder / FOLDER).glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")), reverse=True)


def _tensors(trainer: Trainer) -> dict[str, Tensor]:
    queue = trainer.fill_queue()
    names = torch.from_numpy(queue.names.view(np.int64).copy())
    tensors: dict[str, Any] = {"queue/states": queue.states, "queue/names": names}
    for name, weight in trainer.model.trained():
        tensors[f"weight/{name}"] = weight.detach()
        for key, value in trainer.optimizer.state[weight].items():
            tensors[f"{key}/{name}"] = value
    return {name: tensor.cpu().contiguous().clone() for name, tensor in tensors.items()}


@torch.no_grad()
def _restore(trainer: Trainer, path: Path) -> None:
    from safetensors.torch import load_file

    tensors = load_file(path / _TENSORS)
    numbers = json.loads((path / _NUMBERS).read_text(encoding="utf-8"))
    trainer.step, trainer.least_negatives = numbers["step"], numbers["negatives"]
    trainer.rule.weight, trainer.rule.lm, trainer.rule.high, trainer.rule.n = numbers["rule"]
    states = tensors["queue/states"]
    trainer.queue = StateQueue(len(states), states.shape[1], trainer.device)
    trainer.queue.states.copy_(states)
    trainer.queue.names[:] = tensors["queue/names"].numpy().view(np.uint64)
    trainer.queue.count, trainer.queue.next = numbers["queue"]
    for name, weight in trainer.model.trained():
        weight.copy_(tensors[f"weight/{name}"])
        moments = {key: tensors[f"{key}/{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
        trainer.optimizer.state[weight] = {
            key: value if key == "step" else value.to(weight.device) for key, value in moments.items()
        }
