"""Surprisal of words: how little a model expects each word of a text, in nats."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bids_app.language.lesions import body_of
from bids_app.language.models import LanguageModel
from bids_app.language.predictor import Predictions, Predictor, nats_at, predicted
from bids_app.language.reading import Reader, pad_windows
from bids_app.language.tokens import Tokens, tokenize_words
from bids_app.language.windows import Context, Window, batch_windows, plan_windows
from bids_app.stats.device import one_thread

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CHUNK_TOKENS = {"cpu": 1024, "cuda": 8192}


def surprisal(
    model: LanguageModel, words: Sequence[str], context: Context = "auto", *, chunk_tokens: int | None = None
) -> Doubles:
    """Surprisal of each word in its text, −log p in nats, (n_words,).

    Causal models: the sum over the tokens of a word of −log p(token | tokens before it); NaN for a word that nothing
    precedes, where the tokenizer has no token for the start of a text. Masked models: the pseudo-log-likelihood
    (Salazar et al. 2020), the sum of −log p(token | all others) with one token masked at a time, which takes one
    reading per token. Words without a token have NaN.

    `model` is of `load_model(…, head=True)`; `context` as for `read_activations`; at most `chunk_tokens` tokens are
    read at once. Works inside `with lesion(…)`. Raises ValueError for a model without head.
    """
    check_head(model)
    tokens = tokenize_words(model.tokenizer, words)
    windows = plan_windows(tokens, model.max_tokens, model.is_causal, context)
    chunk = chunk_tokens or CHUNK_TOKENS.get(model.device.type, 1024)
    read = _read_causal if model.is_causal else _read_masked
    return np.asarray(words_of_tokens(read(model, tokens, windows, chunk)[None], tokens)[0])


def sentences(model: LanguageModel, texts: Sequence[str]) -> tuple[Tokens, list[Window]]:
    """Sentences that are each read alone: their tokens, whose words are the sentences, and a window for each.

    Each begins with the token for the start of a text, or else for its end, so that its first word counts. Raises
    ValueError for a tokenizer without either, and for a sentence longer than the model reads.
    """
    found = [tokenize_words(model.tokenizer, text.split()) for text in texts]
    prefix, suffix = found[0].prefix, found[0].suffix
    if model.is_causal and not prefix:
        marks = (getattr(model.tokenizer, name, None) for name in ("bos_token_id", "eos_token_id"))
        prefix = tuple(int(mark) for mark in marks if mark is not None)[:1]
        if not prefix:
            raise ValueError(f"The tokenizer of the model {model.name} has no token for the start of a text.")
    lengths = [len(tokens) for tokens in found]
    longest = int(np.argmax(lengths))
    if lengths[longest] + len(prefix) + len(suffix) > model.max_tokens:
        raise ValueError(f"The sentence {texts[longest][:60]!r} … is longer than {model.name} reads: shorten it.")
    ends = np.cumsum(lengths)
    ids, sentence = np.concatenate([tokens.ids for tokens in found]), np.repeat(np.arange(len(texts)), lengths)
    starts = (ends - lengths).tolist()
    windows = [Window(start, end, start, end) for start, end in zip(starts, ends.tolist(), strict=True)]
    return Tokens(ids, sentence, len(texts), prefix, suffix), windows


def check_head(model: LanguageModel) -> None:
    """Raise ValueError for a model without a head that predicts tokens."""
    get = getattr(model.model, "get_output_embeddings", lambda: None)
    if get() is None:
        raise ValueError(
            f"The model {model.name} ({type(model.model).__name__}) has no head that predicts words: load it with "
            "load_model(…, head=True), or choose a model that has one."
        )


def words_of_tokens(values: Doubles, tokens: Tokens) -> Doubles:
    """Sums over the tokens of each word: (n, n_tokens) → (n, n_words); NaN without a token, or without its value."""
    sums = np.full((len(values), tokens.n_words), np.nan)
    begins = np.flatnonzero(np.diff(tokens.word, prepend=-1))
    if len(begins):
        sums[:, tokens.word[begins]] = np.add.reduceat(values, begins, axis=1)
    return sums


def surprisal_at(logits: Tensor, row: Ints, position: Ints, ids: Ints) -> Doubles:
    """−log p of the tokens `ids` (n,) under the predictions at these rows and positions, float64.

    `logits` is (n_rows, n_positions, n_vocabulary).
    """
    chosen = logits[torch.from_numpy(row), torch.from_numpy(position)]
    return np.asarray(nats_at(chosen, torch.from_numpy(ids)).cpu().numpy())


@one_thread()
@torch.inference_mode()
def _read_causal(model: LanguageModel, tokens: Tokens, windows: list[Window], chunk: int) -> Doubles:
    if predictor := Predictor.of(model):
        predictions = Predictions(predictor, tokens)
        reader = Reader(replace(model, model=body_of(model.model)), tokens, [], predictions.add)
        for batch in batch_windows(windows, tokens.n_special, chunk):
            reader.read(batch)
        return predictions.nats
    found = np.full(len(tokens), np.nan)  # with the whole vocabulary at all positions of a pass
    for batch in batch_windows(windows, tokens.n_special, chunk):
        token, row, position = predicted(tokens, batch)
        ids, mask = pad_windows(tokens, batch, model.tokenizer.pad_token_id or 0)
        found[token] = surprisal_at(logits_of(model, ids, mask), row, position, tokens.ids[token])
    return found


def logits_of(model: LanguageModel, ids: Ints, mask: Ints) -> Tensor:
    """Predictions of a model with its head, (n_rows, n_tokens, n_vocabulary)."""
    inputs, heeded = (torch.from_numpy(array).to(model.device) for array in (ids, mask))
    logits: Tensor = model.model(input_ids=inputs, attention_mask=heeded).logits
    return logits


@one_thread()
@torch.inference_mode()
def _read_masked(model: LanguageModel, tokens: Tokens, windows: list[Window], chunk: int) -> Doubles:
    if model.tokenizer.mask_token_id is None:
        raise ValueError(f"The tokenizer of the model {model.name} has no mask token: choose another model.")
    found = np.full(len(tokens), np.nan)
    for batch in batch_windows(copies_of(windows), tokens.n_special, chunk):
        token, position, ids, mask = masked_copies(model, tokens, batch)
        logits = logits_of(model, ids, mask)
        found[token] = surprisal_at(logits, np.arange(len(batch)), position, tokens.ids[token])
    return found


def copies_of(windows: Sequence[Window], chosen: npt.NDArray[np.bool_] | None = None) -> list[Window]:
    """A copy of its window for each token taken, or each chosen one, (n_tokens,), that takes this token alone."""
    return [
        Window(window.start, window.stop, token, token + 1)
        for window in windows
        for token in range(window.first, window.stop_taking)
        if chosen is None or chosen[token]
    ]


def copies_around(tokens: Tokens, words: Ints, most: int, around: int) -> list[Window]:
    """A window around each token of some words, with at most `around` tokens on each side and `most` in all."""
    reach = max(0, min(around, (most - tokens.n_special - 1) // 2))
    return [
        Window(max(0, token - reach), min(len(tokens), token + reach + 1), token, token + 1)
        for token in np.flatnonzero(np.isin(tokens.word, words)).tolist()
    ]


def masked_copies(model: LanguageModel, tokens: Tokens, copies: Sequence[Window]) -> tuple[Ints, Ints, Ints, Ints]:
    """Of copies that take one token each: the token, its position, ids with it masked, and the attention mask."""
    ids, mask = pad_windows(tokens, list(copies), model.tokenizer.pad_token_id or 0)
    token = np.array([copy.first for copy in copies], dtype=np.int64)
    position = token - np.array([copy.start for copy in copies], dtype=np.int64) + len(tokens.prefix)
    ids[np.arange(len(copies)), position] = model.tokenizer.mask_token_id
    return token, position, ids, mask
