"""Text → features of a sparse autoencoder, one row per word, sparse on disk and in memory."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor, nn

from bids_app.language.activations import read_states
from bids_app.language.autoencoder import Autoencoder
from bids_app.language.models import LanguageModel
from bids_app.language.token_states import TokenStates
from bids_app.language.tokens import Tokens, tokenize_words
from bids_app.language.windows import Context
from bids_app.stats.device import one_thread

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
FEW_EXPLAINED = 0.5  # share of the variance below which an autoencoder hardly fits the activations
_DESCRIPTION, _VALUES = "features.json", "features.npz"
_ACTIVE = "ActivePerToken"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FeatureActivations:
    """Features of a text in a finished folder, of one layer of a model.

    `units` holds the number of features of each layer: 0 but for one; `facts` what was found when the text was read.
    """

    folder: Path
    n_words: int
    units: tuple[int, ...]
    revision: str | None = None
    weights_hash: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> FeatureActivations:
        """Open a folder written by `read_features`."""
        found = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        units = tuple(found["units"])
        return cls(folder, found["n_words"], units, found["revision"], found["weights_hash"], found["facts"])

    @property
    def n_layers(self) -> int:
        """Number of transformer blocks."""
        return len(self.units)

    @property
    def layer_of_features(self) -> int:
        """The layer with the features, from 0."""
        return int(np.argmax(self.units))

    @cached_property
    def values(self) -> sparse.csc_array:
        """The features, (n_words, n_features)."""
        return sparse.csc_array(sparse.load_npz(self.folder / _VALUES))

    @property
    def is_active(self) -> npt.NDArray[np.bool_]:
        """Whether each feature is active at any word, (n_features,)."""
        return np.diff(self.values.indptr) > 0

    def columns(self, layer: int, units: Ints) -> Floats:
        """Some features of a layer, (n_words, n_units), dense."""
        if layer != self.layer_of_features:
            raise ValueError(f"There are no features in layer {layer}, but in layer {self.layer_of_features}.")
        return np.asarray(self.values[:, units].toarray(), dtype=np.float32)


class FeatureReading:
    """Features of a text under one model, while it is read: `states` gets what the autoencoder reads of each token.

    It does not hold the model.
    """

    def __init__(
        self,
        model: LanguageModel,
        texts: Sequence[str],
        autoencoder: Autoencoder,
        *,
        hook: str | None = None,
        layer: int | None = None,
    ) -> None:
        """Begin without any token; arguments and errors are those of `read_features`."""
        hook = autoencoder.config.hook if hook is None else hook
        layer = autoencoder.config.layer if layer is None else layer
        if hook is None or layer is None:
            raise ValueError(f"{autoencoder.path} does not say which activations it reads: give hook and layer.")
        self.autoencoder, self.tokens = autoencoder, tokenize_words(model.tokenizer, texts)
        self.states = TokenStates(model, self.tokens, hook, layer)
        self._is_centred = autoencoder.config.is_centred and _has_layer_norm(model.model)
        self._device = model.device
        units = [0] * model.n_layers
        units[layer] = autoencoder.n_features
        self._description = {
            "n_words": self.tokens.n_words,
            "units": units,
            "revision": model.revision,
            "weights_hash": model.weights_hash,
        }

    @one_thread()
    def write(self, folder: Path) -> None:
        """Write the features of all words to a new folder, once the text was read."""
        states = torch.from_numpy(self.states.values).to(self._device)
        with torch.inference_mode():
            inputs = self.autoencoder.inputs(states, centred=self._is_centred)
            values, facts = _encode(self.autoencoder, inputs, self.tokens)
        folder.mkdir()
        sparse.save_npz(folder / _VALUES, values, compressed=False)
        description = json.dumps({**self._description, "facts": facts}, indent=2)
        (folder / _DESCRIPTION).write_text(description, encoding="utf-8")
        _report(self.autoencoder, facts)


def read_features(
    model: LanguageModel,
    texts: Sequence[str],
    autoencoder: Autoencoder,
    folder: Path,
    *,
    hook: str | None = None,
    layer: int | None = None,
    context: Context = "auto",
    chunk_tokens: int | None = None,
) -> FeatureActivations:
    """Read a text and write the features of all its words to a new folder; return them.

    The features of a word are the mean over its tokens of the features of each. A word that shares a token with a later
    word has its row; a word without a token has none. Memory beside the model: the activations of the layer at all
    tokens, one block of features at all tokens, and the features that are not 0.

    `hook` (`residual` or `ffn-out`) and `layer` (from 0) say which activations the autoencoder reads, by default as its
    configuration does; `context` as for `read_activations`. `read_all` reads them in one pass with activations.

    Raises ValueError for an autoencoder of another width than the layer, or a layer that the model does not have.
    """
    reading = FeatureReading(model, texts, autoencoder, hook=hook, layer=layer)
    with one_thread():
        read_states(model, reading.tokens, reading.states, context, chunk_tokens)
    reading.write(folder)
    return FeatureActivations.open(folder)


def _encode(autoencoder: Autoencoder, inputs: Tensor, tokens: Tokens) -> tuple[sparse.csc_array, dict[str, Any]]:
    """The features of words, and what is known of them."""
    mean = _mean_over_tokens(tokens)
    rebuilt = autoencoder.decoder_bias(inputs.device).repeat(len(inputs), 1) if autoencoder.has_decoder else None
    blocks, n_active = [], 0
    for columns, features in autoencoder.blocks(inputs):
        if rebuilt is not None:
            rebuilt += autoencoder.decoded(features, columns)
        of_tokens = sparse.csc_array(features.cpu().numpy())
        n_active += of_tokens.nnz
        blocks.append(sparse.csc_array(mean @ of_tokens))
    values = sparse.csc_array(sparse.hstack(blocks, format="csc"), dtype=np.float32)
    facts = {
        _ACTIVE: n_active / len(inputs),
        "ActiveFeatures": int((np.diff(values.indptr) > 0).sum()),
        "AutoencoderR2": None if rebuilt is None else explained(inputs, rebuilt),
        "TrainedOn": autoencoder.config.model,
    }
    return values, facts


def explained(inputs: Tensor, rebuilt: Tensor) -> float:
    """Median over tokens of 1 − |x − x̂|² / |x − mean|²: a few tokens are so large that a sum would be theirs."""
    error = (inputs - rebuilt).double().square().sum(dim=1)
    variance = (inputs - inputs.mean(dim=0)).double().square().sum(dim=1)
    return float((1 - error / variance.clamp_min(1e-30)).median())


def _mean_over_tokens(tokens: Tokens) -> sparse.csr_array:
    """From tokens to words, (n_words, n_tokens)."""
    weight = (1.0 / tokens.tokens_per_word[tokens.word]).astype(np.float32)
    entries = (weight, (tokens.word, np.arange(len(tokens))))
    mean = sparse.csr_array(entries, shape=(tokens.n_words, len(tokens)))
    holder = np.arange(tokens.n_words)
    for word, other in tokens.shared:
        holder[word] = other
    return mean[holder]


def _has_layer_norm(model: nn.Module) -> bool:
    return any(isinstance(module, nn.LayerNorm) for module in model.modules())


def _report(autoencoder: Autoencoder, facts: dict[str, Any]) -> None:
    share, name = facts["AutoencoderR2"], autoencoder.path.name
    of = f", trained on {facts['TrainedOn']}" if facts["TrainedOn"] else ""
    if share is None:
        rebuilds = "has no decoder, so that nothing tells whether it fits the model"
    else:
        rebuilds = f"rebuilds {100 * share:.0f} % of the variance" if share > 0 else "rebuilds nothing"
    _logger.info("The autoencoder %s%s %s; %.1f features are active at a token.", name, of, rebuilds, facts[_ACTIVE])
    if share is not None and share < FEW_EXPLAINED:
        _logger.warning(
            "The autoencoder %s %s of the activations that it reads: is it of this model, layer and hook?",
            name,
            rebuilds,
        )
