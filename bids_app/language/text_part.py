"""The part of a model that reads text: the text tower of a multimodal model, the encoder of an encoder-decoder."""

import inspect
import logging
from typing import Any

_TOWERS = ("language_model", "text_model")

_logger = logging.getLogger(__name__)


def text_part(model: Any, name: str) -> tuple[Any, str]:
    """Return the part of a model that reads text and has one stack of blocks, and the prefix of its weights' names.

    Raises ValueError if no part of the model reads text.
    """
    path, text_model = _tower(model)
    if path:
        _logger.info("%s: its text part %s (%s) is read.", name, path, type(text_model).__name__)
    if getattr(text_model.config, "is_encoder_decoder", False):
        encoder = text_model.get_encoder()
        path = next(inner for inner, module in model.named_modules() if module is encoder)
        text_model = encoder
        _logger.info("%s is an encoder with a decoder: only its encoder is read.", name)
    if "input_ids" not in inspect.signature(text_model.forward).parameters:
        reads = getattr(text_model, "main_input_name", "something else")
        raise ValueError(
            f"The model {name} ({type(text_model).__name__}) reads {reads}, not text: choose a language model."
        )
    if getattr(text_model, "pre_norm", False):
        forget_cache(text_model)
    return text_model, f"{path}." if path else ""


class _NoCache:
    """An empty cache of keys and values for FlauBERT, which cannot index its own default."""

    def get_seq_length(self) -> int:
        return 0

    def __getitem__(self, layer: int) -> None:
        return None


def forget_cache(flaubert: Any) -> None:
    """Make a FlauBERT with pre-normalisation (small, large) run in transformers 5."""
    flaubert.register_forward_pre_hook(lambda _, args, given: (args, {**given, "cache": _NoCache()}), with_kwargs=True)


def _tower(model: Any) -> tuple[str, Any]:
    """The shallowest text tower of a model, without its head; the model itself without one."""
    towers = [(path, module) for path, module in model.named_modules() if path.rpartition(".")[2] in _TOWERS]
    if not towers or not hasattr(towers[0][1], "config"):
        return "", model
    tower = min(towers, key=lambda entry: entry[0].count("."))[1]
    body = getattr(tower, "base_model", tower)
    return next((inner, module) for inner, module in model.named_modules() if module is body)
