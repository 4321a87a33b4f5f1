"""Text → activations of all layers, one row per word, cached on disk."""

import itertools
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.atomic import atomic_path
from bids_app.checksums import MANIFEST, artefact_damage, write_manifest
from bids_app.disk import MEGABYTE, new_array
from bids_app.language.lesions import body_of
from bids_app.language.models import LanguageModel
from bids_app.language.neurons import RECORDED
from bids_app.language.predictor import Predictions, Predictor
from bids_app.language.reading import SUBTOKENS, Reader, Request
from bids_app.language.row_sums import RowSums, last_batches
from bids_app.language.surprisal import check_head, surprisal, words_of_tokens
from bids_app.language.token_states import TokenStates
from bids_app.language.tokens import Tokens, tokenize_words
from bids_app.language.weights import hash_texts
from bids_app.language.windows import Context, Window, batch_windows, plan_windows
from bids_app.stats.steps import counted

_FORMAT = "activations 2"  # increase it when the numbers change
DESCRIPTION = "activations.json"
# Tokens read at once: on the CPU, more tokens take more memory but no less time.
_CHUNK_TOKENS = {"cpu": 1024, "cuda": 4096}
_CHUNK_VALUES = 1 << 27  # float32 values stored per chunk, all layers: 512 MiB
STORED = ("float32", "float16")  # number formats on the disk

_FILES_AT_ONCE = 8

Doubles = npt.NDArray[np.float64]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Activations:
    """The activations of a text in a finished folder: per layer an array (n_words, n_units), float32 or float16.

    `units` holds the number of units of each layer; `revision` is the commit of a model of the Hub, and `weights_hash`
    identifies the weights of any model.
    """

    folder: Path
    n_words: int
    units: tuple[int, ...]
    revision: str | None = None
    weights_hash: str = ""

    @classmethod
    def open(cls, folder: Path) -> "Activations":
        """Open a folder written by `read_activations`; FileNotFoundError for any other."""
        path = folder / DESCRIPTION
        if not path.is_file():
            raise FileNotFoundError(f"{folder} holds no activations: there is no {DESCRIPTION}.")
        description = json.loads(path.read_text(encoding="utf-8"))
        units = tuple(description["units"])
        return cls(folder, int(description["n_words"]), units, description["revision"], description["weights_hash"])

    @property
    def n_layers(self) -> int:
        """Number of transformer blocks."""
        return len(self.units)

    @property
    def layer_of(self) -> npt.NDArray[np.int64]:
        """Layer of each neuron when all layers are laid side by side, (n_neurons,)."""
        return np.repeat(np.arange(self.n_layers), self.units)

    @property
    def unit_of(self) -> npt.NDArray[np.int64]:
        """Unit, within its layer, of each neuron when all layers are laid side by side, (n_neurons,)."""
        return np.concatenate([np.arange(n_units) for n_units in self.units])

    def layer(self, layer: int) -> npt.NDArray[np.float32]:
        """Return the float32 activations (n_words, n_units) of a block, counted from 0: a read-only memory map.

        Those stored as float16 are read into memory.

        For the kind `residual`, layer k is what transformers calls hidden_states[k + 1], before a final normalisation.
        """
        if not 0 <= layer < self.n_layers:
            raise ValueError(f"There is no layer {layer}: the model has layers 0 to {self.n_layers - 1}.")
        rows: npt.NDArray[np.float32] = np.load(self.folder / layer_file(layer), mmap_mode="r")
        return rows if rows.dtype == np.float32 else rows.astype(np.float32)

    def columns(self, layer: int, units: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Values of some units of a block, counted from 0, (n_words, n_units)."""
        rows = self.layer(layer)
        is_whole = len(units) == rows.shape[1] and bool((units == np.arange(len(units))).all())
        return rows if is_whole else np.asarray(rows[:, units])


def read_activations(
    language_model: LanguageModel,
    texts: Sequence[str],
    kind: str,
    context: Context,
    cache_dir: Path,
    *,
    subtoken: str = "mean",
    stored: str = "float32",
    chunk_tokens: int | None = None,
) -> Activations:
    """Read a text and return the activations of all its words, from the cache if available.

    A word's row is the mean over its tokens, or its last token (`subtoken`). A word that shares a token with a later
    word has the row of that word; a word without a token has a row of zeros. `kind` is one of
    `neurons.RECORDED`; `context` is explained at `plan_windows`.

    The model reads at most `chunk_tokens` tokens at once, including padding, but at least one window, and holds only
    these in memory. Results do not depend on it. With `stored` float16, activations take half the disk and are
    rounded to three digits. A folder appears in `cache_dir` when complete, even if several processes create the same
    one.

    Raises ValueError for unusable settings or texts, RuntimeError if activations are not finite, or too large for
    float16.
    """
    requests = [Request(kind, subtoken)]
    return read_all(language_model, texts, requests, context, cache_dir, stored=stored, chunk_tokens=chunk_tokens)[0]


def read_all(
    language_model: LanguageModel,
    texts: Sequence[str],
    requests: Sequence[Request],
    context: Context,
    cache_dir: Path,
    *,
    stored: str = "float32",
    chunk_tokens: int | None = None,
    also: Sequence[TokenStates] = (),
) -> list[Activations]:
    """Several kinds of neurons and rules for sub-tokens in one pass over a text, each as by `read_activations`.

    `also` records activations of single tokens of the text in this pass.
    """
    folders = _folders(language_model, texts, requests, context, cache_dir, stored, chunk_tokens)
    missing = {request: folder for request, folder in folders.items() if not _is_whole(folder)}
    if missing or also:
        _read_missing(language_model, texts, missing, context, stored, chunk_tokens, also=also)
    return [Activations.open(folders[request]) for request in requests]


def read_with_surprisal(
    with_head: LanguageModel,
    texts: Sequence[str],
    requests: Sequence[Request],
    context: Context,
    cache_dir: Path,
    *,
    stored: str = "float32",
    chunk_tokens: int | None = None,
    also: Sequence[TokenStates] = (),
) -> tuple[list[Activations], Doubles]:
    """`read_all` by the body of a causal model, and the surprisal of each word (n_words,), in one pass.

    Both read the same windows: a word's surprisal is that of `surprisal` in the same context. A family whose head
    cannot be parted from its body (see `Predictor.of`) takes a pass for each.

    Raises ValueError for a model that is not causal or has no head, and as `read_activations`.
    """
    check_head(with_head)
    if not with_head.is_causal:
        raise ValueError(f"The model {with_head.name} is not causal: one pass does not tell the surprisal of words.")
    body = replace(with_head, model=body_of(with_head.model))
    folders = _folders(body, texts, requests, context, cache_dir, stored, chunk_tokens)
    missing = {request: folder for request, folder in folders.items() if not _is_whole(folder)}
    predictor = Predictor.of(with_head)
    found = None
    if missing or also:
        found = _read_missing(body, texts, missing, context, stored, chunk_tokens, predictor, also)
    if found is None:
        found = surprisal(with_head, texts, context, chunk_tokens=chunk_tokens)
    return [Activations.open(folders[request]) for request in requests], found


def _folders(
    language_model: LanguageModel,
    texts: Sequence[str],
    requests: Sequence[Request],
    context: Context,
    cache_dir: Path,
    stored: str,
    chunk_tokens: int | None,
) -> dict[Request, Path]:
    """The folder of each request; ValueError for unusable settings or an empty text."""
    for kind, subtoken in requests:
        if subtoken not in SUBTOKENS:
            raise ValueError(f"Unknown subtoken {subtoken!r}: choose one of {', '.join(SUBTOKENS)}.")
        if kind not in RECORDED:
            raise ValueError(f"Unknown kind of neurons {kind!r}: choose one of {', '.join(RECORDED)}.")
    if stored not in STORED:
        raise ValueError(f"Unknown number format {stored!r} of stored activations: choose {' or '.join(STORED)}.")
    if chunk_tokens is not None and chunk_tokens < 1:
        raise ValueError(f"chunk_tokens={chunk_tokens}: the model must read at least 1 token at once.")
    if not texts:
        raise ValueError("There is no word to read: the text is empty.")
    weights, dtype = language_model.weights_hash, language_model.dtype
    return {
        request: cache_dir
        / activation_key(weights, texts, request.kind, context, dtype, subtoken=request.subtoken, stored=stored)
        for request in requests
    }


def _is_whole(folder: Path) -> bool:
    """Whether a folder of activations is there; a damaged one is removed."""
    damage = artefact_damage(folder) if folder.exists() else None
    if damage is not None:
        _logger.warning("%s is made again, because it is damaged: %s.", folder, damage)
        shutil.rmtree(folder, ignore_errors=True)
    return folder.exists()


def _read_missing(
    language_model: LanguageModel,
    texts: Sequence[str],
    folders: Mapping[Request, Path],
    context: Context,
    stored: str,
    chunk_tokens: int | None,
    predictor: Predictor | None = None,
    also: Sequence[TokenStates] = (),
) -> Doubles | None:
    """Read what is missing, and with a predictor the surprisal of each word (n_words,) in the same pass."""
    tokens = tokenize_words(language_model.tokenizer, texts)
    windows = plan_windows(tokens, language_model.max_tokens, language_model.is_causal, context)
    predictions = None if predictor is None else Predictions(predictor, tokens)
    watch = None if predictions is None else predictions.add
    reader = Reader(language_model, tokens, list(folders), watch, also)
    with ExitStack() as stack:
        drafts = [stack.enter_context(atomic_path(folder, first_stays=True)) for folder in folders.values()]
        for draft in drafts:
            draft.mkdir()
        every = _write_layers(reader, windows, chunk_tokens, drafts, np.dtype(stored))
        for draft, (request, folder), units in zip(drafts, folders.items(), every, strict=True):
            description = _describe(reader, request, context, units) | {"stored": stored}
            (draft / DESCRIPTION).write_text(json.dumps(description, indent=2), encoding="utf-8")
            write_manifest(draft, draft / MANIFEST, folder.name)
    return None if predictions is None else words_of_tokens(predictions.nats[None], tokens)[0]


def read_states(
    model: LanguageModel, tokens: Tokens, states: TokenStates, context: Context, chunk_tokens: int | None = None
) -> None:
    """Read a text for activations of its tokens alone; no more than `chunk_tokens` at once."""
    windows = plan_windows(tokens, model.max_tokens, model.is_causal, context)
    reader = Reader(model, tokens, (), also=(states,))
    for batch in plan_batches(reader, windows, (), chunk_tokens):
        reader.read(batch)


def activation_key(
    weights_hash: str,
    texts: Sequence[str],
    kind: str,
    context: Context,
    dtype: str,
    *,
    subtoken: str = "mean",
    stored: str = "float32",
) -> str:
    """Return the name under which activations are cached: a hash of everything that determines them.

    Batch size and device do not affect it.
    """
    settings = [_FORMAT, weights_hash, kind, repr(context), dtype, subtoken]
    return hash_texts([*settings, *([] if stored == "float32" else ["stored", stored]), *texts])[:40]


def _write_layers(
    reader: Reader,
    windows: list[Window],
    chunk_tokens: int | None,
    folders: Sequence[Path],
    stored: np.dtype[Any],
) -> list[tuple[int, ...]]:
    """Write one array per layer of each request into its folder, batch by batch; return the numbers of units."""
    every = reader.units()
    tokens = reader.tokens
    arrays = [
        [new_array(folder / layer_file(layer), stored, (tokens.n_words, n)) for layer, n in enumerate(units)]
        for folder, units in zip(folders, every, strict=True)
    ]
    batches = plan_batches(reader, windows, every, chunk_tokens)
    _logger.info(
        "%s reads %d words (%d tokens) in %d windows and %d forward passes, and stores %.0f MB of %s.",
        *(reader.language_model.name, tokens.n_words, len(tokens), len(windows), len(batches)),
        *(sum(array.nbytes for layers in arrays for array in layers) / MEGABYTE, stored.name),
    )
    ends = last_batches(tokens, batches)
    sums = [[RowSums(array, ends) for array in layers] for layers in arrays]
    for number, batch in enumerate(counted(batches, "forward pass")):
        for layers, (words, rows) in zip(sums, reader.read(batch), strict=True):
            for layer, (of_layer, values) in enumerate(zip(layers, rows, strict=True)):
                _require_range(reader.language_model, layer, values, stored)
                of_layer.add(words, values, number)
    whole = list(itertools.chain.from_iterable(arrays))
    for array in whole:
        for word, holder in tokens.shared:
            array[word] = array[holder]
    with ThreadPoolExecutor(_FILES_AT_ONCE) as threads:
        list(threads.map(np.memmap.flush, whole))
    return every


def plan_batches(
    reader: Reader, windows: list[Window], units: Sequence[tuple[int, ...]], chunk_tokens: int | None = None
) -> list[list[Window]]:
    """Windows read at once, in as many tokens as a device takes; `units` are the numbers of units of each layer."""
    usual = _CHUNK_TOKENS.get(reader.language_model.device.type, 1024)
    limit = chunk_tokens or min(usual, _CHUNK_VALUES // max(1, sum(map(sum, units))))
    if not reader.language_model.heeds_padding:
        limit = 1  # one window at a time
    return list(batch_windows(windows, reader.tokens.n_special, limit))


def _require_range(language_model: LanguageModel, layer: int, values: npt.NDArray[np.float32], stored: Any) -> None:
    """Raise RuntimeError for values that the stored number format cannot hold."""
    largest = float(np.finfo(stored).max)
    if stored != np.float32 and values.size and (found := float(np.abs(values).max())) > largest:
        raise RuntimeError(
            f"{language_model.name} has activations of {found:.3g} in layer {layer + 1}, and {stored} holds only up to "
            f"{largest:,.0f}: store them as float32 (--activations-dtype float32)."
        )


def _describe(reader: Reader, request: Request, context: Context, units: tuple[int, ...]) -> dict[str, Any]:
    language_model, tokens = reader.language_model, reader.tokens
    return {
        "format": _FORMAT,
        "model": language_model.label,
        "revision": language_model.revision,
        "weights_hash": language_model.weights_hash,
        "dtype": language_model.dtype,
        "kind": request.kind,
        "context": context,
        "subtoken": request.subtoken,
        "n_words": tokens.n_words,
        "n_tokens": len(tokens),
        "words_without_token": tokens.without_token.tolist(),
        "words_that_share_a_token": [word for word, _ in tokens.shared],
        "units": list(units),
    }


def layer_file(layer: int) -> str:
    """The file of a layer, from 0, in a folder of activations."""
    return f"layer-{layer:03d}.npy"
