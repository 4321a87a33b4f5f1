"""How an option is declared: its type, its range, its help, and what it decides.

An option is a field of a frozen dataclass. Options of an analysis stand beside it; what several analyses read is
decided by the options in `bids_app.settings`, which name that reading (`RESPONSES`, `DESIGNS`, …).
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

# What analyses read. An option that decides one of them decides every result that is made from it.
ACTIVATIONS = "activations"  # of the language model
DICTIONARY = "dictionary"  # of the model's neurons
RESPONSES = "responses"  # of the brain, and how they are split into folds
DESIGNS = "designs"  # what a model says about the volumes of a run
PENALTIES = "penalties"  # of the ridge regression
LAYER = "layer"
WINDOWS = "windows"  # of words ahead
PERMUTATIONS = "permutations"
ATLAS = "atlas"  # of functional networks
REGIONS = "regions"  # the second atlas
CEILING = "ceiling"
READINGS = (
    *(ACTIVATIONS, DICTIONARY, RESPONSES, DESIGNS, PENALTIES, LAYER, WINDOWS, PERMUTATIONS, ATLAS, REGIONS, CEILING),
)
# What an option may decide beside them.
FILES = ("files",)  # which files are read: they count by their content (`bids.provenance`), wherever they lie
GROUP = ("group",)  # the group level, which is computed anew each time
NOTHING = ()  # where things are, which results are made, how they are computed, what is said


class Allowed(Protocol):
    """What a value may be; `str` of it is the sentence for messages."""

    def holds(self, value: Any) -> bool:
        """Whether a value is allowed."""


@dataclass(frozen=True)
class Range:
    """Numbers that are allowed, from `least` to `most`; `open_least`, `open_most`: without that number itself."""

    least: float
    most: float
    open_least: bool = False
    open_most: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number is allowed; NaN never is."""
        above = value > self.least if self.open_least else value >= self.least
        return above and (value < self.most if self.open_most else value <= self.most)

    def __str__(self) -> str:
        """What must be, for messages.

        >>> str(Range(0, 1, open_least=True))
        'must be above 0 and at most 1'
        """
        low = f"{'above' if self.open_least else 'at least'} {self.least:.12g}"
        return f"must be {low} and {'below' if self.open_most else 'at most'} {self.most:.12g}"


@dataclass(frozen=True)
class Form:
    """Texts that are allowed: those that match a pattern as a whole, or numbers of a range."""

    pattern: str
    must: str
    numbers: Range | None = None

    def holds(self, value: str) -> bool:
        """Whether a text is allowed.

        >>> Form("cv", "", Range(0, 1)).holds("0.3"), Form("cv", "").holds("0.3")
        (True, False)
        """
        return re.fullmatch(self.pattern, value) is not None or (self.numbers is not None and self._in_range(value))

    def _in_range(self, value: str) -> bool:
        assert self.numbers is not None
        try:
            return self.numbers.holds(float(value))
        except ValueError:
            return False

    def __str__(self) -> str:
        """What must be, for messages."""
        return self.must


def option(
    default: Any,
    group: str,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    metavar: str | None = None,
    short: str | None = None,
    allowed: Allowed | None = None,
    decides: tuple[str, ...] | None = None,
) -> Any:
    """Declare one option: what the command line shows of it, what its values may be, and what it decides.

    `decides` names `READINGS`, or is `FILES`, `GROUP` or `NOTHING`. An option of an analysis that leaves it out decides
    the results of that analysis; any other decides all results, and fails a test.
    """
    metadata = {"group": group, "help": help, "choices": choices, "metavar": metavar, "short": short}
    placed = {} if decides is None else {"decides": decides}
    return field(default=default, metadata={**metadata, "allowed": allowed, **placed})


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """An analysis without options of its own."""


def names_of(options: type[Any]) -> tuple[str, ...]:
    """Names of the options that a dataclass declares."""
    return tuple(item.name for item in dataclasses.fields(options))
