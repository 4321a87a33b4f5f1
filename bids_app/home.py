"""A home folder that cannot be written, as in containers and on some nodes: libraries keep their caches elsewhere."""

import os
from pathlib import Path

from bids_app.disk import existing

# Where fonts, templates and models of the hub are kept when nothing else is set, see the XDG base directories.
_XDG = {"XDG_CACHE_HOME": ".cache", "XDG_CONFIG_HOME": ".config"}


def keep_caches_in(folder: Path) -> None:
    """Let libraries cache in `folder` what they would keep in the home folder, if that cannot be written.

    What the user has set in the environment stays. To be called before anything heavy is imported: most libraries look
    once, when they are imported.
    """
    for variable, name in _XDG.items():
        if not _is_writable(name):
            os.environ.setdefault(variable, str(folder))


def _is_writable(name: str) -> bool:
    """Whether a folder of the home folder can be written, or made."""
    try:
        there = existing(Path.home() / name)
    except RuntimeError:  # a user whom the system does not know, and no HOME
        return False
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
