"""Activations of words that continue the true text: the context of each word, then the words of another text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bids_app.language.models import LanguageModel
from bids_app.language.neurons import record
from bids_app.language.tokens import IntArray, Tokens, tokenize_words
from bids_app.language.windows import DEFAULT_CONTEXT, Context

FloatArray = npt.NDArray[np.float32]


def read_continuations(
    language_model: LanguageModel,
    words: Sequence[str],
    futures: Sequence[Sequence[str]],
    context: Context,
    layer: int,
    n_ahead: int,
) -> FloatArray:
    """Mean hidden states of swapped words that follow the true text, (n_ahead, n_words, n_units).

    Row [k - 1, n] holds word n + k, last token, mean over futures, where the model has read the words up to n and then
    words n + 1, …, n + k of a future; zero beyond the end. The true text is read once per word and its keys and values
    are shared by all futures, so that the cost is about n_words x (context + n_futures x n_ahead) words.

    Parameters
    ----------
    words, futures : texts with as many words each
    context : of the true text; a number of tokens, or by default at least 512 or half of what the model reads
    layer : counted from 0

    Raises ValueError for a masked model, whose true words would depend on the swapped ones; for a model without a cache
    of keys and values; for a text with tokens that span words.
    """
    if not language_model.is_causal:
        raise ValueError(
            f"{language_model.name} is a masked model, in which true words would depend on the words that are swapped "
            "after them: use --futures story, or a causal model such as gpt2."
        )
    if any(len(future) != len(words) for future in futures):
        raise ValueError(f"The futures have other numbers of words than the text, which has {len(words)}.")
    true, *told = (tokenize_words(language_model.tokenizer, text) for text in (words, *futures))
    if any(tokens.shared for tokens in (true, *told)):
        raise ValueError(
            f"Tokens of {language_model.name} span several words of the story, so that swapped words cannot follow "
            "true ones: use --futures story."
        )
    result: FloatArray | None = None
    for word in range(len(words)):
        parts = [_between(tokens, word + 1, word + n_ahead) for tokens in told]
        longest = max(stop - start for start, stop in parts)
        before = _before(language_model, true, word, context, longest)
        if longest == 0:
            continue
        ids = np.zeros((len(told), longest), np.int64)
        for row, (tokens, (start, stop)) in enumerate(zip(told, parts, strict=True)):
            ids[row, : stop - start] = tokens.ids[start:stop]
        states = _read(language_model, before, ids, layer)
        if result is None:
            result = np.zeros((n_ahead, len(words), states.shape[2]), np.float32)
        for row, (tokens, (start, stop)) in enumerate(zip(told, parts, strict=True)):
            last = np.flatnonzero(tokens.is_last[start:stop])
            result[tokens.word[start:stop][last] - word - 1, word] += states[row, last] / np.float32(len(told))
    return np.zeros((n_ahead, len(words), 1), np.float32) if result is None else result


def _between(tokens: Tokens, first: int, last: int) -> tuple[int, int]:
    """The tokens of the words from `first` to `last`."""
    start, stop = np.searchsorted(tokens.word, [first, last + 1])
    return int(start), int(stop)


def _before(model: LanguageModel, tokens: Tokens, word: int, context: Context, n_after: int) -> IntArray:
    """Tokens of the true text up to a word, with the special tokens that begin a text."""
    capacity = model.max_tokens - len(tokens.prefix) - n_after
    wanted = context if isinstance(context, int) else min(DEFAULT_CONTEXT, model.max_tokens // 2)
    if context == "exact":
        wanted = capacity
    stop = int(np.searchsorted(tokens.word, word + 1))
    start = max(0, stop - min(wanted, capacity))
    return np.array([*tokens.prefix, *tokens.ids[start:stop]], dtype=np.int64)


@torch.inference_mode()
def _read(language_model: LanguageModel, before: IntArray, ids: IntArray, layer: int) -> FloatArray:
    """Hidden states of the tokens after a common beginning, (n_futures, n_tokens, n_units)."""
    device, model = language_model.device, language_model.model
    past: Any = None
    if len(before):
        past = model(input_ids=torch.from_numpy(before[None]).to(device), use_cache=True).past_key_values
        if not hasattr(past, "batch_repeat_interleave"):
            raise ValueError(
                f"{language_model.name} keeps no keys and values that continuations could share: use --futures story."
            )
        past.batch_repeat_interleave(len(ids))
    with record(model, "residual", lambda states: states.to("cpu", torch.float32)) as recorder:
        model(input_ids=torch.from_numpy(ids).to(device), past_key_values=past, use_cache=past is not None)
    states = recorder.layers[layer].numpy().reshape(*ids.shape, -1)
    if not np.isfinite(states).all():
        raise RuntimeError(
            f"{language_model.name} gives activations that are not finite in layer {layer + 1} with dtype "
            f"{language_model.dtype}: use float32 or bfloat16."
        )
    return states
