"""Causal models with the head that predicts the next token, for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_app.language.heads import with_head
from bids_app.language.models import load_model
from bids_app.language.weights import find_model
from bids_app.stats.device import resolve_device


@dataclass(frozen=True)
class CausalModel:
    """A causal model with its head, in float32.

    `revision` is the commit on the Hub (None for a folder); `n_layers` counts transformer blocks; `max_tokens` is the
    longest window it reads; `weights_hash` identifies weights, configuration and tokenizer.
    """

    name: str
    revision: str | None
    model: Any
    tokenizer: Any
    n_layers: int
    max_tokens: int
    weights_hash: str


def load_causal_model(
    name: str,
    revision: str | None = None,
    device: str = "auto",
    resources: Sequence[Path] = (),
    download: bool = True,
) -> CausalModel:
    """Load a causal model with its head, from safetensors only, and without code that comes with it.

    Arguments and errors as of `models.load_model`; besides, ValueError for a model that is not causal, or whose weights
    lack the head.
    """
    target = resolve_device(device)
    bare = load_model(name, revision, "float32", "cpu", resources=resources, download=download)  # checks it
    if not bare.is_causal:
        raise ValueError(
            f"The model {name} ({type(bare.model).__name__}) is not causal: a word's state depends on later words, "
            "which it would only have to copy. Choose a model that predicts the next word, such as gpt2."
        )
    model = with_head(bare, find_model(name, revision, resources=resources, download=download).folder).model
    model.requires_grad_(True)
    return CausalModel(
        name=name,
        revision=bare.revision,
        model=model.to(target),
        tokenizer=bare.tokenizer,
        n_layers=bare.n_layers,
        max_tokens=bare.max_tokens,
        weights_hash=bare.weights_hash,
    )
