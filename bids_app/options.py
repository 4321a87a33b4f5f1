"""Declaration of an option: type, range, help, and the results that depend on it.

An option is a field of a frozen dataclass. Options of an analysis stand beside it. Inputs that several analyses
share depend on the options in `bids_app.settings`, which name them (`RESPONSES`, `DESIGNS`, …).
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

# Inputs of analyses. An option that decides one of them decides every result made from it.
ACTIVATIONS = "activations"  # of the language model
DICTIONARY = "dictionary"  # of the model's neurons
RESPONSES = "responses"  # of the brain, and their folds
DESIGNS = "designs"  # features of a model for the volumes of a run
PENALTIES = "penalties"  # of the ridge regression
LAYER = "layer"
WINDOWS = "windows"  # of words ahead
DISTANCES = "distances"  # of these windows
PERMUTATIONS = "permutations"
ATLAS = "atlas"  # of functional networks
REGIONS = "regions"  # the second atlas
CEILING = "ceiling"
READINGS = (
    *(ACTIVATIONS, DICTIONARY, RESPONSES, DESIGNS, PENALTIES, LAYER, WINDOWS, DISTANCES, PERMUTATIONS, ATLAS, REGIONS),
    CEILING,
)
# Other things that an option may decide.
FILES = ("files",)  # which files are read: compared by content (`bids.provenance`), not by path
GROUP = ("group",)  # the group level, which is always recomputed
NOTHING = ()  # locations, selection of results, resources, verbosity


class Allowed(Protocol):
    """The allowed values of an option; `str` gives the phrase for messages."""

    def holds(self, value: Any) -> bool:
        """Whether a value is allowed."""


@dataclass(frozen=True)
class Range:
    """Allowed numbers, from `least` to `most`; `open_least` and `open_most` exclude the end itself."""

    least: float
    most: float
    open_least: bool = False
    open_most: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number is allowed; NaN never is."""
        above = value > self.least if self.open_least else value >= self.least
        return above and (value < self.most if self.open_most else value <= self.most)

    def __str__(self) -> str:
        """The allowed values, for messages.

        >>> str(Range(0, 1, open_least=True))
        'must be above 0 and at most 1'
        """
        low = f"{'above' if self.open_least else 'at least'} {self.least:.12g}"
        return f"must be {low} and {'below' if self.open_most else 'at most'} {self.most:.12g}"


@dataclass(frozen=True)
class Form:
    """Allowed texts: those that match a pattern in full, or numbers within a range."""

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
        """The allowed values, for messages."""
        return self.must


def option(
    default: Any,
    group: str,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    metavar: str | None = None,
    short: str | None = None,
    aliases: tuple[str, ...] = (),
    allowed: Allowed | None = None,
    decides: tuple[str, ...] | None = None,
) -> Any:
    """Declare one option: its appearance on the command line, its allowed values, and what it decides.

    `aliases` are former names, which stay accepted. `decides` names `READINGS`, or is `FILES`, `GROUP` or `NOTHING`.
    Without it, an option of an analysis decides the results of that analysis; any other option decides all results, and
    fails a test.
    """
    metadata = {
        "group": group,
        "help": help,
        "choices": choices,
        "metavar": metavar,
        "short": short,
        "aliases": aliases,
    }
    placed = {} if decides is None else {"decides": decides}
    return field(default=default, metadata={**metadata, "allowed": allowed, **placed})


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """An analysis without options of its own."""


def names_of(options: type[Any]) -> tuple[str, ...]:
    """Names of the options that a dataclass itself declares, without those that it inherits."""
    own = inspect.get_annotations(options)
    return tuple(item.name for item in dataclasses.fields(options) if item.name in own)
