"""File names of BIDS: key-value entities, a suffix, an extension."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from sys import intern  # names of a thousand participants repeat the same entities

# The order that BIDS prescribes, as far as this package reads or writes the entities.
ORDER = tuple(
    "sub ses sample task acq ce trc rec dir run echo part proc hemi space recording chunk "  # noqa: SIM905
    "atlas seg scale res den label model stat desc".split()
)

NUMBERED = frozenset({"run", "echo", "chunk"})  # whose values are numbers: 1 and 01 are the same
_ENTITY = re.compile(r"(?P<key>[a-zA-Z]+)-(?P<value>.+)")
_LABEL = re.compile(r"[a-zA-Z0-9+]+")


@dataclass(frozen=True)
class Name:
    """A parsed file name; `suffix` is empty for names such as `sub-001_hemi-L.func.gii`."""

    entities: dict[str, str]
    suffix: str
    extension: str


def parse_name(path: Path | str) -> Name:
    """Split a file name into entities, suffix and extension (everything from the first dot on).

    >>> parse_name("sub-001_space-fsaverage6_hemi-L.func.gii")
    Name(entities={'sub': '001', 'space': 'fsaverage6', 'hemi': 'L'}, suffix='', extension='.func.gii')
    """
    name = path.name if isinstance(path, Path) else Path(path).name  # a thousand participants have 100,000 files
    stem, dot, extension = name.partition(".")
    pieces = stem.split("_")
    matches = [_ENTITY.fullmatch(piece) for piece in pieces]
    entities = {intern(match["key"]): intern(match["value"]) for match in matches if match}
    suffix = "" if matches[-1] else pieces[-1]
    return Name(entities, suffix, dot + extension)


def build_name(entities: Mapping[str, str], suffix: str, extension: str = "") -> str:
    """Join entities in the order of BIDS with a suffix and an extension.

    Raises ValueError for a key that is not in `ORDER` and for a value that is not alphanumeric.

    >>> build_name({"desc": "atoms", "sub": "001", "space": "fsaverage5", "hemi": "L"}, "statmap", ".func.gii")
    'sub-001_hemi-L_space-fsaverage5_desc-atoms_statmap.func.gii'
    """
    unknown = sorted(set(entities) - set(ORDER))
    if unknown:
        raise ValueError(f"BIDS names cannot hold {', '.join(unknown)}; the entities are {', '.join(ORDER)}.")
    for key, value in entities.items():
        if not _LABEL.fullmatch(value):
            raise ValueError(f"The value {value!r} of {key}- may hold only letters, digits and '+'.")
    pieces = [f"{key}-{entities[key]}" for key in ORDER if key in entities]
    return "_".join([*pieces, suffix]) + extension


def strip_prefix(label: str, key: str) -> str:
    """Remove `sub-` (or `ses-`, `task-`, …) from a label if present."""
    return label.removeprefix(f"{key}-")


def same_value(key: str, first: str, second: str) -> bool:
    """Compare two values of one entity; run-1 and run-01 are the same run."""
    if key in NUMBERED and first.isdigit() and second.isdigit():
        return int(first) == int(second)
    return first == second


def is_asked(key: str, value: str, labels: Iterable[str] | None) -> bool:
    """Whether a value is among the requested labels, which may include their key; None requests all."""
    return labels is None or any(same_value(key, value, strip_prefix(label, key)) for label in labels)


def is_within(entities: Mapping[str, str], others: Mapping[str, str]) -> bool:
    """Whether all entities are among the others with the same value."""
    return all(key in others and same_value(key, value, others[key]) for key, value in entities.items())
