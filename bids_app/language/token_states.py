"""Activations of one layer for every token of a text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bids_app.language.models import LanguageModel
from bids_app.language.neurons import find_blocks, record
from bids_app.language.reading import pad_windows, tokens_taken
from bids_app.language.surprisal import CHUNK_TOKENS
from bids_app.language.tokens import Tokens
from bids_app.language.windows import Window, batch_windows
from bids_app.stats.device import one_thread

Floats = npt.NDArray[np.float32]


@one_thread()
@torch.inference_mode()
def read_token_states(
    model: LanguageModel,
    tokens: Tokens,
    windows: Sequence[Window],
    kind: str,
    layer: int,
    *,
    chunk_tokens: int | None = None,
) -> Floats:
    """Activations of a layer (from 0), one row per token of the text, (n_tokens, n_units) float32.

    `kind` is one of `neurons.RECORDED`; `windows` are those of `windows.plan_windows`; at most `chunk_tokens` tokens
    are read at once. Raises ValueError for a layer that the model does not have, RuntimeError if activations are not
    finite.
    """
    n_layers = len(find_blocks(model.model).blocks)
    if not 0 <= layer < n_layers:
        raise ValueError(
            f"The model {model.name} has {n_layers} layers, counted from 1; there is no layer {layer + 1}."
        )
    chunk = chunk_tokens or CHUNK_TOKENS.get(model.device.type, 1024)
    states: Floats | None = None
    for batch in batch_windows(list(windows), tokens.n_special, chunk if model.heeds_padding else 1):
        token, values = _read(model, tokens, batch, kind, layer, n_layers)
        if states is None:
            states = np.zeros((len(tokens), values.shape[1]), dtype=np.float32)
        states[token] = values
    if states is None:
        raise ValueError("There is no token to read: the text is empty.")
    if not np.isfinite(states).all():
        raise RuntimeError(
            f"{model.name} gives activations that are not finite in layer {layer + 1} with dtype {model.dtype}: use "
            "float32 or bfloat16."
        )
    return states


def _read(
    model: LanguageModel, tokens: Tokens, windows: list[Window], kind: str, layer: int, n_layers: int
) -> tuple[npt.NDArray[np.int64], Floats]:
    """The tokens taken from some windows, and the activations of the layer at each."""
    ids, mask = pad_windows(tokens, windows, model.tokenizer.pad_token_id or 0)
    every = tokens_taken(tokens, windows, "mean")
    layers = cycle(range(n_layers))

    def keep(activations: Tensor) -> Tensor:
        if next(layers) != layer:
            return torch.empty(0)
        # Longformer pads windows; some families concatenate them
        cut = activations[:, : ids.shape[1]] if activations.ndim == 3 else activations
        return cut.reshape(*ids.shape, -1)[every[1], every[2]].to("cpu", torch.float32)

    with record(model.model, kind, keep) as recorder:
        model.model(
            input_ids=torch.from_numpy(ids).to(model.device), attention_mask=torch.from_numpy(mask).to(model.device)
        )
    return every[0], recorder.outputs[layer].numpy()
