"""One forward pass: windows of a text → contributions to the activations of their words in all layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bids_app.language.models import LanguageModel
from bids_app.language.neurons import Recorder, record
from bids_app.language.tokens import IntArray, Tokens
from bids_app.language.windows import Window

if TYPE_CHECKING:
    from bids_app.language.token_states import TokenStates

SUBTOKENS = ("mean", "last")

FloatArray = npt.NDArray[np.float32]


class Request(NamedTuple):
    """The kind of neurons to record, and how the tokens of a word become one."""

    kind: str
    subtoken: str


Rows = tuple[IntArray, list[FloatArray]]


@dataclass(frozen=True)
class Reader:
    """A model that reads one text, and everything that each of its passes records.

    `watch`, if given, gets what the model returns in each pass, and the windows that it has read; `also` records
    single tokens of a layer.
    """

    language_model: LanguageModel
    tokens: Tokens
    requests: Sequence[Request]
    watch: Callable[[Any, Sequence[Window]], None] | None = None
    also: Sequence[TokenStates] = ()

    def units(self) -> list[tuple[int, ...]]:
        """For each request the number of units of each layer; ValueError for an unknown order of axes.

        Found by reading a few tokens.
        """
        token = self.tokens.ids[0] if len(self.tokens) else 1
        ids = np.full((2, 3), token, np.int64)
        with ExitStack() as hooks:
            recorders = [hooks.enter_context(record(self.language_model.model, kind)) for kind, _ in self.requests]
            _forward(self.language_model, ids, np.ones_like(ids))
        return [self._units_of(recorder, ids) for recorder in recorders]

    def _units_of(self, recorder: Recorder, ids: IntArray) -> tuple[int, ...]:
        for layer in recorder.layers:
            n_windows, n_tokens = (*layer.shape, 0)[:2]
            is_whole = layer.ndim == 3 and n_windows == len(ids) and n_tokens >= ids.shape[1]
            if not is_whole and tuple(layer.shape[:-1]) != (ids.size,):
                raise ValueError(
                    f"{self.language_model.name} gives activations of shape {tuple(layer.shape)} for {len(ids)} "
                    f"windows of {ids.shape[1]} tokens, which this version cannot read: choose another model."
                )
        return tuple(layer.shape[-1] for layer in recorder.layers)

    def read(self, windows: list[Window]) -> list[Rows]:
        """Read windows at once; return for each request the words taken, (n,) ascending, and per layer (n, n_units).

        A word whose tokens are taken from two windows gets a contribution from each; they add up to its activation.
        Raises RuntimeError if activations are not finite.
        """
        ids, mask = pad_windows(self.tokens, windows, self.language_model.tokenizer.pad_token_id or 0)
        with ExitStack() as hooks:
            parts = [self._recording(request, windows, ids, hooks) for request in self.requests]
            for states in self.also:
                hooks.enter_context(states.recording(self.language_model.model, windows, ids.shape))
            output = _forward(self.language_model, ids, mask)
        if self.watch is not None:
            with torch.inference_mode():
                self.watch(output, windows)
        for part in parts:
            # In the order of the layers' calls. A number from a GPU is there after all that was asked for before it.
            for layer, finite in zip(part.recorder.outputs, part.finite, strict=True):
                self._check(layer, bool(finite))
        return [(part.words, [rows.numpy() for rows in part.recorder.layers]) for part in parts]

    def _recording(self, request: Request, windows: list[Window], ids: IntArray, hooks: ExitStack) -> _Recording:
        """The words taken from windows, and the recorder of their rows, which hooks fill in the next pass."""
        token, window, position, weight = tokens_taken(self.tokens, windows, request.subtoken)
        word = self.tokens.word[token]
        begins = np.flatnonzero(np.diff(word, prepend=-1))
        rules: dict[torch.device, WordRule] = {}  # a model can lie on several devices
        finite: list[Tensor] = []

        def keep(activations: Tensor) -> Tensor:
            # Longformer pads windows to a multiple of a block; some families concatenate the windows
            cut = activations[:, : ids.shape[1]] if activations.ndim == 3 else activations
            whole = cut.reshape(*ids.shape, -1)
            if whole.device not in rules:
                rules[whole.device] = WordRule(window, position, weight, begins, whole.device)
            rows = rules[whole.device](whole)
            moved = rows.to("cpu", non_blocking=rows.device.type == "cuda")  # while the model goes on
            # The extremes of NaN are NaN; with a mask of all values it would take four times as long.
            finite.append(torch.isfinite(torch.stack(torch.aminmax(rows))).all() if len(rows) else torch.tensor(True))
            return moved

        recorder = hooks.enter_context(record(self.language_model.model, request.kind, keep))
        return _Recording(word[begins], recorder, finite)

    def _check(self, layer: int, is_finite: bool) -> None:
        if not is_finite:
            raise RuntimeError(
                f"{self.language_model.name} gives activations that are not finite in layer {layer + 1} with dtype "
                f"{self.language_model.dtype}: use float32 or bfloat16."
            )


class _Recording(NamedTuple):
    """Words taken (n,), their rows once the model has read, and whether those of each call of a layer are finite."""

    words: IntArray
    recorder: Recorder
    finite: list[Tensor]


class WordRule:
    """Activations (n_windows, n_tokens, n_units) → rows of words, (n_words, n_units) float32, on the same device.

    A row is the weighted sum over a word's tokens. All devices and batches add in the same order: the second token and
    those after it one by one, then the first.
    """

    def __init__(
        self, window: IntArray, position: IntArray, weight: FloatArray, begins: IntArray, device: torch.device
    ):
        """Window, position and weight of each token taken, and the first token of each word among these."""
        self._place = tuple(torch.as_tensor(indices, device=device) for indices in (window, position))
        self._weight = torch.as_tensor(weight, device=device)[:, None]
        self._first = torch.as_tensor(begins, device=device)
        counts = np.diff(begins, append=len(window))
        several = np.flatnonzero(counts > 1)  # words of more than one token
        self._several = torch.as_tensor(several, device=device)
        begins, counts = begins[several], counts[several]
        self._others = []  # for each further place in a word: which of these words have it, and the token there
        for place in range(1, counts.max(initial=0)):
            longer = np.flatnonzero(counts > place)
            self._others.append([torch.as_tensor(array, device=device) for array in (longer, begins[longer] + place)])

    def __call__(self, activations: Tensor) -> Tensor:
        """The rows of one layer."""
        values = activations[self._place].float() * self._weight
        rows = values[self._first]
        if self._others:
            rest = values[self._others[0][1]]
            for words, tokens in self._others[1:]:
                rest[words] += values[tokens]
            rows[self._several] += rest
        return rows


def tokens_taken(
    tokens: Tokens, windows: list[Window], subtoken: str
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Return the tokens taken from windows, with the window, the position in it and the weight in the word of each."""
    counts = [window.stop_taking - window.first for window in windows]
    token = np.concatenate([np.arange(window.first, window.stop_taking) for window in windows])
    window = np.repeat(np.arange(len(windows)), counts)
    position = token - np.array([window.start for window in windows])[window] + len(tokens.prefix)
    weight = (1.0 / tokens.tokens_per_word[tokens.word[token]]).astype(np.float32)
    if subtoken == "last":
        is_last = tokens.is_last[token]
        return token[is_last], window[is_last], position[is_last], np.ones(is_last.sum(), np.float32)
    return token, window, position, weight


def pad_windows(tokens: Tokens, windows: list[Window], pad_id: int) -> tuple[IntArray, IntArray]:
    """Return ids and attention mask (n_windows, n_tokens), special tokens added and padded at the right."""
    shape = (len(windows), max(len(window) for window in windows) + tokens.n_special)
    ids, mask = np.full(shape, pad_id, np.int64), np.zeros(shape, np.int64)
    for row, window in enumerate(windows):
        text = [*tokens.prefix, *tokens.ids.take(range(window.start, window.stop), mode="wrap"), *tokens.suffix]
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


@torch.inference_mode()
def _forward(language_model: LanguageModel, ids: IntArray, mask: IntArray) -> Any:
    """What the model of transformers returns."""
    inputs, heeded = (torch.from_numpy(array).to(language_model.device) for array in (ids, mask))
    return language_model.model(input_ids=inputs, attention_mask=heeded)
