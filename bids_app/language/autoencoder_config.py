"""The configuration of a sparse autoencoder: where it is attached, and how its features are computed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bids_app.text_files import FileError, is_there, read_json

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
HOOKS = ("residual", "ffn-out")
NORMS = ("none", "layer_norm", "constant_norm_rescale")
_HOOKS = {"resid_pre": "residual", "resid_post": "residual", "mlp_out": "ffn-out"}
_ARCHITECTURES = {"standard": "relu", "relu": "relu", "jumprelu": "jumprelu", "topk": "topk", "gated": "gated"}
_MOST_K = 1_000_000


@dataclass(frozen=True)
class AutoencoderConfig:
    """How an autoencoder is applied.

    Attributes
    ----------
    architecture : `relu`, `jumprelu`, `topk` or `gated`
    hook, layer : kind of activations, of `HOOKS`, and block from 0; None where the configuration does not say
    k : features that are active at once, of `topk`
    subtracts_bias : whether the bias of the decoder is subtracted from the activations first
    norm : of `NORMS`
    is_centred : whether it was trained on activations without their mean over units (TransformerLens,
        `center_writing_weights`)
    model : the model that it was trained on, as its configuration says
    """

    architecture: str
    hook: str | None = None
    layer: int | None = None
    k: int | None = None
    subtracts_bias: bool = False
    norm: str = "none"
    is_centred: bool = False
    model: str = ""

    @property
    def identity(self) -> dict[str, Any]:
        """All of it, for keys."""
        return asdict(self)


def find_files(path: Path) -> tuple[Path, Path | None]:
    """The weights and the configuration, from a folder of sae-lens or a file; raises FileError for others."""
    if path.is_dir():
        missing = [name for name in (CONFIG, WEIGHTS) if not is_there(path / name)]
        if missing:
            raise FileError(
                f"{path} holds no {' and no '.join(missing)}: give the folder of one autoencoder as sae-lens saves it, "
                "or a file of safetensors."
            )
        return path / WEIGHTS, path / CONFIG
    if not is_there(path):
        raise FileError(f"{path} does not exist: give the folder of an autoencoder as sae-lens saves it, or a file.")
    beside = path.with_name(CONFIG)
    return path, beside if is_there(beside) else None


def read_config(
    path: Path | None, weights: Path, tensors: frozenset[str], width: int, n_features: int
) -> AutoencoderConfig:
    """The configuration, or what the tensors tell without one. Raises FileError for one that cannot be followed."""
    has_threshold, is_gated = "threshold" in tensors, "b_gate" in tensors
    if path is None:
        architecture = "gated" if is_gated else "jumprelu" if has_threshold else "relu"
        return AutoencoderConfig(_complete(architecture, tensors, weights), subtracts_bias="b_dec" in tensors)
    content = read_json(path)
    inner = content.get("metadata")
    told = {**(inner if isinstance(inner, dict) else {}), **content}
    for key, size in (("d_in", width), ("d_sae", n_features)):
        if key in told and told[key] != size:
            raise FileError(
                f"{path} says {key} = {told[key]!r}, and {weights.name} has {size}: they belong to two autoencoders."
            )
    hook, layer = _hook(told, path)
    return AutoencoderConfig(
        architecture := _complete(_architecture(told, path), tensors, weights),
        hook,
        layer,
        _k(told, path, n_features) if architecture == "topk" else None,
        _bool(told, "apply_b_dec_to_input", "b_dec" in tensors, path) and "b_dec" in tensors,
        _norm(told, path),
        _is_centred(told),
        str(told.get("model_name", ""))[:100],
    )


def _complete(architecture: str, tensors: frozenset[str], weights: Path) -> str:
    """The architecture, if all of its tensors are there."""
    needed = {"gated": ("b_gate", "r_mag", "b_mag"), "jumprelu": ("threshold",)}.get(architecture, ())
    if missing := [name for name in needed if name not in tensors]:
        raise FileError(
            f"{weights} holds no {', '.join(missing)}, which an autoencoder of the architecture {architecture} needs: "
            "copy or download it again."
        )
    return architecture


def _architecture(told: Mapping[str, Any], path: Path) -> str:
    name = str(told.get("architecture", "standard")).lower()
    function = told.get("activation_fn_str", told.get("activation_fn", "relu"))
    if name == "standard" and isinstance(function, str) and function.lower() != "relu":
        name = function.lower()
    if name not in _ARCHITECTURES:
        known = ", ".join(sorted(set(_ARCHITECTURES) - {"relu"}))
        raise FileError(f"{path}: an autoencoder of the architecture {name[:60]!r} is not read: choose one of {known}.")
    if told.get("rescale_acts_by_decoder_norm") and name == "topk":
        raise FileError(
            f"{path}: rescale_acts_by_decoder_norm is not read: fold the norms of the decoder into the encoder first."
        )
    return _ARCHITECTURES[name]


def _hook(told: Mapping[str, Any], path: Path) -> tuple[str | None, int | None]:
    name = told.get("hook_name", told.get("hook_point"))
    if name is None:
        return None, None
    found = re.fullmatch(r"blocks\.([0-9]{1,6})\.hook_(resid_pre|resid_post|mlp_out)", str(name))
    if found is None:
        raise FileError(
            f"{path}: its hook {str(name)[:80]!r} is not read: choose an autoencoder of blocks.N.hook_resid_pre, "
            "hook_resid_post or hook_mlp_out, or give --sae-layer and --sae-hook with a file of weights alone."
        )
    layer = int(found[1]) - (found[2] == "resid_pre")  # what a block reads is the output of the one before
    if layer < 0:
        raise FileError(
            f"{path}: its hook {name} is what the first block reads, which is no unit of a block: choose another layer."
        )
    return _HOOKS[found[2]], layer


def _k(told: Mapping[str, Any], path: Path, n_features: int) -> int:
    arguments = told.get("activation_fn_kwargs")
    k = told.get("k", arguments.get("k") if isinstance(arguments, dict) else None)
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= min(n_features, _MOST_K):
        raise FileError(f"{path}: k = {str(k)[:40]} must be the number of active features, from 1 to {n_features}.")
    return k


def _bool(told: Mapping[str, Any], key: str, default: bool, path: Path) -> bool:
    value = told.get(key, default)
    if not isinstance(value, bool):
        raise FileError(f"{path}: {key} = {str(value)[:40]!r} must be true or false.")
    return value


def _norm(told: Mapping[str, Any], path: Path) -> str:
    norm = told.get("normalize_activations", "none") or "none"
    if norm == "expected_average_only_in":
        raise FileError(
            f"{path}: normalize_activations = {norm!r} scales activations by a factor that is not in the files: fold "
            "it into the weights with sae-lens (fold_activation_norm_scaling_factor) and save the autoencoder again."
        )
    if norm not in NORMS:
        raise FileError(
            f"{path}: normalize_activations = {str(norm)[:60]!r} is not read: choose one of {', '.join(NORMS)}."
        )
    return str(norm)


def _is_centred(told: Mapping[str, Any]) -> bool:
    arguments = told.get("model_from_pretrained_kwargs")
    return isinstance(arguments, dict) and arguments.get("center_writing_weights") is True
