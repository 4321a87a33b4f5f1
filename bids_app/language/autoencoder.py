"""Sparse autoencoders of a model's activations: read from a local file, and applied to activations in blocks.

Features of activations x (Cunningham et al. 2023; JumpReLU: Rajamanoharan et al. 2024; top k: Gao et al. 2024; gated:
Rajamanoharan et al. 2024): z = (x − b_dec) W_enc + b_enc, and f = max(z, 0), or the z above a threshold, or the k
largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.checksums import sha256_of
from bids_app.language.autoencoder_config import AutoencoderConfig, find_files, read_config
from bids_app.text_files import FileError, check_content

Floats = npt.NDArray[np.float32]
# Names of tensors: of the layout of sae-lens, and of modules of torch, whose matrices are transposed.
_NAMES = {
    "W_enc": "encoder.weight",
    "b_enc": "encoder.bias",
    "W_dec": "decoder.weight",
    "b_dec": "decoder.bias",
}
_GATED = ("b_gate", "r_mag", "b_mag")
_BLOCK_VALUES = 1 << 24  # values of a block of features at all tokens: 64 MiB
_MOST_FEATURES = 10_000_000


@dataclass(frozen=True)
class Autoencoder:
    """A sparse autoencoder in a file of safetensors.

    Attributes
    ----------
    path : the file of weights
    config : hook, layer and architecture
    width, n_features : numbers of units that it reads, and of features
    names : its tensors: the name here → the name in the file
    """

    path: Path
    config: AutoencoderConfig
    width: int
    n_features: int
    names: dict[str, str]

    @classmethod
    def open(cls, path: Path) -> Autoencoder:
        """Read the header of a file of weights, or of a folder with `cfg.json` and `sae_weights.safetensors`.

        Raises FileError, with the reason, for anything that is no usable autoencoder.
        """
        weights, cfg = find_files(path)
        check_content(weights)
        shapes = _shapes(weights)
        names = _names(shapes)
        for name in ("W_enc", "b_enc") if "b_gate" not in names else ("W_enc",):
            if name not in names:
                raise FileError(
                    f"{weights} holds no encoder {name} (or {_NAMES[name]}), but {_listed(shapes)}: give the file of a "
                    "sparse autoencoder."
                )
        width, n_features = _sizes(weights, shapes, names)
        config = read_config(cfg, weights, frozenset(names), width, n_features)
        return cls(weights, config, width, n_features, names)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What decides its features."""
        return {"weights": sha256_of(self.path), **self.config.identity}

    @property
    def has_decoder(self) -> bool:
        """Whether the file tells how the activations are rebuilt."""
        return {"W_dec", "b_dec"} <= set(self.names)

    def inputs(self, states: Any, *, centred: bool = False) -> Any:
        """What the encoder reads, from activations (n_tokens, width) as a float32 tensor; `centred`: of units."""
        if states.shape[-1] != self.width:
            raise ValueError(
                f"The autoencoder {self.path.name} reads {self.width} units, and the layer has {states.shape[-1]}: "
                "it belongs to another model."
            )
        if centred:
            states = states - states.mean(dim=1, keepdim=True)
        if self.config.norm == "layer_norm":
            states = states - states.mean(dim=1, keepdim=True)
            return states / (states.std(dim=1, keepdim=True) + 1e-5)
        if self.config.norm == "constant_norm_rescale":
            return states * (self.width**0.5 / states.norm(dim=1, keepdim=True))
        return states

    def blocks(self, inputs: Any) -> Iterator[tuple[slice, Any]]:
        """Features of inputs (n_tokens, width), block by block: the columns, and (n_tokens, n_columns).

        Raises FileError if weights are not finite.
        """
        import torch

        read = _Tensors(self, inputs.device)
        shifted = inputs - read.whole("b_dec") if self.config.subtracts_bias else inputs
        least = self._kth_largest(shifted, read) if self.config.k is not None else None
        for columns in self._columns(len(inputs)):
            z = self._encoded(shifted, columns, read)
            if self.config.architecture == "gated":
                yield columns, self._gated(z, columns, read)
                continue
            active = z > (read.part("threshold", columns) if "threshold" in self.names else 0)
            if least is not None:
                active = (z >= least) & (z > 0)
            yield columns, torch.where(active, z.clamp_min(0), 0)

    def decoded(self, features: Any, columns: slice) -> Any:
        """The part of a block of features in the rebuilt inputs, (n_tokens, width), without the decoder's bias."""
        return features @ _Tensors(self, features.device).rows("W_dec", columns)

    def decoder_bias(self, device: Any) -> Any:
        """The bias of the decoder, (width,)."""
        return _Tensors(self, device).whole("b_dec")

    def _columns(self, n_tokens: int) -> Iterator[slice]:
        size = max(64, _BLOCK_VALUES // max(1, n_tokens))
        for start in range(0, self.n_features, size):
            yield slice(start, min(start + size, self.n_features))

    def _encoded(self, shifted: Any, columns: slice, read: _Tensors) -> Any:
        product = shifted @ read.columns("W_enc", columns)
        return product + read.part("b_enc", columns) if self.config.architecture != "gated" else product

    @staticmethod
    def _gated(product: Any, columns: slice, read: _Tensors) -> Any:
        gate = product + read.part("b_gate", columns) > 0
        strength = product * read.part("r_mag", columns).exp() + read.part("b_mag", columns)
        return gate * strength.clamp_min(0)

    def _kth_largest(self, shifted: Any, read: _Tensors) -> Any:
        """The k-th largest value of each token, (n_tokens, 1)."""
        import torch

        assert self.config.k is not None
        largest = None
        for columns in self._columns(len(shifted)):
            z = self._encoded(shifted, columns, read)
            together = z if largest is None else torch.cat([largest, z], dim=1)
            largest = together.topk(min(self.config.k, together.shape[1]), dim=1).values
        assert largest is not None
        return largest[:, -1:]


class _Tensors:
    """Parts of the tensors of an autoencoder, float32, read when they are needed."""

    def __init__(self, autoencoder: Autoencoder, device: Any) -> None:
        self.of, self.device = autoencoder, device

    def _slice(self, name: str, rows: slice, columns: slice | None = None) -> Any:
        import torch
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.of.path, "pt") as tensors:
                stored = tensors.get_slice(self.of.names[name])
                part = stored[rows] if columns is None else stored[rows, columns]
        except (SafetensorError, OSError, TypeError, AttributeError) as error:
            raise FileError(f"{self.of.path} cannot be read ({error}): copy or download it again.") from error
        values = part.to(device=self.device, dtype=torch.float32)
        if not torch.isfinite(values).all():
            raise FileError(f"{self.of.path} holds values that are not finite, in {name}: copy or download it again.")
        return values

    def whole(self, name: str) -> Any:
        """A vector."""
        return self._slice(name, slice(None))

    def part(self, name: str, columns: slice) -> Any:
        """The entries of some features in a vector."""
        return self._slice(name, columns)

    def columns(self, name: str, columns: slice) -> Any:
        """Columns of the encoder, (width, n_columns)."""
        if self.of.names[name] == name:
            return self._slice(name, slice(None), columns)
        return self._slice(name, columns, slice(None)).T

    def rows(self, name: str, columns: slice) -> Any:
        """Rows of the decoder, (n_columns, width)."""
        if self.of.names[name] == name:
            return self._slice(name, columns, slice(None))
        return self._slice(name, slice(None), columns).T


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(f"{path} is not a complete safetensors file ({error}): copy or download it again.") from error


def _names(shapes: dict[str, tuple[int, ...]]) -> dict[str, str]:
    """Tensors of the autoencoder: the name here → the name in the file."""
    names = {name: name for name in (*_NAMES, *_GATED, "threshold") if name in shapes}
    return names | {name: other for name, other in _NAMES.items() if name not in shapes and other in shapes}


def _sizes(path: Path, shapes: dict[str, tuple[int, ...]], names: dict[str, str]) -> tuple[int, int]:
    """Width and number of features. Raises FileError for tensors that do not fit together."""
    encoder = shapes[names["W_enc"]]
    if len(encoder) != 2 or 0 in encoder:
        raise FileError(f"{path}: the encoder {names['W_enc']} has shape {encoder}, and must be a matrix.")
    width, n_features = encoder if names["W_enc"] == "W_enc" else encoder[::-1]
    if n_features > _MOST_FEATURES:
        raise FileError(f"{path}: {n_features:,} features are more than can be read ({_MOST_FEATURES:,}).")
    expected: dict[str, tuple[int, ...]] = dict.fromkeys(("b_enc", "threshold", *_GATED), (n_features,))
    expected["b_dec"] = (width,)
    expected["W_dec"] = (n_features, width) if names.get("W_dec") == "W_dec" else (width, n_features)
    for name, shape in expected.items():
        if name in names and shapes[names[name]] != shape:
            raise FileError(
                f"{path}: {names[name]} has shape {shapes[names[name]]}, and must have {shape} beside the encoder "
                f"{names['W_enc']} of shape {encoder}: is it transposed, or of another autoencoder?"
            )
    return int(width), int(n_features)


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    names = sorted(shapes)
    return (", ".join(names[:6]) + (" …" if len(names) > 6 else ""))[:200] or "nothing"
