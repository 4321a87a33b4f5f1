"""How a statistic is computed block by block: a `map`, here or on other machines."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Apply(Protocol):
    """`map`: the results in the order of the items, of which few are in memory at a time."""

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterable[Result]:
        """The results of a function that treats each item by itself."""


def here(function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterable[Result]:
    """One item after the other, in this process."""
    return map(function, items)
