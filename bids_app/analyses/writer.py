"""Write the results of one analysis of one fit, with sidecars, as declared in the catalogue of outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.outputs import find_output
from bids_app.bids.catalogue import Output
from bids_app.bids.derivatives import output_path, sidecar_path, write_sidecar, write_table
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.outputs import SidecarFields, write_maps
from bids_app.bids.provenance import FileRecord

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Writer:
    """Writer of the results of one analysis and their sidecars.

    `entities` are those that all its files share: of the fit, the space and the model. `geometry` is called only when
    maps are written, because it reads the data; `extra`, the further fields of the sidecars, likewise. `participants`
    are those behind results of several; `written` grows with every file.
    """

    out_dir: Path
    entities: Mapping[str, str]
    sources: Sequence[str]
    result_settings: Mapping[str, Any]
    geometry: Callable[[], Geometry]
    extra: Callable[[], Mapping[str, object]] = dict
    files: Sequence[FileRecord] = ()
    participants: Sequence[str] = ()
    written: list[Path] = field(default_factory=list, compare=False)

    def maps(
        self, desc: str, stat: str, values: Floats, names: Sequence[str] | None = None, **extra: object
    ) -> list[Path]:
        """Write maps (n_maps, n_targets) and a sidecar for each file; `extra` are further fields of the sidecars.

        Units and description are those of the catalogue. Raises CatalogueError for unlisted maps.
        """
        names = list(names or [stat])
        output = self.output(desc, "statmap")
        maps = output.require_maps(stat, names)
        fields = {**extra, **self.extra(), **self._provenance}
        output.require_fields(fields)
        sidecar = SidecarFields(self.sources, self.result_settings, maps.description, maps.units, fields)
        entities = {**self.entities, "stat": stat, "desc": desc}
        paths = write_maps(self.out_dir, entities, self.geometry(), values, names, sidecar)
        self._note(paths)
        return paths

    def table(self, desc: str, table: pd.DataFrame, **fields: object) -> Path:
        """Write a table of networks or regions, with the columns of the catalogue in its order.

        `fields` are further fields of the sidecar. Raises CatalogueError if the columns differ, or the catalogue does
        not list the table.
        """
        return self._write_table(desc, table, "networks", ".tsv", fields)

    def series(self, desc: str, table: pd.DataFrame, **fields: object) -> Path:
        """Write time series, one row per volume, likewise."""
        return self._write_table(desc, table, "timeseries", ".tsv.gz", fields)

    def _write_table(
        self, desc: str, table: pd.DataFrame, suffix: str, extension: str, fields: Mapping[str, object]
    ) -> Path:
        output = self.output(desc, suffix)
        table = table[output.require_columns(table.columns)]
        extra = {**fields, **self.extra(), **self._provenance}
        output.require_fields(extra)
        path = output_path(self.out_dir, {**self.entities, "desc": desc}, suffix, extension)
        write_table(path, table)
        write_sidecar(path, self.sources, self.result_settings, columns=output.described(table.columns), extra=extra)
        self._note([path])
        return path

    def output(self, desc: str, suffix: str) -> Output:
        """The record of an output in the catalogue. Raises CatalogueError if it is not listed at this level."""
        return find_output(desc, suffix, "participant" if "sub" in self.entities else "group")

    @property
    def _provenance(self) -> dict[str, object]:
        """Size and checksum of each file that was read, without times: the same data give the same sidecars."""
        listed = [{"File": record.label, "Size": record.size, "SHA256": record.sha256} for record in self.files]
        facts: dict[str, list[object]] = {"SourceFiles": [*listed], "Participants": [*self.participants]}
        return {key: values for key, values in facts.items() if values}

    def _note(self, paths: Sequence[Path]) -> None:
        self.written.extend(file for path in paths for file in (path, sidecar_path(path)))
