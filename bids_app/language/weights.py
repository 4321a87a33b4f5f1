"""Find the files of a model, and hash everything in them that determines its activations."""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_app.checksums import sha256_of
from bids_app.language.configuration import check_sizes, read_configuration, read_json
from bids_app.text_files import FileError
from bids_app.wording import in_one_line

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

_TEXT_FILES = ["*.json", "*.txt", "*.model", "*.tiktoken"]
_OTHER_WEIGHTS = ["*/*", "consolidated*"]  # copies of the weights for other frameworks
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LOCAL: Mapping[str, Any] = {"local_files_only": True}


@dataclass(frozen=True)
class ModelFiles:
    """A folder with a model's configuration, tokenizer and weights; the commit for a model of the Hub, else None."""

    folder: Path
    revision: str | None


def find_model(
    name_or_path: str,
    revision: str | None = None,
    with_weights: bool = True,
    *,
    resources: Sequence[Path] = (),
    download: bool = True,
) -> ModelFiles:
    """Find a model: a folder, else a name on the Hugging Face Hub (its local cache, or a download into it).

    `resources` are folders filled by `fetch_model`: a name is searched there, then in the local cache. If `download` is
    false, the Hub is never accessed.

    Raises FileNotFoundError if the model is not available, ValueError if its config.json is unusable.
    """
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        read_configuration(folder)
        return ModelFiles(folder, None)
    if not is_hub_name(name_or_path):
        raise FileNotFoundError(
            f"There is no model folder {name_or_path}: give an existing folder or a name on the Hugging Face Hub."
        )
    ways: list[Mapping[str, Any]] = [{"cache_dir": folder, **_LOCAL} for folder in resources]
    ways.append({} if download else _LOCAL)
    searched = "".join(f"nor in {folder}, " for folder in resources)
    reason = f"is neither a folder here, {searched}nor in the local cache of the Hugging Face Hub"
    return _hub_snapshot(name_or_path, revision, with_weights, ways, reason)


def fetch_model(name: str, revision: str | None, resources: Path) -> ModelFiles:
    """Download a model of the Hub, tokenizer and safetensors only, into a folder laid out like the Hub's cache.

    Raises FileNotFoundError if it is not available, ValueError if it has no safetensors.
    """
    files = _hub_snapshot(name, revision, True, [{"cache_dir": resources}], f"is not in {resources}")
    check_complete(files)
    return files


def is_hub_name(name: str) -> bool:
    """Whether a name may be that of a model on the Hub.

    >>> is_hub_name("gpt2"), is_hub_name("openai-community/gpt2"), is_hub_name("../gpt2"), is_hub_name("a/b/c")
    (True, True, False, False)
    """
    return _HUB_NAME.fullmatch(name) is not None and not name.startswith(".")


def check_complete(files: ModelFiles) -> list[Path]:
    """The files with the weights, after checks of their headers and of the sizes in config.json.

    Raises FileNotFoundError for a missing file, ValueError for a truncated one, and errors of `weight_files` and
    `check_sizes`.
    """
    n_weights = 0
    paths = weight_files(files.folder)
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"The model in {files.folder} is incomplete: {path.name} is missing.")
        n_weights += sum(map(math.prod, _shapes(path)))
    check_sizes(files.folder, n_weights)
    return paths


def count_weights(folder: Path) -> int:
    """Number of weights in the safetensors files, from their headers.

    Raises FileError for a file that is not a safetensors file, or truncated.
    """
    return sum(math.prod(shape) for path in weight_files(folder) for shape in _shapes(path))


def _shapes(path: Path) -> list[list[int]]:
    """Shape of each tensor in a file, from its header."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as tensors:
            return [list(tensors.get_slice(key).get_shape()) for key in tensors.keys()]  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise FileError(f"{path} is not a complete safetensors file ({error}): copy or download it again.") from error


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files that hold the weights, sorted by name.

    Raises ValueError if there are none, for example only pickles.
    """
    if (folder / WEIGHTS_FILE).is_file():
        return [folder / WEIGHTS_FILE]
    if (folder / INDEX_FILE).is_file():
        return _files_of_index(folder / INDEX_FILE)
    pickles = sorted(path.name for ending in ("bin", "pt", "pth", "ckpt") for path in folder.glob(f"*.{ending}"))
    others = sorted(path.name for ending in ("safetensors", "gguf") for path in folder.glob(f"*.{ending}"))
    present = f"only {', '.join(pickles)}, and pickled weights can run code when they are read" if pickles else "none"
    present = f"only {', '.join(others)}" if others else present
    raise ValueError(
        f"The model in {folder} must have its weights as safetensors ({WEIGHTS_FILE}, or several files with "
        f"{INDEX_FILE}), but there is {present}: convert it with transformers' save_pretrained, or choose another "
        "model."
    )


def _files_of_index(path: Path) -> list[Path]:
    """The files named by an index, sorted; FileError for an invalid index, or one that points out of its folder."""
    names = read_json(path).get("weight_map")
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise FileError(f"{path} must hold a weight_map of tensors to files: copy or download the model again.")
    for name in names.values():
        if Path(name).name != name or "\\" in name or not name.endswith(".safetensors"):
            raise FileError(f"{path} names the file {name!r}, which must be a safetensors file in the same folder.")
    return [path.parent / name for name in sorted(set(names.values()))]


def hash_weights(folder: Path) -> str:
    """Return the SHA-256 of the contents of the safetensors files (of one file, the hash of that file)."""
    digests = [hash_file(path) for path in weight_files(folder)]
    return digests[0] if len(digests) == 1 else hash_texts(digests)


def hash_texts(texts: list[str]) -> str:
    """Return the SHA-256 of texts, which depends on their order and borders."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def hash_tokenizer(tokenizer: Any) -> str:
    """Return the SHA-256 of a tokenizer's vocabulary and rules."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    return hash_texts([rules])


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file; in the Hub's cache, its name holds it."""
    blob = path.resolve().name
    if path.is_symlink() and _SHA256.fullmatch(blob):
        return blob  # the Hub's cache names large files by their SHA-256
    return sha256_of(path)


def _hub_snapshot(
    name: str, revision: str | None, with_weights: bool, ways: Sequence[Mapping[str, Any]], where: str
) -> ModelFiles:
    """The first answer of several `ways` to query the client of the Hub; `where` names the last one in messages."""
    from huggingface_hub import snapshot_download

    patterns = [*_TEXT_FILES, "*.safetensors"] if with_weights else _TEXT_FILES
    reason, cause = "", None
    for way in ways:
        try:
            folder = snapshot_download(
                name, revision=revision, allow_patterns=patterns, ignore_patterns=_OTHER_WEIGHTS, **way
            )
        except Exception as error:  # any error of the Hub's client, its HTTP library or the network
            if not way.get("local_files_only"):
                cause = _in_short(error)
                reason = f", nor can it be downloaded ({cause})"
        else:
            return ModelFiles(Path(folder), Path(folder).name)
    asked = name if revision is None else f"{name} at revision {revision}"
    cure = "give a folder, or fetch it where there is network"
    raise FileNotFoundError(f"The model {asked} {where}{reason}: {cure}.") from cause


def _in_short(error: Exception) -> OSError:
    """The error in one line, with the original as its cause."""
    from huggingface_hub.errors import RepositoryNotFoundError

    # To anonymous users, the Hub does not distinguish a missing model from one that needs permission.
    needs = "; check the name, and for a model that needs permission set HF_TOKEN"
    short = OSError(in_one_line(error) + (needs if isinstance(error, RepositoryNotFoundError) else ""))
    short.__cause__ = error
    return short
