"""Activations of one layer for every token of a text, taken from the passes that read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bids_app.language.models import LanguageModel
from bids_app.language.neurons import find_blocks, record
from bids_app.language.reading import tokens_taken
from bids_app.language.tokens import Tokens
from bids_app.language.windows import Window

Floats = npt.NDArray[np.float32]


class TokenStates:
    """Activations of a layer at each token, filled by the passes made inside `recording`.

    It does not hold the model, which may be loaded anew, with its head, before the passes.
    """

    def __init__(self, model: LanguageModel, tokens: Tokens, kind: str, layer: int) -> None:
        """`kind` is one of `neurons.RECORDED`, `layer` from 0; ValueError for a layer that the model does not have."""
        self._n_layers = len(find_blocks(model.model).blocks)
        if not 0 <= layer < self._n_layers:
            raise ValueError(
                f"The model {model.name} has {self._n_layers} layers, counted from 1; there is no layer {layer + 1}."
            )
        self._name, self._dtype = model.name, model.dtype
        self._tokens, self._kind, self._layer = tokens, kind, layer
        self._states: Floats | None = None
        self._is_read = np.zeros(len(tokens), dtype=bool)

    @property
    def is_whole(self) -> bool:
        """Whether every token was read."""
        return bool(self._is_read.all())

    @property
    def values(self) -> Floats:
        """One row per token, (n_tokens, n_units); ValueError without tokens.

        RuntimeError if a token was not read, or if activations are not finite.
        """
        if self._states is None:
            raise ValueError("There is no token to read: the text is empty.")
        if not self.is_whole:
            raise RuntimeError(f"{self._name} has read only {self._is_read.sum()} of {len(self._is_read)} tokens.")
        if not np.isfinite(self._states).all():
            raise RuntimeError(
                f"{self._name} gives activations that are not finite in layer {self._layer + 1} with dtype "
                f"{self._dtype}: use float32 or bfloat16."
            )
        return self._states

    @contextmanager
    def recording(self, model: torch.nn.Module, windows: list[Window], shape: tuple[int, ...]) -> Iterator[None]:
        """Record what a pass over these windows, of ids (n_windows, n_tokens), gives for the tokens taken from them."""
        token, window, position, _ = tokens_taken(self._tokens, windows, "mean")
        layers = cycle(range(self._n_layers))

        def keep(activations: Tensor) -> Tensor:
            if next(layers) != self._layer:
                return torch.empty(0)
            # Longformer pads windows; some families concatenate them
            cut = activations[:, : shape[1]] if activations.ndim == 3 else activations
            return cut.reshape(*shape, -1)[window, position].to("cpu", torch.float32)

        with record(model, self._kind, keep) as recorder:
            yield
        rows = recorder.outputs[self._layer].numpy()
        if self._states is None:
            self._states = np.zeros((len(self._tokens), rows.shape[1]), dtype=np.float32)
        self._states[token], self._is_read[token] = rows, True
