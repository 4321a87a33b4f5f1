"""The head of a causal model, apart from its body: surprisal of tokens from the last states of a forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bids_app.language.lesions import body_of
from bids_app.language.models import LanguageModel
from bids_app.language.tokens import Tokens
from bids_app.language.windows import Window

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# Values of the vocabulary at all positions that are held at once: 64 MiB of float32 on the CPU, 512 MiB on a GPU.
_VALUES = {"cpu": 1 << 24, "cuda": 1 << 27}
_PROBE_TOKENS = 8


@dataclass(frozen=True)
class Predictor:
    """A causal model whose head is run on states that its body gave before.

    Attributes
    ----------
    whole : the model of transformers with its head
    called : the part of it that the head calls for its states: the body, or the decoder inside (OPT)
    n_tokens : size of its vocabulary
    """

    whole: nn.Module
    called: nn.Module
    n_tokens: int

    @classmethod
    def of(cls, model: LanguageModel) -> Predictor | None:
        """The predictor of a causal model with its head; None if head and body cannot be parted.

        A few tokens are read to see whether both ways give the same. A family whose head needs more than the last
        states, or changes what the body reads, is read as a whole.
        """
        whole, body = model.model, body_of(model.model)
        # Accelerate wraps the parts of a model that is spread over several GPUs: they are left alone.
        if not model.is_causal or body is whole or hasattr(whole, "hf_device_map"):
            return None
        ids = torch.arange(_PROBE_TOKENS, device=model.device)[None] % len(model.tokenizer)
        mask = torch.ones_like(ids)
        with torch.inference_mode():
            expected = whole(input_ids=ids, attention_mask=mask).logits
            output = body(input_ids=ids, attention_mask=mask)
            for called in (body, getattr(whole, "get_decoder", lambda: None)()):
                if called is not None:
                    predictor = cls(whole, called, expected.shape[-1])
                    if predictor._gives(expected, output):
                        return predictor
        return None

    def _gives(self, expected: Tensor, output: Any) -> bool:
        """Whether the predictions from what the body returned are as expected, (1, n, n_vocabulary)."""
        try:
            # In another order, which the whole model does not know: it would not give the same if it read the ids.
            order = torch.arange(expected.shape[1] - 1, -1, -1, device=expected.device)
            found = self.logits(output, (torch.zeros_like(order), order))
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
            return False
        wanted = expected[:, order]
        tolerance = max(1e-5, 4 * torch.finfo(wanted.dtype).eps) * float(wanted.abs().max())
        return found.shape == wanted.shape and bool((found - wanted).abs().max() <= tolerance)

    def logits(self, output: Any, where: tuple[Tensor, Tensor]) -> Tensor:
        """Predictions (1, n, n_vocabulary) at these rows and positions of what the body returned."""
        states = output.last_hidden_state[where][None]
        ids = torch.zeros(states.shape[:2], dtype=torch.int64, device=states.device)  # nothing reads them
        with _returning(self.called, type(output)(last_hidden_state=states)):
            # A family's own steps after the head, such as a scale or a cap, are kept.
            logits: Tensor = self.whole(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        return logits

    def nats(self, output: Any, row: Ints, position: Ints, ids: Ints) -> Doubles:
        """−log p of the tokens `ids` (n,) under the predictions at rows and positions, float64.

        The vocabulary is held for a part of the positions at a time.
        """
        device = output.last_hidden_state.device
        where = [torch.from_numpy(array).to(device) for array in (row, position, ids)]
        size = max(1, _VALUES.get(device.type, 1 << 24) // self.n_tokens)
        parts = [
            nats_at(self.logits(output, (rows, positions))[0], targets)
            for rows, positions, targets in zip(*(torch.split(array, size) for array in where), strict=True)
        ]
        return np.asarray(torch.cat(parts).cpu().numpy()) if len(ids) else np.zeros(0)


class Predictions:
    """Surprisal of the tokens of a text, taken from the passes that read it."""

    def __init__(self, predictor: Predictor, tokens: Tokens):
        """Begin without any: `nats` (n_tokens,) is NaN where nothing precedes a token, or until it is read."""
        self.predictor, self.tokens = predictor, tokens
        self.nats = np.full(len(tokens), np.nan)

    def add(self, output: Any, windows: Sequence[Window]) -> None:
        """Take the tokens of windows from what the body returned for them."""
        token, row, position = predicted(self.tokens, windows)
        self.nats[token] = self.predictor.nats(output, row, position, self.tokens.ids[token])


def nats_at(logits: Tensor, targets: Tensor) -> Tensor:
    """−log p of the tokens `targets` (n,) under predictions (n, n_vocabulary), float64."""
    values = logits.float()
    target = values.gather(1, targets.to(values.device)[:, None])[:, 0]
    return (torch.logsumexp(values, dim=1) - target).double()


def predicted(tokens: Tokens, windows: Sequence[Window]) -> tuple[Ints, Ints, Ints]:
    """Tokens taken from each window that something precedes, with the row and the position that predicts each."""
    counts = [window.stop_taking - window.first for window in windows]
    token = np.concatenate([np.arange(window.first, window.stop_taking) for window in windows])
    row = np.repeat(np.arange(len(windows)), counts)
    position = token - np.array([window.start for window in windows])[row] + len(tokens.prefix) - 1
    return token[position >= 0], row[position >= 0], position[position >= 0]


@contextmanager
def _returning(module: nn.Module, output: Any) -> Iterator[None]:
    """A module that returns `output`, whatever it is given."""
    before = vars(module).get("forward")  # of the object itself: another wrapper's
    module.forward = lambda *_, **__: output
    try:
        yield
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before
