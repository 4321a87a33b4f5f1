"""What was planted: written beside the demo, and read again when an analysis is compared with it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bids_app.bids.derivatives import read_table, write_json, write_table

_FOLDER = Path("sourcedata", "truth")
LINK_COLUMNS = ("atom", "network", "part", "gain")


@dataclass(frozen=True)
class Truth:
    """What was planted.

    links: one row per planted link (LINK_COLUMNS); no row at a signal-to-noise ratio of 0.
    courses: story (task), volume, kept (whether inside the story event), and one column atom-NN per planted atom.
    subgroups: category, layer, unit of the tiny model's planted neurons; no row with a given model.
    options: what the data set was made with.
    """

    links: pd.DataFrame
    courses: pd.DataFrame
    subgroups: pd.DataFrame
    options: dict[str, Any]


def atom_column(number: int) -> str:
    """Name of an atom's column.

    >>> atom_column(7)
    'atom-07'
    """
    return f"atom-{number:02d}"


def write_truth(demo_dir: Path, truth: Truth) -> None:
    """Write the four files of the truth."""
    folder = demo_dir / _FOLDER
    write_table(folder / "truth.tsv", truth.links)
    write_table(folder / "truth_atoms.tsv", truth.courses.round(6))
    write_table(folder / "truth_subgroups.tsv", truth.subgroups)
    write_json(folder / "truth.json", truth.options)


def read_truth(demo_dir: Path) -> Truth:
    """Read what `write_truth` wrote; FileNotFoundError where there is none."""
    folder = demo_dir / _FOLDER
    if not (folder / "truth.json").exists():
        raise FileNotFoundError(f"{folder} holds no truth.json; {demo_dir} must be a folder written by `n2n demo`.")
    links, courses, subgroups = (
        read_table(folder / f"{name}.tsv") for name in ("truth", "truth_atoms", "truth_subgroups")
    )
    return Truth(links, courses, subgroups, json.loads((folder / "truth.json").read_text()))
