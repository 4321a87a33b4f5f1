"""Write the results of one analysis of one unit, each with its sidecar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.derivatives import output_path, sidecar_path, write_sidecar, write_table
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.outputs import About, write_maps
from bids_app.bids.provenance import FileRecord

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


@dataclass(frozen=True)
class Writer:
    """Where the results of one analysis go, and what their sidecars say.

    `entities` holds what all its files share: the unit's, the space and the model. `geometry` is asked for only when
    maps are written, because it takes reading the data; so are further fields of the sidecars, `extra`. `participants`
    are those on whom results of several rest; `written` grows with every file.
    """

    out_dir: Path
    entities: Mapping[str, str]
    sources: Sequence[str]
    numbers: Mapping[str, Any]
    geometry: Callable[[], Geometry]
    extra: Callable[[], Mapping[str, object]] = dict
    files: Sequence[FileRecord] = ()
    participants: Sequence[str] = ()
    written: list[Path] = field(default_factory=list, compare=False)

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
        about = About(
            self.sources, self.numbers, description, UNITS[stat], {**extra, **self.extra(), **self._provenance}
        )
        paths = write_maps(self.out_dir, entities, self.geometry(), values, list(names or [stat]), about)
        self._note(paths)
        return paths

    def table(self, what: str, table: pd.DataFrame, columns: Mapping[str, str], suffix: str = "networks") -> Path:
        """Write a table with a description of each of its columns."""
        path = output_path(self.out_dir, {**self.entities, "desc": what}, suffix, ".tsv")
        write_table(path, table)
        write_sidecar(path, self.sources, self.numbers, columns=columns, extra={**self.extra(), **self._provenance})
        self._note([path])
        return path

    @property
    def _provenance(self) -> dict[str, object]:
        """Size and content of each file that was read, without times: the same data give the same sidecars."""
        listed = [{"File": one.label, "Size": one.size, "SHA256": one.sha256} for one in self.files]
        facts: dict[str, list[object]] = {"SourceFiles": [*listed], "Participants": [*self.participants]}
        return {key: values for key, values in facts.items() if values}

    def _note(self, paths: Sequence[Path]) -> None:
        self.written.extend(file for path in paths for file in (path, sidecar_path(path)))
