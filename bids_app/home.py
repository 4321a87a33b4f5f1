"""Caches of libraries, moved if the home folder cannot be written, as in containers and on some nodes."""

import os
from pathlib import Path

from bids_app.disk import existing

# Default locations of fonts, templates and models of the Hub, see the XDG base directories.
_XDG = {"XDG_CACHE_HOME": ".cache", "XDG_CONFIG_HOME": ".config"}


def keep_caches_in(folder: Path) -> None:
    """Make libraries keep their caches in `folder` if the home folder cannot be written.

    Environment variables set by the user stay. Call this before importing libraries: most read the environment once,
    on import.
    """
    for variable, name in _XDG.items():
        if not _is_writable(name):
            os.environ.setdefault(variable, str(folder))


def _is_writable(name: str) -> bool:
    """Whether a folder in the home folder can be written or created."""
    try:
        there = existing(Path.home() / name)
    except RuntimeError:  # a user unknown to the system, without HOME
        return False
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
