"""The folder of a fine-tuning: DIR/alpha-0.5/step-1000 holds a model, and each level a record of how it was made.

Imports nothing heavy: the command line finds checkpoints with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_app.text_files import FileError, is_there, read_json

RECORD = "finetune.json"
CONFIG = "config.json"
_STEP = re.compile(r"step-([0-9]+)")


@dataclass(frozen=True)
class Checkpoint:
    """A model after some steps of a fine-tuning.

    Attributes
    ----------
    path : its folder
    training : the folder of all checkpoints with the same α and control
    alpha : share of the loss of high level
    control : "" for none
    step : number of steps
    n_layers : blocks of the model
    perplexity : on text that was held out, with the context of the training
    settings : of the fine-tuning, shared by all its models
    """

    path: Path
    training: Path
    alpha: float
    control: str
    step: int
    n_layers: int
    perplexity: float
    settings: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """The checkpoint in a folder. Raises FileError if its record is unusable."""
        record = read_json(path / RECORD)
        try:
            return cls(
                path=path,
                training=path.parent,
                alpha=float(record["Alpha"]),  # type: ignore[arg-type]
                control=str(record["Control"]),
                step=int(record["Step"]),  # type: ignore[call-overload]
                n_layers=int(record["Blocks"]),  # type: ignore[call-overload]
                perplexity=float(record["Perplexity"]),  # type: ignore[arg-type]
                settings=dict(record["Settings"]),  # type: ignore[call-overload]
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FileError(
                f"{path / RECORD} is not the record of a checkpoint ({type(error).__name__}: {error}): train the model "
                "again with n2n finetune."
            ) from error


def folder_of(name: str) -> Path | None:
    """The folder that a model is given as; None for a name of the Hub, or what cannot be a path."""
    try:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, ValueError, RuntimeError):  # too long, or the home folder of an unknown user
        return None


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder holds a model that `n2n finetune` has made."""
    return is_there(folder / RECORD) and is_there(folder / CONFIG)


def step_folder(training: Path, step: int) -> Path:
    """Folder of a checkpoint."""
    return training / f"step-{step}"


def steps_in(training: Path) -> list[Path]:
    """Checkpoints with one α and control, in the order of their steps."""
    folders = [path for path in training.glob("step-*") if _STEP.fullmatch(path.name) and is_checkpoint(path)]
    return sorted(folders, key=lambda path: int(path.name.removeprefix("step-")))


def expand_models(names: Sequence[str]) -> tuple[str, ...]:
    """Names of models, in which a folder of a fine-tuning stands for all its checkpoints.

    DIR stands for all models, DIR/alpha-0.5 for those of one α. Other names stay as they are.
    """
    return tuple(dict.fromkeys(expanded for name in names for expanded in _expanded(name)))


def _expanded(name: str) -> Iterator[str]:
    folder = folder_of(name)
    if folder is None or is_there(folder / CONFIG):
        yield name
        return
    trainings = [folder, *sorted(folder.glob("*alpha-*"))]
    found = [str(path) for training in trainings for path in steps_in(training)]
    yield from found or [name]
