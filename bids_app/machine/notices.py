"""Log automatic decisions once, although every job of a process makes the same decision."""

from __future__ import annotations

import logging
from functools import cache

log = logging.getLogger("neurons2networks")


@cache
def notice(level: int, message: str) -> None:
    """Log a message, unless this process has logged it before."""
    log.log(level, "%s", message)
