"""A file appears under its final name complete or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KEPT_LETTERS = 50


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a hidden path in the same folder, with the same ending, that takes the final name when the block succeeds.

    When the block fails nothing is left behind. Several processes may write the same path at once: the last one wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The end alone, since a long name would become too long.
    partial = path.with_name(f".{uuid.uuid4().hex}_{path.name[-_KEPT_LETTERS:]}")
    try:
        yield partial
        os.replace(partial, path)  # noqa: PTH105
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write text (utf-8) atomically; an identical file is left as it is."""
    content = text.encode()
    if not (path.is_file() and path.read_bytes() == content):
        with atomic_path(path) as partial:
            partial.write_bytes(content)
    return path
