"""The manifest of a folder of resources: commit of each fetched model, size and SHA-256 of each file."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bids_app.atomic import write_text
from bids_app.checksums import sha256_of
from bids_app.machine.once import locked
from bids_app.text_files import FileError, is_there, read_json, read_json_content

NAME = "manifest.json"
CHECKED = ".checked.json"  # size and time of files already verified

_Value = TypeVar("_Value", str, int)

log = logging.getLogger("neurons2networks")


@dataclass(frozen=True)
class Manifest:
    """Fetched resources: commit of each model (key: name, or name@revision), bytes of each file.

    `hashes` holds the SHA-256 of each file; manifests of earlier versions have none.
    """

    models: dict[str, str] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)

    def commit(self, name: str, revision: str | None) -> str | None:
        """The commit that was fetched for a model and requested revision, or None."""
        return self.models.get(_key(name, revision))

    def find_damage(self, resources: Path, paths: Iterable[Path]) -> str | None:
        """A sentence about the first file that differs from its fetched state; None if all are intact.

        Contents are compared once: intact files are noted beside the manifest, if it can be written.
        """
        known = _read_checked(resources)
        checked = dict(known)
        for path in paths:
            name, state = _relative(path, resources), path.stat()
            size = state.st_size
            if size != self.files.get(name, size):
                return f"{path} has {size:,} bytes and had {self.files[name]:,} when it was fetched"
            seen = [size, state.st_mtime_ns]
            if name in self.hashes and checked.get(name) != seen:
                if sha256_of(path) != self.hashes[name]:
                    return f"{path} has other content than when it was fetched (its SHA-256 differs)"
                checked[name] = seen
        if checked != known:
            _note_checked(resources, checked)
        return None


def read_manifest(resources: Path) -> Manifest:
    """The manifest of a folder; empty without one, as in a cache copied by hand.

    Raises FileError if it cannot be read.
    """
    path = resources / NAME
    if not is_there(path):
        return Manifest()
    try:
        content = read_json(path)
        return Manifest(
            _entries(content, "models", str), _entries(content, "files", int), _entries(content, "sha256", str, {})
        )
    except ValueError as error:
        raise FileError(f"{path} is not a manifest of `n2n fetch` ({error}): remove it and fetch again.") from None


def _entries(content: Mapping[str, object], key: str, kind: type[_Value], default: object = None) -> dict[str, _Value]:
    """A section of a manifest. Raises ValueError if its values have a wrong type."""
    section = content.get(key, default)
    if not isinstance(section, dict) or not all(isinstance(value, kind) for value in section.values()):
        raise ValueError(f"{key} must be an object of values such as {kind(12)!r}")
    return section


def record(resources: Path, paths: Iterable[Path], model: tuple[str, str | None, str] | None = None) -> None:
    """Add fetched files, and for a model its name, requested revision and commit. Safe for concurrent processes."""
    paths = list(paths)
    hashes = {_relative(path, resources): sha256_of(path) for path in paths}
    with locked(resources / f".{NAME}.lock"):
        before = read_manifest(resources)
        files = before.files | {_relative(path, resources): path.stat().st_size for path in paths}
        models = before.models | ({_key(model[0], model[1]): model[2]} if model else {})
        content = {
            "models": dict(sorted(models.items())),
            "files": dict(sorted(files.items())),
            "sha256": dict(sorted((before.hashes | hashes).items())),
        }
        write_text(resources / NAME, json.dumps(content, indent=2) + "\n")


def _read_checked(resources: Path) -> dict[str, list[int]]:
    try:
        content = read_json_content(resources / CHECKED)
    except ValueError:
        content = None
    return content if isinstance(content, dict) else {}


def _note_checked(resources: Path, checked: dict[str, list[int]]) -> None:
    try:
        write_text(resources / CHECKED, json.dumps(checked, indent=1) + "\n")
    except OSError:
        log.debug("%s cannot be written to: its files are compared with their hashes in every run.", resources)


def _key(name: str, revision: str | None) -> str:
    return name if revision is None else f"{name}@{revision}"


def _relative(path: Path, resources: Path) -> str:
    return path.relative_to(resources).as_posix() if path.is_relative_to(resources) else str(path)
