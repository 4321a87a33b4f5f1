"""The same maps of all participants, read from OUT_DIR."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.analyses.outputs import find_output
from bids_app.analyses.writer import Writer
from bids_app.bids.alignment import align
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import is_own_space
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.outputs import OutputMap, find_maps
from bids_app.inputs.regions import region_targets
from bids_app.machine.agreement import is_superseded, refuse_mixture
from bids_app.wording import listed

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
OF_PARTICIPANT = ("sub", "ses", "run")


@dataclass(frozen=True)
class Collection:
    """The same maps of all participants.

    Attributes
    ----------
    entities : those that their names share (task, space, model, stat, desc)
    maps : (n_participants, n_maps, n_targets) on the targets that all participants have; NaN where they have no data
    names : of the maps
    members : the participants' outputs, in the order of `maps`
    counted : labels of the participants to include, None for all
    """

    entities: dict[str, str]
    maps: Floats
    names: list[str]
    geometry: Geometry
    members: tuple[OutputMap, ...]
    counted: frozenset[str] | None = None

    @property
    def participants(self) -> list[str]:
        """Labels of the participants."""
        return [str(member.participant) for member in self.members]

    @property
    def result_settings(self) -> dict[str, Any]:
        """The settings behind the maps."""
        settings = self.sidecar.get("Settings")
        assert isinstance(settings, dict)
        return settings

    @property
    def sidecar(self) -> dict[str, Any]:
        """Sidecar of the first participant."""
        return self.members[0].sidecar

    @property
    def shared_fields(self) -> dict[str, object]:
        """Fields of the participants' sidecars that the catalogue also lists for the group."""
        fields = find_output(self.entities["desc"], "statmap", "group").fields
        return {key: self.sidecar[key] for key in fields if key in self.sidecar}

    @property
    def title(self) -> str:
        """Title for messages."""
        shown = (value for key, value in self.entities.items() if key != "stat")
        return f"{' '.join(shown)}, {len(self.members)} participants"

    @property
    def shared_entities(self) -> dict[str, str]:
        """Entities of all outputs derived from these maps."""
        return {key: value for key, value in self.entities.items() if key not in ("desc", "stat")}

    @cached_property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Targets with a value in every map of every participant, (n_targets,)."""
        return np.asarray(np.logical_and.reduce([np.isfinite(maps).all(axis=0) for maps in self.maps]))

    def writer(self, out_dir: Path) -> Writer:
        """The writer of the group's results."""
        sources = [f"bids::{path.relative_to(out_dir).as_posix()}" for m in self.members for path in m.paths]
        who = self.participants
        return Writer(
            out_dir, self.shared_entities, sources, self.result_settings, lambda: self.geometry, participants=who
        )

    def mean(self) -> Floats:
        """Mean over participants, (n_maps, n_targets), NaN where a participant has no value."""
        return np.where(self.complete, self.maps.mean(axis=0, dtype=np.float64), np.nan).astype(np.float32)

    def region_means(self, out_dir: Path) -> dict[tuple[str, str], Doubles]:
        """Mean over the common targets of each region, (n_participants, n_maps), by atlas and region."""
        return {
            (atlas, region): np.stack([_mean_over(maps, targets) for maps in self.maps])
            for atlas, region, targets in region_targets(self.geometry, out_dir, self.complete)
        }


def _mean_over(maps: Floats, targets: npt.NDArray[np.int64]) -> Doubles:
    if not len(targets):
        return np.full(len(maps), np.nan)
    return np.asarray(maps[:, targets].mean(axis=1, dtype=np.float64))


def collections(out_dir: Path, desc: str, stat: str, counted: frozenset[str] | None = None) -> Iterator[Collection]:
    """The maps with `desc` and `stat` of all included participants, one collection per recording, space and model."""
    keys: dict[tuple[tuple[str, str], ...], None] = {}
    for output in find_maps(out_dir, desc, stat):
        if is_superseded(out_dir, output) or not (counted is None or output.participant in counted):
            continue
        keys[tuple((key, value) for key, value in output.entities.items() if key not in OF_PARTICIPANT)] = None
    for key in keys:
        is_own = "seg" not in dict(key) and is_own_space(dict(key).get("space"))
        space = dict(key).get("space", "the space of the scanner")
        skipped = f"no group of the maps in {space}, which is another space for each participant: choose --space"
        if is_own and "space" in dict(key):
            _say_once(skipped)
            continue
        try:
            collection = collect(out_dir, dict(key), counted)
        except DatasetError as error:
            if not is_own:
                raise
            _say_once(f"{skipped} ({error})")
            continue
        yield collection


@cache
def _say_once(message: str) -> None:
    log.info("%s", message)


def collect(out_dir: Path, entities: Mapping[str, str], counted: frozenset[str] | None = None) -> Collection:
    """Read the maps of all included participants; several runs or sessions of a participant are averaged.

    Maps superseded by newer ones of the same BOLD are left out. Raises FileNotFoundError if there are none, and
    ValueError if they differ in settings, model or dictionary.
    """
    outputs = [output for output in outputs_of(out_dir, entities) if counted is None or output.participant in counted]
    if not outputs:
        raise FileNotFoundError(f"{out_dir} holds no maps of participants with {dict(entities)}")
    refuse_mixture(out_dir, outputs)
    names = _names(outputs, entities["stat"])
    loaded = [output.load() for output in outputs]
    geometry, columns = align([own for _, own in loaded], [f"sub-{output.participant}" for output in outputs])
    first: dict[str, OutputMap] = {}
    for output in outputs:
        first.setdefault(str(output.participant), output)
    total = np.zeros((len(first), *loaded[0][0].shape[:1], geometry.n_targets), dtype=np.float32)
    counts = np.zeros((len(first), 1, 1), dtype=np.float32)
    rows = {label: row for row, label in enumerate(first)}
    for output, own in zip(outputs, columns, strict=True):
        maps, _ = loaded.pop(0)  # freed as they are added: memory may not hold all of them twice
        total[rows[str(output.participant)]] += maps[:, own]
        counts[rows[str(output.participant)]] += 1
    return Collection(
        dict(entities), np.divide(total, counts, out=total), names, geometry, tuple(first.values()), counted
    )


def outputs_of(out_dir: Path, entities: Mapping[str, str]) -> list[OutputMap]:
    """The participants' maps with exactly these entities: pooled tasks do not match single ones."""
    wanted = {key: value for key, value in entities.items() if key not in ("desc", "stat")}
    outputs = find_maps(out_dir, entities["desc"], entities["stat"], **wanted)
    return [
        output
        for output in outputs
        if set(output.entities) - set(OF_PARTICIPANT) == set(entities) and not is_superseded(out_dir, output)
    ]


def _names(outputs: Sequence[OutputMap], stat: str) -> list[str]:
    """Names of the maps; ValueError if participants differ in them."""
    names = [output.sidecar.get("Maps") for output in outputs]
    for output, output_names in zip(outputs, names, strict=True):
        if output_names != names[0]:
            raise ValueError(
                f"{output.paths[0].name} holds the maps {_listed(output_names)}, but {outputs[0].paths[0].name} holds "
                f"{_listed(names[0])}: make all participants with the same settings"
            )
    return [str(name) for name in names[0]] if isinstance(names[0], list) else [stat]


def _listed(names: object) -> str:
    return listed(names) if isinstance(names, list) else "none"
