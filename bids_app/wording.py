"""Phrases for messages: lists, and errors of libraries. Imports nothing from the package."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any


def listed(items: Sequence[object], most: int = 10, separator: str = ", ") -> str:
    """The first items, with the total number if some are omitted; "none" for none.

    >>> listed(["a", "b"]), listed(range(9), most=2), listed([])
    ('a, b', '0, 1, … (9 in all)', 'none')
    """
    shown = [str(item) or "(no name)" for item in items[:most]]
    if len(items) > most:
        shown.append(f"… ({len(items)} in all)")
    return separator.join(shown) or "none"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One phrase for each setting that differs, both in the form of JSON.

    >>> differences({"atoms": 64, "seed": 0}, {"atoms": 32, "seed": 0})
    ['atoms was 64, now 32']
    """
    now = json.loads(json.dumps(now, default=str))
    return [
        f"{key} was {before.get(key)}, now {now.get(key)}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


def in_one_line(error: BaseException) -> str:
    """Kind and text of an error, shortened to one line: messages of network libraries fill pages.

    >>> in_one_line(OSError("no route\\n  to host"))
    'OSError: no route to host'
    """
    return textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" …")
