"""The fine-tuned models of a run: checkpoints with the same α and control, beside those of α = 0."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bids_app.finetune.layout import Checkpoint, folder_of, is_checkpoint
from bids_app.inputs.models import ModelRun, model_runs
from bids_app.language.labels import model_labels
from bids_app.shared_options.inputs import ModelOptions
from bids_app.wording import differences, listed

log = logging.getLogger("neurons2networks")


@dataclass(frozen=True)
class Training:
    """Checkpoints of one training, each a model of the run.

    Attributes
    ----------
    label : in file names
    checkpoints, models : in the order of their steps
    baseline : the training as long on words alone; None for that one itself
    """

    label: str
    checkpoints: tuple[Checkpoint, ...]
    models: tuple[ModelRun, ...]
    baseline: Training | None = None

    @property
    def alpha(self) -> float:
        """Share of the loss of high level."""
        return self.checkpoints[0].alpha

    @property
    def control(self) -> str:
        """The control, "" for none."""
        return self.checkpoints[0].control

    @property
    def steps(self) -> list[int]:
        """Steps of the checkpoints."""
        return [checkpoint.step for checkpoint in self.checkpoints]

    @cached_property
    def files(self) -> dict[str, str]:
        """SHA-256 of each file of all checkpoints, also of the baseline's."""
        own = {
            f"{checkpoint.training.name}/{checkpoint.path.name}/{file}": digest
            for checkpoint, model in zip(self.checkpoints, self.models, strict=True)
            for file, digest in model.files.items()
        }
        return {**own, **(self.baseline.files if self.baseline else {})}


def trainings_of(settings: ModelOptions) -> list[Training]:
    """The trainings among the models of a run, those of α = 0 first; each with the steps that α = 0 has too.

    Raises ValueError, a sentence that says what to do, if no model is a checkpoint, or a training has no baseline.
    """
    found: dict[Path, list[tuple[Checkpoint, ModelRun]]] = {}
    for model in model_runs(settings):
        folder = folder_of(model.name)
        if folder is not None and not model.untrained and is_checkpoint(folder):
            checkpoint = Checkpoint.read(folder)
            found.setdefault(checkpoint.training, []).append((checkpoint, model))
    if not found:
        raise ValueError(
            f"--analysis gain compares models that n2n finetune has trained, and --model {' '.join(settings.model)} is "
            "none; give its folder: --model DIR"
        )
    labels = model_labels([str(folder) for folder in found])
    trainings = [
        _training(labels[str(folder)], sorted(pairs, key=lambda pair: pair[0].step)) for folder, pairs in found.items()
    ]
    baselines = {_family(training): training for training in trainings if _is_baseline(training)}
    others = [_beside(training, baselines) for training in trainings if not _is_baseline(training)]
    return [*baselines.values(), *sorted(others, key=lambda training: (training.control, training.alpha))]


def _training(label: str, pairs: Sequence[tuple[Checkpoint, ModelRun]]) -> Training:
    return Training(label, tuple(checkpoint for checkpoint, _ in pairs), tuple(model for _, model in pairs))


def _family(training: Training) -> Path:
    return training.checkpoints[0].training.parent


def _is_baseline(training: Training) -> bool:
    return training.alpha == 0 and not training.control


def _beside(training: Training, baselines: dict[Path, Training]) -> Training:
    """A training with its baseline, both with the same steps only."""
    name = training.checkpoints[0].training
    baseline = baselines.get(_family(training))
    if baseline is None:
        raise ValueError(
            f"--analysis gain: {name} has no model of α = 0 beside it, trained as long on words alone; train it with "
            "n2n finetune --alpha 0 and the same settings, or give the whole folder: --model DIR"
        )
    for checkpoint in (*training.checkpoints, *baseline.checkpoints):
        if changes := differences(baseline.checkpoints[0].settings, checkpoint.settings):
            raise ValueError(
                f"--analysis gain: {checkpoint.path} was made with other settings than {baseline.checkpoints[0].path} "
                f"({'; '.join(changes)}); compare models of one n2n finetune"
            )
    steps = set(training.steps) & set(baseline.steps)
    if not steps:
        raise ValueError(
            f"--analysis gain: {name} has no checkpoint after as many steps as one of α = 0 ({listed(training.steps)}; "
            f"{listed(baseline.steps)}); give the whole folder: --model DIR"
        )
    if alone := sorted({*training.steps, *baseline.steps} - steps):
        log.warning("%s: steps %s are left out, which only one of it and α = 0 has", name, listed(alone))
    return Training(
        training.label,
        *_with_steps(training, steps),
        Training(baseline.label, *_with_steps(baseline, steps)),
    )


def _with_steps(training: Training, steps: set[int]) -> tuple[tuple[Checkpoint, ...], tuple[ModelRun, ...]]:
    kept = [index for index, step in enumerate(training.steps) if step in steps]
    return tuple(training.checkpoints[i] for i in kept), tuple(training.models[i] for i in kept)
