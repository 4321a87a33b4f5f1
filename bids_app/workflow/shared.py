"""Artefacts that several processes share: computed once, complete or absent."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock


def computed_once(path: Path, compute: Callable[[Path], None]) -> Path:
    """Return `path` (a file or folder), after calling `compute(draft)` and moving the draft there if it is missing.

    Processes that want the same artefact wait for the one that makes it.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock")):
        if not path.exists():
            draft = path.with_name(f".draft-{uuid4().hex}-{path.name}")
            try:
                compute(draft)
                draft.replace(path)
            finally:
                shutil.rmtree(draft, ignore_errors=True) if draft.is_dir() else draft.unlink(missing_ok=True)
    return path


def key_of(content: Any) -> str:
    """Short name for whatever determines an artefact: a hash of its JSON.

    >>> key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]
