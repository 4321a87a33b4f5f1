"""The log of a run."""

from __future__ import annotations

import logging
import sys

log = logging.getLogger("neurons2networks")
LEVELS = (logging.INFO, logging.DEBUG)


def start_log(verbose: int) -> None:
    """Log to standard error: progress, and with -v (1) each step."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(LEVELS[min(verbose, 1)])
    logging.getLogger("bids_app").setLevel(LEVELS[min(verbose, 1)])
    logging.getLogger().setLevel(logging.DEBUG if verbose > 1 else logging.WARNING)
