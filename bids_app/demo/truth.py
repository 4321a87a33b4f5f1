"""What was planted: written beside the demo, and read again when an analysis is compared with it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bids_app.bids.derivatives import read_table, write_json, write_table

_FOLDER = Path("sourcedata", "truth")
LINK_COLUMNS = ("atom", "network", "part", "gain", "rho")


@dataclass(frozen=True)
class Truth:
    """What was planted.

    links: one row per planted link (LINK_COLUMNS); rho is the reproducibility of the atom, the mean of a family; no row
    at a signal-to-noise ratio of 0.
    courses: story (task), volume, kept (whether inside the story event), and one column atom-NN per planted atom.
    subgroups: category, layer, unit of the tiny model's planted neurons; no row with a given model.
    options: what the data set was made with.
    """

    links: pd.DataFrame
    courses: pd.DataFrame
    subgroups: pd.DataFrame
    options: dict[str, Any]


@dataclass(frozen=True)
class ForecastTruth:
    """What was planted by `--plant forecast`.

    regions: region (a network of the atlas), planted (present, ahead, nothing), ahead (words), layer (from 1).
    courses: story (task), volume, kept (whether inside the story event), and the planted features.
    options: what the data set was made with.
    """

    regions: pd.DataFrame
    courses: pd.DataFrame
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


def write_forecast_truth(demo_dir: Path, truth: ForecastTruth) -> None:
    """Write the three files of the truth."""
    folder = demo_dir / _FOLDER
    write_table(folder / "truth.tsv", truth.regions)
    write_table(folder / "truth_features.tsv", truth.courses.round(6))
    write_json(folder / "truth.json", truth.options)


def read_truth(demo_dir: Path) -> Truth | ForecastTruth:
    """Read the truth of a demo of either kind; FileNotFoundError where there is none."""
    folder = demo_dir / _FOLDER
    if not (folder / "truth.json").exists():
        raise FileNotFoundError(f"{folder} holds no truth.json; {demo_dir} must be a folder written by `n2n demo`.")
    options = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    if options.get("plant") == "forecast":
        return ForecastTruth(read_table(folder / "truth.tsv"), read_table(folder / "truth_features.tsv"), options)
    links, courses, subgroups = (
        read_table(folder / f"{name}.tsv") for name in ("truth", "truth_atoms", "truth_subgroups")
    )
    return Truth(links, courses, subgroups, options)
