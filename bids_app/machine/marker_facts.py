"""What the group level needs of the markers of all participants, of which the whole would fill memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bids_app.bids.outputs import OutputMap
from bids_app.machine.completion import FOLDER, read_marker, records_of, version_of
from bids_app.machine.once import key_of

_OF_ALL = ("Model", "Dictionary")  # facts in which all participants must agree
_IGNORED = frozenset({"SupersededBy", "LeftOut"})


@dataclass(frozen=True)
class MarkerFacts:
    """Facts of the marker of one analysis.

    Attributes
    ----------
    is_ignored : whether a newer analysis of the same BOLD supersedes this one, or its BOLD is to be left out
    of_all : names of what must be equal in all participants, and a key of its content
    data_set : name and DOI of the raw data set, as far as known
    derivatives : names of the derivatives with the BOLD, as in BIDS URIs
    bold : names of its BOLD files
    version : of this package, which made the results; empty if it is not known
    """

    is_ignored: bool
    of_all: Mapping[str, str]
    data_set: Mapping[str, str]
    derivatives: frozenset[str]
    bold: frozenset[str]
    version: str


def facts_of(out_dir: Path, output: OutputMap) -> MarkerFacts | None:
    """Facts of the analysis that wrote a map or table; None without a marker."""
    path = output.paths[0]
    return _facts(out_dir, _state(out_dir)).get(path.parent.relative_to(out_dir).as_posix(), {}).get(path.name)


def _state(out_dir: Path) -> int:
    """A state that changes with every added, removed or rewritten marker."""
    folder = out_dir / FOLDER
    return folder.stat().st_mtime_ns if folder.is_dir() else 0


@lru_cache(maxsize=1)
def _facts(out_dir: Path, _state: int) -> dict[str, dict[str, MarkerFacts]]:
    """Facts by folder and name of the data files that the marker lists; one marker at a time is in memory."""
    facts: dict[str, dict[str, MarkerFacts]] = {}
    shared: dict[str, Mapping[str, str]] = {}  # most participants have the same
    for path in sorted((out_dir / FOLDER).glob("*_complete.json")):
        marker = read_marker(path)
        of_one = _of_marker(marker, shared)
        for output in marker.get("Outputs", {}):
            folder, _, name = output.rpartition("/")
            if not name.endswith(".json"):
                facts.setdefault(folder, {})[name] = of_one
    return facts


def _of_marker(marker: Mapping[str, Any], shared: dict[str, Mapping[str, str]]) -> MarkerFacts:
    """Facts of a marker, where `shared` holds mappings of other markers by their content."""
    of_all = {f"the {key.lower()}": key_of(marker[key]) for key in _OF_ALL if key in marker}
    of_all |= {f"the content of the {name}": key_of(value) for name, value in marker.get("Shared", {}).items()}
    data_set = marker.get("DataSet", {})
    keys = set(marker.get("Bold", ()))
    bold = [record for record in records_of(marker) if record.key in keys]
    return MarkerFacts(
        not _IGNORED.isdisjoint(marker),
        shared.setdefault(json.dumps(of_all), of_all),
        shared.setdefault(json.dumps(data_set), data_set),
        frozenset(record.uri.split(":")[1] for record in bold if record.is_of_data_set),
        frozenset(record.name for record in bold),
        version_of(marker),
    )
