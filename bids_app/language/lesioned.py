"""One text read under many lesions: states of a layer, projections of all neurons, and surprisal, for each word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bids_app.language.lesions import Ints, body_of, lesion_sets
from bids_app.language.models import LanguageModel
from bids_app.language.neurons import Recorder, find_blocks, record
from bids_app.language.predictor import predicted
from bids_app.language.reading import Reader, Request, pad_windows, tokens_taken
from bids_app.language.surprisal import CHUNK_TOKENS, logits_of, masked_copies, surprisal_at, words_of_tokens
from bids_app.language.tokens import Tokens
from bids_app.language.windows import Window, batch_windows
from bids_app.stats.device import one_thread

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Sets = Sequence[Mapping[int, Ints]]


@dataclass(frozen=True)
class LesionedWords:
    """What a model computes for the words of a text under each lesion.

    Attributes
    ----------
    states : (n_lesions, n_words, n_units) output of one block at the last token of each word
    courses : (n_lesions, n_words, n_projections) projections of the neurons of all layers, mean over tokens
    surprisal : (n_lesions, n_words) nats; None without it
    """

    states: Floats
    courses: Floats
    surprisal: Doubles | None


@dataclass(frozen=True)
class LesionReader:
    """A model that reads one text under many lesions.

    Attributes
    ----------
    language_model : with its head where the surprisal is wanted
    reference : activations (n_words, n_units) of the text for each layer, see `lesions.lesion`
    layer : the block whose output is wanted, from 0
    projections : for each layer (n_units, n_projections)
    windows : of the text, see `windows.plan_windows`
    kind, neurons, seed : see `lesions.lesion`
    with_surprisal : whether the surprisal of a causal model is wanted
    """

    language_model: LanguageModel
    tokens: Tokens
    reference: Sequence[Any]
    layer: int
    projections: Sequence[Floats]
    windows: Sequence[Window]
    kind: str = "mean"
    neurons: str = "ffn-out"
    seed: int = 0
    with_surprisal: bool = False
    chunk_tokens: int | None = None

    def reading(self, tokens: Tokens, windows: Sequence[Window]) -> LesionReader:
        """The same lesions, while another text is read."""
        return replace(self, tokens=tokens, windows=windows)

    @cached_property
    def _body(self) -> torch.nn.Module:
        return body_of(self.language_model.model)

    @cached_property
    def _weights(self) -> list[Tensor]:
        return [torch.from_numpy(np.asarray(weights)).to(self.language_model.device) for weights in self.projections]

    @cached_property
    def width(self) -> int:
        """Units of the output of the wanted block."""
        bare = replace(self.language_model, model=self._body)
        return Reader(bare, self.tokens, [Request("residual", "last")]).units()[0][self.layer]

    @one_thread()
    @torch.inference_mode()
    def read(self, sets: Sets) -> LesionedWords:
        """Read the text under each of these lesions; an empty set is the intact model."""
        shape = (len(sets), self.tokens.n_words)
        states = np.zeros((*shape, self.width), dtype=np.float32)
        courses = np.zeros((*shape, self.projections[0].shape[1]), dtype=np.float32)
        nats = np.full((len(sets), len(self.tokens)), np.nan)
        for rows, windows in self._passes(len(sets)):
            self._read(sets[rows], windows, states[rows], courses[rows], nats[rows])
        for word, holder in self.tokens.shared:
            states[:, word], courses[:, word] = states[:, holder], courses[:, holder]
        for name, values in (("states", states), ("activations", courses)):
            if not np.isfinite(values).all():
                raise RuntimeError(
                    f"{self.language_model.name} gives {name} that are not finite under a lesion with dtype "
                    f"{self.language_model.dtype}: use float32 or bfloat16."
                )
        return LesionedWords(states, courses, words_of_tokens(nats, self.tokens) if self.with_surprisal else None)

    @one_thread()
    @torch.inference_mode()
    def read_masked(self, sets: Sets, copies: Sequence[Window]) -> Doubles:
        """Surprisal of a masked model under each lesion, (n_sets, n_words) nats; NaN for words without all copies.

        `copies` are those of `surprisal.copies_around`, or `copies_of`: each takes one token, which is masked.
        """
        nats = np.full((len(sets), len(self.tokens)), np.nan)
        for rows, windows in self.reading(self.tokens, copies)._passes(len(sets)):
            token, position, ids, mask = masked_copies(self.language_model, self.tokens, windows)
            shape = (len(sets[rows]), *ids.shape)
            with self._lesions(sets[rows], windows, ids.shape[1]):
                logits = logits_of(self.language_model, *(np.tile(array, (shape[0], 1)) for array in (ids, mask)))
            for number, of_set in enumerate(logits.reshape(*shape, -1)):
                found = surprisal_at(of_set, np.arange(len(windows)), position, self.tokens.ids[token])
                nats[rows.start + number, token] = found
        return words_of_tokens(nats, self.tokens)

    @contextmanager
    def _lesions(self, sets: Sets, windows: Sequence[Window], length: int) -> Iterator[None]:
        """Lesion each set in its own rows of a pass over windows of this many tokens."""
        model = self.language_model.model
        with lesion_sets(model, sets, self.kind, self.reference, neurons=self.neurons, seed=self.seed) as lesions:
            lesions.rows = _words_at(self.tokens, windows, length).ravel()
            yield

    def _passes(self, n_sets: int) -> Iterator[tuple[slice, list[Window]]]:
        """Lesions and windows of each pass: as many lesions as fit share a window."""
        model = self.language_model
        chunk = self.chunk_tokens or CHUNK_TOKENS.get(model.device.type, 1024)
        if not model.heeds_padding:
            chunk = 1
        for windows in batch_windows(list(self.windows), self.tokens.n_special, chunk):
            n_tokens = len(windows) * (max(map(len, windows)) + self.tokens.n_special)
            at_once = max(1, chunk // n_tokens)
            for first in range(0, n_sets, at_once):
                yield slice(first, min(first + at_once, n_sets)), windows

    def _read(self, sets: Sets, windows: list[Window], states: Floats, courses: Floats, nats: Doubles) -> None:
        """One pass; results are added to, or put into, arrays whose first axis is that of the sets."""
        model, tokens = self.language_model, self.tokens
        ids, mask = pad_windows(tokens, windows, model.tokenizer.pad_token_id or 0)
        taken = {subtoken: tokens_taken(tokens, windows, subtoken) for subtoken in ("mean", "last")}
        shape = (len(sets), *ids.shape)
        with ExitStack() as hooks:
            hooks.enter_context(self._lesions(sets, windows, ids.shape[1]))
            neurons = self._record(hooks, self.neurons, shape, *taken["mean"][1:3], self._weights)
            blocks = self._record(hooks, "residual", shape, *taken["last"][1:3])
            repeated = (np.tile(array, (len(sets), 1)) for array in (ids, mask))
            if self.with_surprisal:
                self._predict(logits_of(model, *repeated), windows, shape, nats)
            else:
                ids_of_all, mask_of_all = (torch.from_numpy(array).to(model.device) for array in repeated)
                self._body(input_ids=ids_of_all, attention_mask=mask_of_all)
        total = torch.stack(neurons.layers).sum(dim=0).numpy()
        _add(courses, total, tokens.word[taken["mean"][0]], taken["mean"][3])
        _add(states, blocks.outputs[self.layer].numpy(), tokens.word[taken["last"][0]], taken["last"][3])

    def _record(
        self,
        hooks: ExitStack,
        kind: str,
        shape: tuple[int, ...],
        window: Ints,
        position: Ints,
        weights: Sequence[Tensor] | None = None,
    ) -> Recorder:
        """Record the tokens taken (n_sets, n_taken, n): of all layers projected, or of the wanted layer as it is."""
        layers = cycle(range(len(find_blocks(self._body).blocks)))

        def keep(activations: Tensor) -> Tensor:
            layer = next(layers)
            if weights is None and layer != self.layer:
                return torch.empty(0)
            # Longformer pads windows; some families concatenate them
            cut = activations[:, : shape[2]] if activations.ndim == 3 else activations
            values = cut.reshape(*shape, -1)[:, torch.from_numpy(window), torch.from_numpy(position)].float()
            return (values if weights is None else values @ weights[layer]).cpu()

        return hooks.enter_context(record(self._body, kind, keep))

    def _predict(self, logits: Tensor, windows: list[Window], shape: tuple[int, ...], nats: Doubles) -> None:
        token, row, position = predicted(self.tokens, windows)
        for number, of_set in enumerate(logits.reshape(*shape, -1)):
            nats[number, token] = surprisal_at(of_set, row, position, self.tokens.ids[token])


def _add(total: npt.NDArray[Any], values: npt.NDArray[Any], word: Ints, weight: Floats) -> None:
    """Add weighted values of tokens (n_sets, n_taken, n) to their words (n_sets, n_words, n); words ascend."""
    if not len(word):
        return
    begins = np.flatnonzero(np.diff(word, prepend=-1))
    total[:, word[begins]] += np.add.reduceat(values * weight[None, :, None], begins, axis=1)


def _words_at(tokens: Tokens, windows: Sequence[Window], length: int) -> Ints:
    """Word at each position of each window (n_windows, n_positions); special tokens count with their neighbour."""
    words = np.zeros((len(windows), length), dtype=np.int64)
    for row, window in enumerate(windows):
        inside = tokens.word.take(range(window.start, window.stop), mode="wrap")
        before = np.full(len(tokens.prefix), inside[0])
        text = np.concatenate([before, inside])[:length]
        words[row, : len(text)] = text
        words[row, len(text) :] = inside[-1]
    return words
