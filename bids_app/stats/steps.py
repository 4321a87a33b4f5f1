"""How far a long computation is, for a display that listens; silent without one."""

import logging
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
NAME = "neurons2networks.stages.steps"  # below the logger of `machine.live`
_logger = logging.getLogger(NAME)


def counted(items: Sequence[Item], name: str) -> Iterator[Item]:
    """The items in order; before each, listeners learn which it is: `restart 3 of 10`.

    >>> list(counted("ab", "letter"))
    ['a', 'b']
    """
    for number, item in enumerate(items, 1):
        _logger.debug("%s %d of %d", name, number, len(items))
        yield item
