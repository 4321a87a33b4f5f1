"""Activations in tests: as arrays, as transformers gives them, and the forward passes that they took."""

from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from bids_app.language.activations import Activations
from bids_app.language.models import LanguageModel
from bids_app.language.tokens import tokenize_words

CONTEXTS = ["auto", "left", "exact", 10]


def layers(activations: Activations) -> list[npt.NDArray[np.float32]]:
    """Return the activations (n_words, n_units) of each layer."""
    return [np.array(activations.layer(layer)) for layer in range(activations.n_layers)]


def by_transformers(
    language_model: LanguageModel, words: list[str], subtoken: str = "mean"
) -> list[npt.NDArray[np.float32]]:
    """Read a short text in one forward pass and return hidden_states of all but the last layer per word."""
    tokenizer = language_model.tokenizer
    with torch.inference_mode():
        whole = tokenizer(" ".join(words), return_tensors="pt")
        states = language_model.model(**whole, output_hidden_states=True).hidden_states[1:-1]
    tokens = tokenize_words(tokenizer, words)
    inside = slice(len(tokens.prefix), len(tokens.prefix) + len(tokens))
    rows = []
    for state in states:
        values = state[0, inside].numpy()
        each = [values[tokens.word == word] for word in range(len(words))]
        rows.append(np.stack([vectors.mean(axis=0) if subtoken == "mean" else vectors[-1] for vectors in each]))
    return rows


class Calls:
    """Counts forward passes and the tokens in each."""

    def __init__(self, language_model: LanguageModel) -> None:
        """Start to count."""
        self.sizes: list[int] = []
        self.handle = language_model.model.register_forward_pre_hook(self._see, with_kwargs=True)

    def _see(self, _module: object, _args: object, kwargs: dict[str, torch.Tensor]) -> None:
        self.sizes.append(kwargs["input_ids"].numel())

    def __enter__(self) -> Self:
        """Return the counts themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop counting."""
        self.handle.remove()
