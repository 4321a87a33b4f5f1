"""The fields of `Settings` as a table: in which order, of which type, what each decides; and all of them as TOML."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from bids_app.analyses.registry import ANALYSES
from bids_app.choices import UnitsChoice
from bids_app.options import names_of
from bids_app.settings import GROUPS, NAMES, Settings

# Results and the inputs they depend on; results are recomputed only if a setting that decides them changes.
READS: Mapping[str, frozenset[str]] = {
    **{analysis.name: analysis.reads for analysis in ANALYSES},
    **{name: reads for analysis in ANALYSES for name, reads in analysis.intermediates.items()},
}
RESULTS = tuple(READS)

ARGUMENTS = ("bids_dir", "out_dir", "level")
_OWNERS = {name: analysis.name for analysis in ANALYSES for name in names_of(analysis.options)}
_CLASSES = {name: rank for rank, group in enumerate(Settings.__mro__[:-1]) for name in names_of(group)}
_HEADINGS = tuple(GROUPS)


def _position(item: dataclasses.Field[Any]) -> tuple[int, int, int]:
    """Options of analyses last; under each heading of the help, the options of a class together."""
    analysis = NAMES.index(_OWNERS[item.name]) if item.name in _OWNERS else -1
    return analysis, _HEADINGS.index(item.metadata["group"]), _CLASSES[item.name]


OPTIONS = tuple(sorted((item for item in dataclasses.fields(Settings) if item.name not in ARGUMENTS), key=_position))
_TYPES = get_type_hints(Settings)


def element_type(name: str) -> type:
    """Type of one value of a setting: `int` for `tuple[int, ...]` and for `int | None`.

    >>> element_type("atoms"), element_type("space"), element_type("penalty")
    (<class 'int'>, <class 'str'>, <class 'float'>)
    """
    hint = _TYPES[name]
    arguments = [a for a in get_args(hint) if a not in (type(None), Ellipsis)]
    kind = arguments[0] if arguments else hint
    assert isinstance(kind, type)
    return kind


def is_list(name: str) -> bool:
    """Whether a setting holds several values."""
    return str(_TYPES[name]).startswith("tuple")


def result_settings(settings: Settings, result: str) -> dict[str, Any]:
    """The settings that decide a result (one of `RESULTS`), ready for JSON; stored in every sidecar.

    An option declared without `decides` counts for its analysis, or else for every result.
    """
    deciding = [item for item in OPTIONS if not {result, *READS[result]}.isdisjoint(decided_by(item))]
    return {item.name: _without_folder(item, getattr(settings, item.name)) for item in deciding}


def decided_by(item: dataclasses.Field[Any]) -> tuple[str, ...]:
    """Inputs and results that an option decides."""
    owner = _OWNERS.get(item.name)
    return tuple(item.metadata.get("decides", RESULTS if owner is None else (owner,)))


def _without_folder(item: dataclasses.Field[Any], value: Any) -> Any:
    """A file named by an option is compared by its content, not by its path (see `bids.provenance`)."""
    if item.name == "units":
        return UnitsChoice.parse(value).without_folder
    is_file = item.metadata["metavar"] == "NAME-or-FILE" or isinstance(value, Path)
    return Path(value).name if is_file and value is not None else value


def to_toml(settings: Settings) -> str:
    """All settings as TOML, for the record beside the outputs."""
    lines = []
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        if value is None:
            continue
        if isinstance(value, Path):
            value = str(value)
        # A JSON string, number, boolean or list of those is valid TOML.
        lines.append(f"{item.name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join([*(f"{DIFFERS}{line}" for line in differing(settings)), *lines]) + "\n"


DIFFERS = "# differs: "  # begins the lines of the record that the reports show
_SELECTION = ("participant_label", "exclude_participant_label")  # who is analysed, not how


def differing(settings: Settings) -> list[str]:
    """A phrase for each setting that decides results and differs from the default: its value and the default.

    >>> from pathlib import Path
    >>> differing(Settings(Path("in"), Path("out"), "participant", atoms=(32,)))
    ['atoms = [32] (default [64])']
    """
    lines = []
    for item in OPTIONS:
        if item.name in _SELECTION or item.default is dataclasses.MISSING or not decided_by(item):
            continue
        value = getattr(settings, item.name)
        if value != item.default:
            shown, usual = (json.dumps(_without_folder(item, one), default=str) for one in (value, item.default))
            lines.append(f"{item.name} = {shown} (default {usual})")
    return lines
