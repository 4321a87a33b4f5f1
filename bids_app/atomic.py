"""Files and folders that appear under their final name complete or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KEPT_LETTERS = 50


@contextmanager
def atomic_path(path: Path, *, first_stays: bool = False) -> Iterator[Path]:
    """Yield a hidden path in the same folder, with the same ending, that takes the final name when the block succeeds.

    When the block fails, nothing is left behind. Several processes may write the same path at once: the last one wins,
    or with `first_stays` (for folders, which cannot be replaced) the first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only the end of the name, because a long name would become too long.
    draft = path.with_name(f".{uuid.uuid4().hex}_{path.name[-_KEPT_LETTERS:]}")
    try:
        yield draft
        try:
            os.replace(draft, path)  # noqa: PTH105
        except OSError:
            if not (first_stays and path.exists()):
                raise
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write text (utf-8) atomically; an identical file is left as it is."""
    content = text.encode()
    if not (path.is_file() and path.read_bytes() == content):
        with atomic_path(path) as partial:
            partial.write_bytes(content)
    return path
