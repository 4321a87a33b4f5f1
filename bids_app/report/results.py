"""The outputs of OUT_DIR for a report, grouped by recording and model."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.alignment import placed
from bids_app.bids.derivatives import read_table
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.outputs import OutputMap, find_outputs

Array = npt.NDArray[Any]

SIGNIFICANT = 0.05
UNTRAINED = "Untrained"  # ends the label of a control, as in `inputs.models.ModelRun`
UNITS = {"surface": "vertices", "volume": "voxels", "cifti": "grayordinates", "parcels": "parcels"}
_VARIANT = re.compile(r"(atoms|families)(\d*)(Shifted)?")
_NOT_OF_AN_ANALYSIS = ("sub", "hemi", "stat", "desc")


@dataclass(frozen=True)
class Maps:
    """Maps of one statistic: values (n_maps, n_targets), a name for each map, geometry."""

    stat: str
    values: Array
    names: tuple[str, ...]
    geometry: Geometry

    @property
    def unit(self) -> str:
        """The kind of targets, in the plural."""
        return UNITS[self.geometry.kind]

    def named(self, name: str) -> Array | None:
        """The map (n_targets,) of that name, or None."""
        return self.values[self.names.index(name)] if name in self.names else None


@dataclass(frozen=True)
class Results:
    """The outputs of one recording, space and model, including those that do not depend on the model.

    `atoms` is the variant of the dictionary: `families` or `atoms`, `families32` in a sweep,
    `familiesShifted` as a control.
    """

    entities: dict[str, str]
    outputs: tuple[OutputMap, ...]
    atoms: str = "atoms"

    @property
    def kind(self) -> str:
        """What is linked: `families` of several dictionaries, or the `atoms` of one."""
        return "families" if self.atoms.startswith("families") else "atoms"

    @property
    def description(self) -> dict[str, str]:
        """Entities that distinguish these results from others."""
        _, number, shifted = _VARIANT.fullmatch(self.atoms).groups()  # type: ignore[union-attr]
        words = [f"{number} atoms"] * bool(number) + [f"shifted {self.kind} (control)"] * bool(shifted)
        return {**self.entities, **({"atoms": ", ".join(words)} if words else {})}

    def variant(self, desc: str) -> str:
        """The `desc` of an output that depends on the dictionary: `subgroups` is `subgroups32` in a sweep."""
        return self.atoms.replace(self.kind, desc, 1)

    def variants(self) -> list[Results]:
        """These results once for each variant of the dictionary."""
        descs = {o.entities.get("desc", "") for o in self.outputs}
        names = sorted((n for n in descs if _VARIANT.fullmatch(n)), key=lambda n: (len(n), n))
        return [replace(self, atoms=name) for name in names] or [self]

    def maps(self, desc: str, stats: Sequence[str], several: bool | None = None) -> Maps | None:
        """Maps of the first available statistic; `several` requires more than one map, or exactly one."""
        for stat in stats:
            for output in self._find("statmap", desc, stat):
                values, geometry = output.load()
                if several is None or several == (len(values) > 1):
                    return Maps(stat, values, _names(output, len(values)), geometry)
        return None

    def like(self, maps: Maps, desc: str, stat: str) -> Array | None:
        """Values (n_maps, n_targets) of another statistic at the targets of `maps`, or None."""
        other = self.maps(desc, [stat])
        if other is None:
            return None
        return values_at(other, maps.geometry)

    def table(self, desc: str) -> pd.DataFrame | None:
        """A table of networks, or None."""
        path = self.table_path(desc)
        return None if path is None else read_table(path)

    def table_path(self, desc: str) -> Path | None:
        """Path of a table of networks, or None."""
        tables = self._find("networks", desc, None)
        return tables[0].paths[0] if tables else None

    def has(self, descs: Sequence[str]) -> bool:
        """Whether there is an output with one of these `desc`, in any variant of the dictionary."""
        wanted = re.compile(rf"({'|'.join(descs)})\d*(Shifted)?")
        return any(wanted.fullmatch(output.entities.get("desc", "")) for output in self.outputs)

    def noted(self, descs: Sequence[str], key: str, setting: str = "") -> Any:
        """The field `key` in the sidecar of an output with one of these `desc`, or its setting `setting`."""
        for output in self.outputs:
            if output.entities.get("desc") in descs:
                settings = output.sidecar.get("Settings")
                value = output.sidecar.get(key, settings.get(setting) if isinstance(settings, dict) else None)
                if value is not None:
                    return value
        return None

    def _find(self, suffix: str, desc: str, stat: str | None) -> list[OutputMap]:
        wanted = (suffix, desc, stat)
        outputs = [o for o in self.outputs if (o.suffix, o.entities.get("desc"), o.entities.get("stat")) == wanted]
        return sorted(outputs, key=lambda output: -len(output.entities))


def _names(output: OutputMap, n_maps: int) -> tuple[str, ...]:
    """Names of the maps, from the sidecar or else counted from 1."""
    names = output.sidecar.get("Maps")
    if isinstance(names, list) and len(names) == n_maps:
        return tuple(str(name) for name in names)
    return tuple(str(number + 1) for number in range(n_maps))


def values_at(maps: Maps, geometry: Geometry) -> Array | None:
    """Values (n_maps, n_targets) at the targets of another geometry; None if the two cannot be compared.

    The mask of a volume holds the voxels with values, so two files of one volume may differ in it.
    """
    return placed(maps.values, maps.geometry, geometry)


def find_results(out_dir: Path, participant: str | None) -> list[Results]:
    """Results of a participant, or of the group if `participant` is None, for each recording and model.

    Outputs with fewer entities (a noise ceiling has no model) belong to all results with the same and more. Untrained
    controls come last: a page opens with its first results.
    """
    level = "group" if participant is None else "participant"
    outputs = [o for suffix in ("statmap", "networks") for o in find_outputs(out_dir, suffix, level, sub=participant)]
    keys = dict.fromkeys(_key(output) for output in outputs)  # a dict preserves the order
    widest = [key for key in keys if not any(set(key) < set(other) for other in keys)]
    models = {dict(key).get("model", "") for key in widest}
    widest.sort(key=lambda key: is_control(dict(key).get("model", ""), models))
    return [Results(dict(key), tuple(output for output in outputs if set(_key(output)) <= set(key))) for key in widest]


def is_control(model: str, models: Collection[str]) -> bool:
    """Whether a model is the untrained control of one of the models.

    >>> is_control("gpt2Untrained", ["gpt2", "gpt2Untrained"]), is_control("myUntrained", ["myUntrained"])
    (True, False)
    """
    return model.endswith(UNTRAINED) and model.removesuffix(UNTRAINED) in models


def _key(output: OutputMap) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in output.entities.items() if name not in _NOT_OF_AN_ANALYSIS)


def titles(all_results: Sequence[Results]) -> list[str]:
    """A short title for each of the results, without entities common to all.

    >>> titles([Results({"task": "a", "space": "S"}, ()), Results({"task": "b", "space": "S"}, ())])
    ['task a', 'task b']
    """
    shared = dict(common(all_results))
    return [
        ", ".join(_say(k, v) for k, v in results.description.items() if k not in shared) or "all data"
        for results in all_results
    ]


def common(all_results: Sequence[Results]) -> list[tuple[str, str]]:
    """The entities common to all results."""
    first = all_results[0].description if all_results else {}
    return [(k, v) for k, v in first.items() if all(a.description.get(k) == v for a in all_results)]


def describe(entities: Sequence[tuple[str, str]]) -> str:
    """Entities in words.

    >>> describe([("task", "pieman"), ("space", "fsaverage5")])
    'task pieman, space fsaverage5'
    """
    return ", ".join(_say(key, value) for key, value in entities)


def _say(key: str, value: str) -> str:
    if key == "atoms":
        return value
    return f"{ {'ses': 'session', 'seg': 'parcels', 'den': 'density'}.get(key, key) } {value}"


def mean_of(values: Array) -> float:
    """Mean over the targets with a value, NaN without any."""
    finite = np.asarray(values, dtype=float)[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def median_of(values: Array) -> float:
    """The median over finite values, NaN without any."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")
