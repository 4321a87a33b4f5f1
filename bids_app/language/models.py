"""Language models from Hugging Face: found, loaded from safetensors, and described."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bids_app.language.configuration import CONFIG_FILE, check_sizes, read_configuration
from bids_app.language.experts import find_mixture
from bids_app.language.heads import with_head
from bids_app.language.labels import model_label
from bids_app.language.neurons import find_blocks
from bids_app.language.text_part import text_part
from bids_app.language.weights import (
    ModelFiles,
    check_complete,
    find_model,
    hash_texts,
    hash_tokenizer,
    hash_weights,
    weight_files,
)
from bids_app.stats.device import resolve_device
from bids_app.wording import in_one_line

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

_DEFAULT_MAX_TOKENS = 2048  # of models without a limit of their own, such as those with ALiBi positions
_SAID_WITHOUT_LIMIT = 10**6  # tokenizers write 10³⁰ for "no limit"
_PROBE_TOKENS = 8
_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length")


@dataclass(frozen=True)
class LanguageModel:
    """A language model ready to read, without its head.

    `label` is alphanumeric, for file names; `revision` is the commit on the Hub (None for a folder); `n_layers` counts
    transformer blocks; `max_tokens` is the longest window it reads, including special tokens; `dtype` is a key of
    `DTYPES`; `weights_hash` identifies weights, configuration and tokenizer; a model that does not
    respect padding reads one window at a time.
    """

    name: str
    label: str
    revision: str | None
    model: torch.nn.Module
    tokenizer: Any
    is_causal: bool
    n_layers: int
    max_tokens: int
    device: torch.device
    dtype: str
    weights_hash: str
    heeds_padding: bool = True


def load_model(
    name_or_path: str | Path,
    revision: str | None = None,
    dtype: str = "float32",
    device: str = "auto",
    untrained_seed: int | None = None,
    resources: Sequence[Path] = (),
    download: bool = True,
    head: bool = False,
) -> LanguageModel:
    """Load a base model and its tokenizer from a folder or, at a `revision`, from the Hugging Face Hub.

    `resources` and `download` as in `weights.find_model`.

    Weights come from safetensors only, and code that comes with a model is never run. `untrained_seed` selects random
    weights of the same architecture (label + "untrained" + seed). A model that would fill more than half of one GPU is
    spread over all GPUs. `head` keeps the head that predicts the next token, or a masked one, for `surprisal`.

    Raises FileNotFoundError if there is no such model and ValueError if it cannot be used.
    """
    if dtype not in DTYPES:
        raise ValueError(f"Unknown dtype {dtype!r}: choose one of {', '.join(DTYPES)}.")
    if head and untrained_seed is not None:
        raise ValueError("A model with random weights predicts no words: leave out untrained_seed, or head.")
    name = str(name_or_path)
    target = resolve_device(device)
    files = find_model(name, revision, with_weights=untrained_seed is None, resources=resources, download=download)
    check_sizes(files.folder)
    config = _load_config(files, name)
    if untrained_seed is None:
        check_complete(files)
    tokenizer = _load_tokenizer(files, name)
    configuration = hash_texts([(files.folder / "config.json").read_text(encoding="utf-8"), hash_tokenizer(tokenizer)])
    if untrained_seed is None:
        model = _load_weights(files, config, DTYPES[dtype], target, device, name)
        source = hash_texts([hash_weights(files.folder), configuration])
    else:
        model = text_part(_random_weights(config, untrained_seed), name)[0].to(device=target, dtype=DTYPES[dtype])
        source = f"untrained-{untrained_seed}-{configuration}"
    model.eval().requires_grad_(False)
    n_layers = len(find_blocks(model).blocks)
    _check_vocabulary(model, tokenizer, name)
    is_causal = _is_causal(model, tokenizer, name)
    loaded = LanguageModel(
        name=name,
        label=model_label(name) + ("" if untrained_seed is None else f"untrained{untrained_seed}"),
        revision=files.revision,
        model=model,
        tokenizer=tokenizer,
        is_causal=is_causal,
        n_layers=n_layers,
        max_tokens=_max_tokens(model, tokenizer),
        device=next(model.parameters()).device,
        dtype=dtype,
        weights_hash=source,
        heeds_padding=is_causal or _heeds_padding(model, tokenizer),
    )
    if not head:
        return loaded
    described = replace(loaded, model=torch.nn.Identity())
    del model, loaded  # so that memory holds the weights once
    return with_head(described, files.folder, use_cache=False)


def _load_config(files: ModelFiles, name: str) -> Any:
    from transformers import AutoConfig  # slow to import, and not needed for cached activations

    raw = read_configuration(files.folder)
    try:
        config = AutoConfig.from_pretrained(files.folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # any error of the checks of a hundred families
        kind, brings_code = raw["model_type"], "auto_map" in raw
        why = ", and the code that it brings (auto_map) is never run" if brings_code else ""
        raise ValueError(
            f"This version of transformers cannot read the configuration of the model {name}, of type {kind!r}{why}: "
            f"choose another model, or correct {files.folder / CONFIG_FILE} ({_first_line(error)})."
        ) from error
    config.use_cache = False
    config.chunk_size_feed_forward = 0  # so that each hook sees whole windows
    return config


def _load_tokenizer(files: ModelFiles, name: str) -> Any:
    from transformers import AutoTokenizer

    reason = "it has no vocabulary"  # transformers makes an empty tokenizer if files are missing
    try:
        tokenizer = AutoTokenizer.from_pretrained(files.folder, trust_remote_code=False, local_files_only=True)
        if len(_ordinary_tokens(tokenizer)) > 1:
            return tokenizer
    except Exception as error:  # the tokenizers library raises bare Exceptions
        reason = _first_line(error)
    raise ValueError(
        f"The tokenizer of the model {name} cannot be read ({reason}): add its tokenizer.json, or install "
        "sentencepiece and protobuf when it has only a tokenizer.model."
    )


def _ordinary_tokens(tokenizer: Any) -> list[int]:
    return sorted(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids))


def _load_weights(
    files: ModelFiles, config: Any, dtype: torch.dtype, target: torch.device, device: str, name: str
) -> Any:
    from transformers import AutoModel

    size = sum(path.stat().st_size for path in weight_files(files.folder))
    spread = {"device_map": "auto"} if device in ("auto", "cuda") and _is_too_large_for_one_gpu(size) else {}
    try:
        model, loading = AutoModel.from_pretrained(
            files.folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            **spread,
        )
    except Exception as error:  # different sizes, families without a body, missing libraries
        raise ValueError(
            f"The weights of the model {name} cannot be read into a {config.model_type} as "
            f"{files.folder / CONFIG_FILE} describes it ({_first_line(error)}): copy it again, or choose another."
        ) from error
    text_model, prefix = text_part(model, name)
    keys = loading["missing_keys"]
    missing = sorted(key.removeprefix(prefix) for key in keys if key.startswith(prefix) and "pooler" not in key)
    if missing:
        raise ValueError(
            f"The weights in {files.folder} lack {len(missing)} tensors of {type(text_model).__name__}, such as "
            f"{missing[0]}: the files are incomplete or belong to another architecture."
        )
    if beyond := _blocks_beyond(loading["unexpected_keys"], loading["missing_keys"], model):
        raise ValueError(
            f"The weights in {files.folder} hold {len(beyond)} tensors of blocks that {CONFIG_FILE} leaves out, "
            f"such as {beyond[0]}: it counts fewer layers than there are; copy the model again."
        )
    _check_finite(text_model, name)
    return text_model if spread else text_model.to(target)


def _blocks_beyond(unused: Iterable[str], missing: Iterable[str], model: Any) -> list[str]:
    """Stored tensors of blocks like those of the model, but with numbers beyond its blocks.

    Tensors that transformers omits on purpose, such as blocks that predict several tokens, are not among the unused.
    """
    numbered = re.compile(r"(?<=\.)\d+(?=\.)|^\d+(?=\.)")
    known = {numbered.sub("0", key, count=1) for key in (*model.state_dict(), *missing)}
    keys = {key: key.removeprefix(f"{model.base_model_prefix}.") for key in unused}
    return sorted(
        key
        for key, parameter in keys.items()
        if numbered.search(parameter) and numbered.sub("0", parameter, count=1) in known
    )


def _check_finite(model: torch.nn.Module, name: str) -> None:
    for key, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise ValueError(
                f"The weights of the model {name} hold values that are not finite, in {key}: copy the model again, or "
                "use --dtype float32 or bfloat16 where they do not fit into float16."
            )


def _check_vocabulary(model: Any, tokenizer: Any, name: str) -> None:
    try:
        n_rows = model.get_input_embeddings().weight.shape[0]
    except (AttributeError, NotImplementedError):
        return  # characters without a table (CANINE)
    largest = _ordinary_tokens(tokenizer)[-1]
    if largest >= n_rows:
        raise ValueError(
            f"The tokenizer of the model {name} has tokens up to {largest}, but the model reads only tokens "
            f"below {n_rows}: the two do not belong together; copy the model again."
        )


def _is_too_large_for_one_gpu(n_bytes: int) -> bool:
    return torch.cuda.device_count() > 1 and n_bytes > torch.cuda.get_device_properties(0).total_memory / 2


def _random_weights(config: Any, seed: int) -> Any:
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
        except Exception as error:  # impossible sizes
            raise ValueError(
                f"No {config.model_type} can be made with this config.json: {_first_line(error)}."
            ) from error


@torch.inference_mode()
def _is_causal(model: Any, tokenizer: Any, name: str) -> bool:
    """Whether exchanging the last token leaves the vectors of all previous tokens unchanged."""
    ids = _ordinary_tokens(tokenizer)[:_PROBE_TOKENS]
    device = next(model.parameters()).device
    pair = torch.tensor([ids, [*ids[:-1], ids[0]]], device=device)
    try:
        before, after = (_states(model, text[None])[0, :-1] for text in pair)
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, NotImplementedError) as error:
        raise ValueError(
            f"The model {name} ({type(model).__name__}) cannot read a text of {len(ids)} tokens "
            f"({in_one_line(error)}): choose another model."
        ) from error
    if not torch.isfinite(before).all():
        raise ValueError(
            f"The model {name} gives activations that are not finite for a text of {len(ids)} tokens: its weights are "
            "damaged, or the dtype is too narrow (use float32 or bfloat16)."
        )
    # the number of tokens routed to an expert changes the rounding
    is_mixture = any(find_mixture(block) is not None for block in find_blocks(model).blocks)
    tolerance = max(1e-5, 4 * torch.finfo(before.dtype).eps) if is_mixture else 1e-6
    return bool((before - after).abs().max() <= tolerance * before.abs().max())


@torch.inference_mode()
def _heeds_padding(model: Any, tokenizer: Any) -> bool:
    """Whether padding on the right leaves the vectors of a text unchanged: FNet mixes it in."""
    ids = _ordinary_tokens(tokenizer)[:_PROBE_TOKENS]
    device = next(model.parameters()).device
    text = torch.tensor([ids], device=device)
    padded = torch.tensor([[*ids, *[tokenizer.pad_token_id or 0] * 5]], device=device)
    mask = torch.ones_like(padded)
    mask[0, len(ids) :] = 0
    alone, beside = _states(model, text)[0], _states(model, padded, mask)[0, : len(ids)]
    tolerance = max(1e-4, 8 * torch.finfo(alone.dtype).eps)
    return bool((alone - beside).abs().max() <= tolerance * alone.abs().max())


def _states(model: Any, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    mask = torch.ones_like(ids) if mask is None else mask
    states: torch.Tensor = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return states


def _max_tokens(model: Any, tokenizer: Any) -> int:
    config = model.config.get_text_config()
    positions = [getattr(config, name, None) for name in _POSITIONS]
    known = [value for value in positions if isinstance(value, int) and value > 0]
    if not known:
        limit = tokenizer.model_max_length
        return int(limit) if limit < _SAID_WITHOUT_LIMIT else _DEFAULT_MAX_TOKENS
    return known[0] - _reserved_positions(model)


def _reserved_positions(model: torch.nn.Module) -> int:
    """Rows of the position table reserved for padding: RoBERTa and its variants count from after the padding row."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(module.padding_idx) + 1
    return 0


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
