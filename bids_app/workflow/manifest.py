"""The record in a folder of resources: which commit of each model was fetched, and how large each file was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bids_app.bids.atomic import write_text
from bids_app.workflow.shared import locked

NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What was fetched: the commit of each model (key: name, or name@revision asked for), bytes of each file."""

    models: dict[str, str] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)

    def commit(self, name: str, revision: str | None) -> str | None:
        """The commit of a model that was fetched when it was asked for with this revision; None where it was not."""
        return self.models.get(_key(name, revision))

    def find_damage(self, resources: Path, paths: Iterable[Path]) -> str | None:
        """A sentence about the first file whose size is not that of when it was fetched; None when all are whole."""
        for path in paths:
            expected = self.files.get(_relative(path, resources), path.stat().st_size)
            if path.stat().st_size != expected:
                return f"{path} has {path.stat().st_size:,} bytes and had {expected:,} when it was fetched"
        return None


def read_manifest(resources: Path) -> Manifest:
    """The manifest of a folder; an empty one where there is none, as in a cache copied by hand.

    Raises ValueError when it cannot be read.
    """
    path = resources / NAME
    if not path.is_file():
        return Manifest()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Manifest(dict(content["models"]), dict(content["files"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no manifest of `n2n fetch` ({error}): remove it and fetch again.") from None


def record(resources: Path, paths: Iterable[Path], model: tuple[str, str | None, str] | None = None) -> None:
    """Add fetched files, and for a model its name, the revision asked for and the commit. Safe for several at once."""
    with locked(resources / f".{NAME}.lock"):
        before = read_manifest(resources)
        files = before.files | {_relative(path, resources): path.stat().st_size for path in paths}
        models = before.models | ({_key(model[0], model[1]): model[2]} if model else {})
        content = {"models": dict(sorted(models.items())), "files": dict(sorted(files.items()))}
        write_text(resources / NAME, json.dumps(content, indent=2) + "\n")


def _key(name: str, revision: str | None) -> str:
    return name if revision is None else f"{name}@{revision}"


def _relative(path: Path, resources: Path) -> str:
    return path.relative_to(resources).as_posix() if path.is_relative_to(resources) else str(path)
