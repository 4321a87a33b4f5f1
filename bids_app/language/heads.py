"""Models with the head that predicts tokens: the next one (causal models), or a masked one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bids_app.wording import in_one_line

if TYPE_CHECKING:
    from bids_app.language.models import LanguageModel


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of transformers."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def with_head(bare: LanguageModel, folder: Path, use_cache: bool = True) -> LanguageModel:
    """The same model with its head, from its folder: causal, or masked; `use_cache` as in its configuration.

    Raises ValueError for a family without such a head, or weights that lack it.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    family = AutoModelForCausalLM if bare.is_causal else AutoModelForMaskedLM
    predicted = "the next word" if bare.is_causal else "a masked word"
    try:
        with _quiet():  # what is missing is said below
            model, loading = family.from_pretrained(
                folder,
                dtype=getattr(torch, bare.dtype),
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # families without such a class
        raise ValueError(
            f"The model {bare.name} cannot be loaded with a head that predicts {predicted} ({in_one_line(error)}): "
            "choose another model."
        ) from error
    if missing := sorted(loading["missing_keys"]):
        raise ValueError(
            f"The weights of the model {bare.name} lack {missing[0]}, which predicts {predicted}: choose a model "
            "that was saved with its head."
        )
    if not use_cache:
        model.config.use_cache = False
    still: Any = model.eval().requires_grad_(False)
    return replace(bare, model=still.to(bare.device))
