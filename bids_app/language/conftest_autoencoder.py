"""Sparse autoencoders for tests: random ones in every architecture, and what each should compute, in numpy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

Doubles = npt.NDArray[np.float64]


def tensors(width: int, n_features: int, architecture: str = "standard", seed: int = 0) -> dict[str, Any]:
    """Random tensors in the layout of sae-lens."""
    rng = np.random.default_rng(seed)
    made = {
        "W_enc": rng.standard_normal((width, n_features)),
        "b_enc": rng.standard_normal(n_features),
        "W_dec": rng.standard_normal((n_features, width)),
        "b_dec": rng.standard_normal(width),
    }
    if architecture == "jumprelu":
        made["threshold"] = rng.uniform(0.5, 3, n_features)
    if architecture == "gated":
        del made["b_enc"]
        made |= {name: rng.standard_normal(n_features) / 2 for name in ("b_gate", "r_mag", "b_mag")}
    return {name: values.astype(np.float32) for name, values in made.items()}


def save(folder: Path, made: dict[str, Any], **config: Any) -> Path:
    """A folder as sae-lens saves it; `config` is added to its cfg.json, and `cfg=False` leaves that out."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(values) for name, values in made.items()}, folder / "sae_weights.safetensors")
    content = {"d_in": made["W_enc"].shape[0], "d_sae": made["W_enc"].shape[1], "hook_name": "blocks.1.hook_resid_post"}
    if config.pop("cfg", True):
        (folder / "cfg.json").write_text(json.dumps({**content, **config}))
    return folder


def expected(activations: npt.ArrayLike, made: dict[str, Any], architecture: str = "standard", **how: Any) -> Doubles:
    """Features of activations (n_tokens, width), written out in float64."""
    of = {name: np.asarray(values, dtype=np.float64) for name, values in made.items()}
    x: Doubles = np.asarray(activations, dtype=np.float64)
    if how.get("norm") == "layer_norm":
        x = x - x.mean(axis=1, keepdims=True)
        x = x / (x.std(axis=1, ddof=1, keepdims=True) + 1e-5)
    if how.get("norm") == "constant_norm_rescale":
        x = x * np.sqrt(x.shape[1]) / np.linalg.norm(x, axis=1, keepdims=True)
    x = x - of["b_dec"] if how.get("subtracts", True) else x
    z = x @ of["W_enc"]
    if architecture == "gated":
        return np.where(z + of["b_gate"] > 0, np.maximum(z * np.exp(of["r_mag"]) + of["b_mag"], 0), 0)
    z = z + of["b_enc"]
    if architecture == "jumprelu":
        return np.where(z > of["threshold"], np.maximum(z, 0), 0)
    if architecture == "topk":
        least = np.sort(z, axis=1)[:, -how["k"], None]
        return np.where(z >= least, np.maximum(z, 0), 0)
    return np.maximum(z, 0)
