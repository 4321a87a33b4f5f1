"""The text of a fine-tuning: a folder of plain text as tokens, cut into windows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.checksums import sha256_of
from bids_app.finetune.recipe import Recipe
from bids_app.language.tokens import special_tokens
from bids_app.language.weights import hash_texts, hash_tokenizer
from bids_app.machine.once import computed_once
from bids_app.text_files import read_text

log = logging.getLogger("neurons2networks")
Integers = npt.NDArray[np.int64]

_ENDINGS = (".txt", ".text", "")
_MOST_BYTES = 2**30  # of one file, which is read whole
_FORMAT = "text 1"  # increase it when the tokens change


@dataclass(frozen=True)
class Text:
    """The tokens of all documents.

    Attributes
    ----------
    tokens : (n_tokens,) int32, memory-mapped, document after document
    bounds : (n_documents + 1,), start of each document, and the end
    prefix : special tokens that the tokenizer puts before a text
    identity : hash of the documents and the tokenizer
    """

    tokens: npt.NDArray[np.int32]
    bounds: Integers
    prefix: tuple[int, ...]
    identity: str


def text_files(folder: Path) -> list[Path]:
    """The files of plain text in a folder and its subfolders, sorted; hidden ones are left out.

    Raises FileNotFoundError if there is no such folder, or no such file in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"--text {folder}: there is no such folder; give a folder of plain text (.txt).")
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _ENDINGS
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not path.is_dir()
    )
    if not files:
        raise FileNotFoundError(f"--text {folder}: holds no text; give a folder with files that end in .txt.")
    return files


def read_corpus(folder: Path, tokenizer: Any, cache: Path) -> Text:
    """Tokens of every file in a folder, one document each, stored below `cache` by their content.

    Raises FileNotFoundError as `text_files`, FileError for a file that is not text.
    """
    files = text_files(folder)
    identity = hash_texts([_FORMAT, hash_tokenizer(tokenizer), *map(sha256_of, files)])
    stored = computed_once(cache / identity[:20], lambda draft: _write_tokens(files, tokenizer, draft))
    tokens = np.memmap(stored / "tokens.bin", np.int32, "r") if (stored / "tokens.bin").stat().st_size else _NO_TOKENS
    prefix, _ = special_tokens(tokenizer)
    return Text(tokens, np.load(stored / "bounds.npy"), prefix, identity)


_NO_TOKENS = np.zeros(0, np.int32)


def _write_tokens(files: list[Path], tokenizer: Any, draft: Path) -> None:
    draft.mkdir()
    bounds = [0]
    with (draft / "tokens.bin").open("wb") as out:
        for path in files:
            text = read_text(path, _MOST_BYTES)
            encoded = tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
            out.write(np.asarray(encoded, np.int32).tobytes())
            bounds.append(bounds[-1] + len(encoded))
    np.save(draft / "bounds.npy", np.asarray(bounds, np.int64))
    log.info("text: %d documents, %d tokens", len(files), bounds[-1])


@dataclass(frozen=True)
class Windows:
    """Windows of a text, none of which holds parts of two documents.

    Attributes
    ----------
    text : their tokens
    start, length : (n_windows,), of each window in `text.tokens`, without the prefix
    document : (n_windows,), index of its document
    train, held_out : indices of windows to train on, and of the others
    """

    text: Text
    start: Integers
    length: Integers
    document: Integers
    train: Integers
    held_out: Integers

    def ids(self, chosen: Integers, width: int) -> Integers:
        """Tokens of windows with their prefix, padded with 0 on the right, (n_chosen, width)."""
        ids = np.zeros((len(chosen), width), np.int64)
        n = len(self.text.prefix)
        ids[:, :n] = self.text.prefix
        for row, window in enumerate(chosen):
            start = self.start[window]
            ids[row, n : n + self.length[window]] = self.text.tokens[start : start + self.length[window]]
        return ids

    def lengths(self, chosen: Integers) -> Integers:
        """Tokens of windows with their prefix, (n_chosen,)."""
        return np.asarray(self.length[chosen] + len(self.text.prefix))

    def of_step(self, step: int, recipe: Recipe) -> Integers:
        """Windows of a step (counted from 1), (batch,): the training windows in a new order in each epoch."""
        places = np.arange((step - 1) * recipe.batch, step * recipe.batch)
        chosen = np.empty(len(places), np.int64)
        for epoch in np.unique(places // len(self.train)):
            of_epoch = places // len(self.train) == epoch
            order = _order(recipe.seed, int(epoch), len(self.train))
            chosen[of_epoch] = self.train[order[places[of_epoch] % len(self.train)]]
        return chosen

    def before_the_first_step(self, recipe: Recipe) -> Iterator[Integers]:
        """Batches of windows that the first epoch comes to last, to fill the queue with."""
        order = self.train[_order(recipe.seed, 0, len(self.train))]
        for stop in range(len(order), recipe.batch, -recipe.batch):
            yield order[max(recipe.batch, stop - recipe.batch) : stop]


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, n_windows: int) -> Integers:
    return np.random.default_rng([seed, 1, epoch]).permutation(n_windows)


def cut_windows(text: Text, recipe: Recipe) -> Windows:
    """Cut documents into windows of at most `recipe.context` tokens, and hold a share of them out.

    A rest of a document too short for one target is left out. Documents are held out whole, but for one, in a random
    order.

    Raises ValueError if the text is too short to train on.
    """
    most, n_prefix = recipe.context - len(text.prefix), len(text.prefix)
    least = recipe.distance + 2 - n_prefix
    order = np.random.default_rng([recipe.seed, 0]).permutation(len(text.bounds) - 1)
    start = [np.arange(text.bounds[document], text.bounds[document + 1], most) for document in order]
    document = np.repeat(order, [len(of_document) for of_document in start])
    starts = np.concatenate([np.zeros(0, np.int64), *start])
    length = np.minimum(text.bounds[document + 1] - starts, most)
    kept = length >= max(1, least)
    starts, length, document = starts[kept], length[kept], document[kept]
    n_held_out = max(1, round(recipe.held_out * len(starts)))
    index = np.arange(len(starts))
    windows = Windows(text, starts, length, document, index[: max(0, len(index) - n_held_out)], index[-n_held_out:])
    _check(windows, recipe)
    return windows


def _check(windows: Windows, recipe: Recipe) -> None:
    """Refuse a text whose windows cannot fill a batch, and a queue with other states."""
    n_targets = int(np.maximum(0, windows.lengths(windows.train) - recipe.distance).sum())
    in_batch = recipe.batch * (recipe.context - recipe.distance)
    if len(windows.train) <= recipe.batch or n_targets < recipe.queue + in_batch:
        needed = round((recipe.queue + 2 * in_batch) / (1 - recipe.held_out))
        raise ValueError(
            f"--text: {len(windows.text.tokens):,} tokens in {len(windows.text.bounds) - 1:,} documents are too few "
            f"for a batch of {recipe.batch} windows of {recipe.context} tokens and a queue of {recipe.queue:,} other "
            f"states; give at least {needed:,} tokens, or a smaller --batch, --context or --queue (with --negatives)."
        )
