"""Where a model's files are, and a hash of everything in them that determines its activations."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

_TEXT_FILES = ["*.json", "*.txt", "*.model", "*.tiktoken"]
_OTHER_WEIGHTS = ["*/*", "consolidated*"]  # other frameworks' copies of the same weights
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True)
class ModelFiles:
    """A folder with a model's configuration, tokenizer and weights; the commit for a model of the Hub, else None."""

    folder: Path
    revision: str | None


def find_model(name_or_path: str, revision: str | None = None, with_weights: bool = True) -> ModelFiles:
    """Find a model: a folder, else a name on the Hugging Face Hub (its local cache, or a download into it).

    Raises FileNotFoundError when there is neither.
    """
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(f"The folder {folder} holds no model: it has no config.json.")
        return ModelFiles(folder, None)
    if not _HUB_NAME.fullmatch(name_or_path) or name_or_path.startswith("."):
        raise FileNotFoundError(
            f"There is no model folder {name_or_path}: give an existing folder or a name on the Hugging Face Hub."
        )
    folder = _hub_snapshot(name_or_path, revision, with_weights)
    return ModelFiles(folder, folder.name)


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files that hold the weights, sorted by name.

    Raises ValueError when there are none, as where weights are kept as pickles only.
    """
    if (folder / WEIGHTS_FILE).is_file():
        return [folder / WEIGHTS_FILE]
    if (folder / INDEX_FILE).is_file():
        names = set(json.loads((folder / INDEX_FILE).read_text())["weight_map"].values())
        return [folder / name for name in sorted(names)]
    pickles = sorted(path.name for path in folder.glob("*.bin"))
    found = f"only {', '.join(pickles)}, and pickled weights can run code when they are read" if pickles else "none"
    raise ValueError(
        f"The model in {folder} must have its weights as safetensors ({WEIGHTS_FILE}, or several files with "
        f"{INDEX_FILE}), but there is {found}: convert it with transformers' save_pretrained, or choose another model."
    )


def hash_weights(folder: Path) -> str:
    """Return the SHA-256 of the contents of the safetensors files (of one file, the hash of that file)."""
    digests = [_hash_file(path) for path in weight_files(folder)]
    return digests[0] if len(digests) == 1 else hash_texts(digests)


def hash_texts(texts: list[str]) -> str:
    """Return the SHA-256 of texts, in their order and with their borders."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def hash_tokenizer(tokenizer: Any) -> str:
    """Return the SHA-256 of a tokenizer's vocabulary and rules."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    return hash_texts([rules])


def _hash_file(path: Path) -> str:
    blob = path.resolve().name
    if path.is_symlink() and _SHA256.fullmatch(blob):
        return blob  # the Hub's cache names large files by their SHA-256
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _hub_snapshot(name: str, revision: str | None, with_weights: bool) -> Path:
    from huggingface_hub import snapshot_download

    patterns = [*_TEXT_FILES, "*.safetensors"] if with_weights else _TEXT_FILES
    try:
        folder = snapshot_download(name, revision=revision, allow_patterns=patterns, ignore_patterns=_OTHER_WEIGHTS)
    except (OSError, ValueError) as error:
        asked = name if revision is None else f"{name} at revision {revision}"
        reason = str(error).strip().partition("\n")[0]
        raise FileNotFoundError(
            f"The model {asked} is neither a folder here, nor in the local cache of the Hugging Face Hub, nor can it "
            f"be downloaded ({type(error).__name__}: {reason}): give a folder, or fetch it where there is network."
        ) from error
    return Path(folder)
