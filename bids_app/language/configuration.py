"""Read and check the config.json of a model before anything is built from it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bids_app.text_files import FileError

CONFIG_FILE = "config.json"

_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers")
_WIDTHS = (
    *("hidden_size", "n_embd", "d_model", "dim", "emb_dim", "intermediate_size", "n_inner", "ffn_dim", "d_ff"),
    *("d_inner", "dff", "vocab_size", "n_words", "num_experts", "num_local_experts", "n_routed_experts"),
)
_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len")
# Sizes allowed without matching weights: configurations also hold sizes of unused parts.
_MOST_LAYERS, _USUAL_WIDTH, _MOST_POSITIONS = 1000, 2_000_000, 2**31
_MOST_BYTES = 50_000_000
_ENDINGS = {".json", ".safetensors", ".txt", ".model"}


def read_configuration(folder: Path) -> dict[str, Any]:
    """The content of config.json, with plausible whole numbers as sizes.

    Raises FileNotFoundError if it is missing, with the content of the folder, and FileError, with file and key, if it
    is unusable.
    """
    path = folder / CONFIG_FILE
    _check_entries(folder)
    if not path.is_file():
        raise FileNotFoundError(f"The folder {folder} holds no model: it has no {CONFIG_FILE}{_found_instead(folder)}.")
    content = read_json(path)
    if not isinstance(content.get("model_type"), str):
        raise FileError(f"{path} names no model_type: copy or download the model again.")
    if quantised := content.get("quantization_config"):
        method = quantised.get("quant_method", "unknown method") if isinstance(quantised, dict) else quantised
        raise FileError(f"The weights in {folder} are quantised ({method}): choose the model in its original weights.")
    return content


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises FileError, which names the file, if it is unreadable or something else."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise FileError(f"{path} cannot be read as JSON ({reason}): copy or download the model again.") from None
    if not isinstance(content, dict):
        raise FileError(f"{path} must hold a JSON object such as {{…}}: copy or download the model again.")
    return content


def check_sizes(folder: Path, n_weights: int = 0) -> None:
    """Refuse a configuration whose sizes are not whole numbers, or exceed the stored weights.

    It builds no model, because a million layers would take hours. Raises as `read_configuration`.
    """
    limits = dict.fromkeys(_LAYERS, _MOST_LAYERS)
    limits |= dict.fromkeys(_WIDTHS, max(n_weights, _USUAL_WIDTH))
    limits |= dict.fromkeys(_POSITIONS, _MOST_POSITIONS)
    for key, value in _sizes(read_configuration(folder), limits):
        where = f"{folder / CONFIG_FILE}: {key} = {value!r}"
        if isinstance(value, bool) or not isinstance(value, int) or (value < 0 and key not in _POSITIONS):
            raise FileError(f"{where} must be a whole number, not negative: correct it, or copy the model again.")
        if value > limits[key]:
            raise FileError(
                f"{where} is more than a model can have ({limits[key]:,} at most"
                f"{f', by its {n_weights:,} weights' if n_weights else ''}): correct it, or copy the model again."
            )


def _sizes(content: Mapping[str, Any], limits: Mapping[str, int]) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _sizes(value, limits)
        elif key in limits and value is not None:
            yield from ((key, size) for size in (value if isinstance(value, list) else [value]))


def _check_entries(folder: Path) -> None:
    """Refuse links without content and anything but files, such as a pipe that never ends."""
    for path in sorted(folder.iterdir()):
        if path.suffix not in _ENDINGS or path.is_file():
            continue
        if path.is_symlink() and not path.exists():
            raise FileNotFoundError(
                f"{path} is a link to content that is not here: get it (datalad get …), or download the model again."
            )
        raise FileError(f"{path} is not a file, but a folder, a pipe or a device: copy or download the model again.")


def _found_instead(folder: Path) -> str:
    if (folder / "adapter_config.json").is_file():
        return ", but a LoRA adapter: merge it into its base model (peft's merge_and_unload) and save that"
    if ggufs := sorted(path.name for path in folder.glob("*.gguf")):
        return f", but {ggufs[0]}: GGUF files cannot be read; choose the model's original safetensors"
    models = sorted(path.parent.name for path in folder.glob(f"*/{CONFIG_FILE}"))[:3]
    return f", but its folder{'s' * (len(models) > 1)} {', '.join(models)}: give that" if models else ""
