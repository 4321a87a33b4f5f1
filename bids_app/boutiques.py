"""The Boutiques descriptor, made from the settings so that it cannot drift from the command line.

python -m bids_app.boutiques > boutiques.json
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from bids_app import __version__
from bids_app.cli import DESCRIPTION
from bids_app.settings import LEVELS
from bids_app.settings_fields import OPTIONS, element_type, is_list

_BOUTIQUES = "0.5"
# Paths that need not exist before a run, or that may be names instead: Boutiques must not look for a file.
_MADE_BY_THE_RUN = ("work_dir", "bids_database_dir")
_TYPES: dict[type, dict[str, Any]] = {
    int: {"type": "Number", "integer": True},
    float: {"type": "Number"},
    Path: {"type": "File"},
}


def descriptor() -> dict[str, Any]:
    """The descriptor as a dictionary for JSON."""
    inputs = [*_positionals(), *(_input(option) for option in OPTIONS)]
    return {
        "name": "neurons2networks",
        "description": DESCRIPTION,
        "tool-version": __version__,
        "schema-version": _BOUTIQUES,
        "command-line": " ".join(["neurons2networks", *(entry["value-key"] for entry in inputs)]),
        "container-image": {"type": "docker", "image": f"neurons2networks:{__version__}"},
        "inputs": inputs,
        "output-files": [
            {
                "id": "results",
                "name": "Results",
                "description": "BIDS-Derivatives: maps, tables and reports.",
                "path-template": "[OUT_DIR]",
                "optional": False,
            }
        ],
        "tags": {"domain": ["neuroinformatics", "bids-app"]},
    }


def _positionals() -> list[dict[str, Any]]:
    rows = (
        ("bids_dir", "File", "The data set."),
        ("out_dir", "String", "Where the results go."),
        ("level", "String", "Which part of the analysis to run."),
    )
    inputs = [_named(name, {"type": kind, "optional": False}, text) for name, kind, text in rows]
    inputs[2]["value-choices"] = list(LEVELS)
    return inputs


def _input(option: dataclasses.Field[Any]) -> dict[str, Any]:
    """One option of the command line."""
    name, kind = option.name, element_type(option.name)
    is_flag = kind is bool or name == "verbose"
    if is_flag:
        entry: dict[str, Any] = {"type": "Flag"}
    else:
        entry = dict(_TYPES.get(kind, {"type": "String"}) if name not in _MADE_BY_THE_RUN else {"type": "String"})
    entry |= {"optional": True, "command-line-flag": "--" + name.replace("_", "-")}
    if is_list(name):
        entry["list"] = True
    if option.metadata["choices"]:
        entry["value-choices"] = list(option.metadata["choices"])
    return _named(name, entry, str(option.metadata["help"]))


def _named(name: str, entry: dict[str, Any], text: str) -> dict[str, Any]:
    title = name.replace("_", " ").capitalize()
    return {"id": name, "name": title, "description": text, "value-key": f"[{name.upper()}]", **entry}


if __name__ == "__main__":
    print(json.dumps(descriptor(), indent=2, ensure_ascii=False))
