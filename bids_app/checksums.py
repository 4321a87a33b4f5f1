"""Sizes and checksums of files, kept beside them to detect damage. Imports only `text_files` from the package."""

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

from bids_app.text_files import check_content

MANIFEST = "manifest.json"
_SEAL = "Checksum"  # key of the checksum of all other content of a JSON file
_FILES_AT_ONCE = 8
SMALL = 1 << 16  # bytes up to which content is compared: tables and JSON, which may change without a new time


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, computed once per process for each state (size and times) of the file.

    Raises FileError for anything but a file: a pipe or a device has no end.
    """
    check_content(path)
    state = path.stat()
    return _sha256(str(path), state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


def sha256_once(path: Path) -> str:
    """`sha256_of` a file that is not asked for again: that of the outputs of 1,000 participants is not remembered."""
    check_content(path)
    return _read_sha256(path)


@lru_cache(maxsize=100_000)
def _sha256(path: str, *_state: int) -> str:
    return _read_sha256(Path(path))


def _read_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_file(path: Path) -> dict[str, object]:
    """Size in bytes and SHA-256 of a file, ready for JSON."""
    return {"Size": path.stat().st_size, "SHA256": sha256_of(path)}


def find_damage(
    folder: Path,
    files: Mapping[str, Mapping[str, object]],
    *,
    fast: bool = False,
    sha256: Callable[[Path], str] = sha256_of,
) -> str | None:
    """The problem with the first file that is missing or differs from `describe_file`; None if all are intact.

    `files` are named by their paths below `folder`. With `fast`, only sizes are compared; otherwise contents too, by
    their `sha256`.
    """
    for name, described in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        size = path.stat().st_size
        if size != described.get("Size"):
            return f"{name} has {size:,} bytes instead of {described.get('Size'):,}"
        if not fast and sha256(path) != described.get("SHA256"):
            return f"the content of {name} has changed since it was written"
    return None


def sealed(content: Mapping[str, object]) -> dict[str, object]:
    """Content of a JSON file with a checksum of itself."""
    return {**content, _SEAL: _digest(content)}


def is_whole(content: Mapping[str, object]) -> bool:
    """Whether the content of a JSON file is as `sealed` left it; files of older versions, without a seal, pass."""
    return _SEAL not in content or content[_SEAL] == _digest(content)


def _digest(content: Mapping[str, object]) -> str:
    rest = {key: value for key, value in content.items() if key != _SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def manifest_path(artefact: Path) -> Path:
    """Path of the manifest of an artefact: inside a folder, beside a file."""
    return artefact / MANIFEST if artefact.is_dir() else artefact.with_name(f"{artefact.name}.{MANIFEST}")


def write_manifest(content: Path, manifest: Path, name: str) -> None:
    """Describe a file that will be called `name`, or all files of a folder, in `manifest`."""
    files = [path for path in sorted(content.rglob("*")) if path.is_file()] if content.is_dir() else [content]
    with ThreadPoolExecutor(_FILES_AT_ONCE) as threads:
        list(threads.map(sha256_of, files))  # which keeps them for `describe_file`
    described = {
        path.relative_to(content).as_posix() if content.is_dir() else name: describe_file(path) for path in files
    }
    draft = manifest.with_name(f".{uuid4().hex}_{manifest.name}")
    try:
        draft.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        draft.replace(manifest)  # whatever existed before: opening a pipe for writing would block for ever
    finally:
        draft.unlink(missing_ok=True)


def is_kept(artefact: Path) -> bool:
    """Whether a cached artefact is there with all its files, by their sizes."""
    return artefact.exists() and artefact_damage(artefact, fast=True) is None


def artefact_damage(artefact: Path, *, fast: bool = False) -> str | None:
    """The damage of an artefact that has a manifest (see `find_damage`); None if it is intact."""
    manifest = manifest_path(artefact)
    try:
        if not manifest.is_file():  # opening a pipe would block
            raise FileNotFoundError(manifest)
        files = json.loads(manifest.read_text(encoding="utf-8"))
        return find_damage(artefact if artefact.is_dir() else artefact.parent, files, fast=fast)
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return f"{manifest.name} is missing or cannot be read"
