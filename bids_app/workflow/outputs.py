"""Write the results of one analysis of one unit, each with its sidecar; know what is there already."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.derivatives import output_path, read_sidecar, write_sidecar, write_table
from bids_app.bids.entities import parse_name
from bids_app.bids.geometry import Geometry
from bids_app.bids.outputs import About, write_maps

Floats = npt.NDArray[np.float32]

UNITS = {
    "beta": "standard deviations of the response per standard deviation of the atom",
    "z": "standard deviations across the brain",
    "r": "Pearson correlation with held-out data",
    "r2": "fraction of variance",
    "p": "probability",
    "q": "false discovery rate",
    "alpha": "ridge penalty",
    "layer": "layer, counted from 1",
    "d": "words ahead",
    "k": "layer, counted from 1",
    "fraction": "layer / number of layers",
    "mean": "mean over participants",
    "t": "t statistic",
    "w": "Wilcoxon signed-rank statistic, standardised",
    "n": "participants",
}


class OtherSettingsError(ValueError):
    """Outputs of other settings are in the way."""


@dataclass(frozen=True)
class Writer:
    """Where the results of one analysis go, and what their sidecars say.

    `entities` holds what all its files share: the unit's, the space and the model. `geometry` and `of_data`, the keys
    of the sidecars that the data decide, are asked for only when maps are written, because it takes reading the data.
    """

    out_dir: Path
    entities: Mapping[str, str]
    sources: Sequence[str]
    numbers: Mapping[str, Any]
    geometry: Callable[[], Geometry]
    of_data: Callable[[], Mapping[str, object]] = dict

    def maps(
        self,
        what: str,
        stat: str,
        values: Floats,
        names: Sequence[str] | None = None,
        description: str = "",
        **extra: object,
    ) -> list[Path]:
        """Write maps (n_maps, n_targets) and a sidecar for each file."""
        entities = {**self.entities, "stat": stat, "desc": what}
        about = About(self.sources, self.numbers, description, UNITS[stat], {**self.of_data(), **extra})
        return write_maps(self.out_dir, entities, self.geometry(), values, list(names or [stat]), about)

    def table(self, what: str, table: pd.DataFrame, columns: Mapping[str, str], suffix: str = "networks") -> Path:
        """Write a table with a description of each of its columns."""
        path = output_path(self.out_dir, {**self.entities, "desc": what}, suffix, ".tsv")
        write_table(path, table)
        write_sidecar(path, self.sources, self.numbers, columns=columns)
        return path

    def is_done(self, what: str, stat: str) -> bool:
        """Whether the analysis that writes this map last has been made with the same settings.

        Raises OtherSettingsError when it was made with others.
        """
        target = output_path(self.out_dir, {**self.entities, "stat": stat, "desc": what})
        wanted = parse_name(target).entities
        for path in target.parent.glob(f"*_stat-{stat}_desc-{what}_statmap.[!j]*"):
            found = {key: value for key, value in parse_name(path).entities.items() if key != "hemi"}
            if found == wanted:
                refuse_other_settings(path, self.numbers)
                return True
        return False


def refuse_other_settings(path: Path, numbers: Mapping[str, Any]) -> None:
    """Raise OtherSettingsError naming each setting that differs from those in the sidecar of `path`."""
    before = read_sidecar(path).get("Settings", {})
    now = json.loads(json.dumps(numbers, default=str))
    assert isinstance(before, dict)
    differing = [key for key in sorted(set(before) | set(now)) if before.get(key) != now.get(key)]
    if differing:
        listed = "; ".join(f"{key} was {before.get(key)}, now {now.get(key)}" for key in differing)
        raise OtherSettingsError(
            f"{path.name} was made with other settings ({listed}); choose another OUT_DIR, or remove the old outputs"
        )
