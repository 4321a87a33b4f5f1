"""The same maps of all participants, read from OUT_DIR one by one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.analyses.outputs import find_output
from bids_app.analyses.reading import stored_maps, summed_maps
from bids_app.analyses.stored_maps import StoredMaps
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_sidecar
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import is_own_space
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.outputs import OutputMap, each_map
from bids_app.bids.targets import onto
from bids_app.inputs.regions import region_targets
from bids_app.machine.agreement import is_superseded, refuse_mixture
from bids_app.stats.blocks import Apply, here
from bids_app.stats.running import RunningMeans, RunningTest
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
    held : the maps on the targets that all participants have, on disk, or only their sums over participants
    names : of the maps
    members : the participants' outputs, in the order of `maps`
    counted : labels of the participants to include, None for all
    scratch : folder for maps on disk, None for OUT_DIR/.work
    apply : `map` by which statistics over participants are computed from blocks of targets
    """

    entities: dict[str, str]
    held: StoredMaps | RunningTest
    names: list[str]
    geometry: Geometry
    members: tuple[OutputMap, ...]
    counted: frozenset[str] | None = None
    scratch: Path | None = None
    apply: Apply = here

    @property
    def maps(self) -> StoredMaps:
        """The maps (n_participants, n_maps, n_targets), NaN where a participant has no data; see `Summary.keeps`."""
        assert isinstance(self.held, StoredMaps)
        return self.held

    @property
    def sums(self) -> RunningTest:
        """The sums of maps that were not kept, see `Summary.keeps`."""
        assert isinstance(self.held, RunningTest)
        return self.held

    def close(self) -> None:
        """Free the space on the disk."""
        if isinstance(self.held, StoredMaps):
            self.held.close()

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

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Targets with a value in every map of every participant, (n_targets,)."""
        return self.held.complete

    def writer(self, out_dir: Path) -> Writer:
        """The writer of the group's results."""
        sources = [f"bids::{path.relative_to(out_dir).as_posix()}" for m in self.members for path in m.paths]
        who = self.participants
        return Writer(
            out_dir, self.shared_entities, sources, self.result_settings, lambda: self.geometry, participants=who
        )

    def beside(self, out_dir: Path, **entities: str) -> Collection:
        """Other maps of the same recordings, model and participants. Raises FileNotFoundError if there are none."""
        return collect(out_dir, {**self.entities, **entities}, self.counted, self.scratch, self.apply)

    def mean_beside(self, out_dir: Path, **entities: str) -> Floats:
        """The mean over participants of such other maps on the targets of these, (n_maps, n_targets)."""
        geometry, means = summed_maps(*_members(out_dir, {**self.entities, **entities}, self.counted), RunningMeans)
        return onto(means.mean(), geometry, self.geometry)

    def mean(self) -> Floats:
        """Mean over participants, (n_maps, n_targets), NaN where a participant has no value."""
        return self.held.mean()

    def region_means(self, out_dir: Path) -> dict[tuple[str, str], Doubles]:
        """Mean over the common targets of each region, (n_participants, n_maps), by atlas and region."""
        regions = {
            (atlas, name): targets for atlas, name, targets in region_targets(self.geometry, out_dir, self.complete)
        }
        means = [[_mean_over(maps, targets) for targets in regions.values()] for maps in self.maps.participants()]
        return {region: np.stack(values) for region, values in zip(regions, zip(*means, strict=True), strict=True)}


def _mean_over(maps: Floats, targets: npt.NDArray[np.int64]) -> Doubles:
    if not len(targets):
        return np.full(len(maps), np.nan)
    return np.asarray(maps[:, targets].mean(axis=1, dtype=np.float64))


def collections(
    out_dir: Path,
    desc: str,
    stat: str,
    counted: frozenset[str] | None = None,
    scratch: Path | None = None,
    apply: Apply = here,
    *,
    keeps: bool = True,
) -> Iterator[Collection]:
    """The maps with `desc` and `stat` of all included participants, one collection per recording, space and model.

    `scratch` is the folder that holds the maps of a collection as long as it is in use: OUT_DIR/.work by default.
    `apply` is the `map` by which statistics over participants are computed from blocks of targets.
    Without `keeps`, only their sums over participants are held.
    """
    keys: dict[tuple[tuple[str, str], ...], None] = {}
    for output in each_map(out_dir, desc, stat):
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
            collection = collect(out_dir, dict(key), counted, scratch, apply, keeps=keeps)
        except DatasetError as error:
            if not is_own:
                raise
            _say_once(f"{skipped} ({error})")
            continue
        yield collection


@cache
def _say_once(message: str) -> None:
    log.info("%s", message)


def collect(
    out_dir: Path,
    entities: Mapping[str, str],
    counted: frozenset[str] | None = None,
    scratch: Path | None = None,
    apply: Apply = here,
    *,
    keeps: bool = True,
) -> Collection:
    """Read the maps of all included participants; several runs or sessions of a participant are averaged.

    Maps superseded by newer ones of the same BOLD are left out. The maps of a few participants at a time are in memory.
    Raises FileNotFoundError if there are none, and ValueError if they differ in settings, model or dictionary.
    """
    members, names = _members(out_dir, entities, counted)
    geometry, held = (
        stored_maps(members, names, scratch or out_dir / ".work", apply)
        if keeps
        else summed_maps(members, names, RunningTest)
    )
    return Collection(dict(entities), held, names, geometry, tuple(own[0] for own in members), counted, scratch, apply)


def _members(
    out_dir: Path, entities: Mapping[str, str], counted: frozenset[str] | None
) -> tuple[list[list[OutputMap]], list[str]]:
    """The outputs of each included participant, and the names of their maps. Raises as `collect`."""
    outputs = [output for output in outputs_of(out_dir, entities) if counted is None or output.participant in counted]
    if not outputs:
        raise FileNotFoundError(f"{out_dir} holds no maps of participants with {dict(entities)}")
    refuse_mixture(out_dir, outputs)
    members: dict[str, list[OutputMap]] = {}
    for output in outputs:
        members.setdefault(str(output.participant), []).append(output)
    return list(members.values()), _names(outputs, entities["stat"])


def outputs_of(out_dir: Path, entities: Mapping[str, str]) -> list[OutputMap]:
    """The participants' maps with exactly these entities: pooled tasks do not match single ones."""
    wanted = {key: value for key, value in entities.items() if key not in ("desc", "stat")}
    return [
        output
        for output in each_map(out_dir, entities["desc"], entities["stat"], **wanted)
        if set(output.entities) - set(OF_PARTICIPANT) == set(entities) and not is_superseded(out_dir, output)
    ]


def _names(outputs: Sequence[OutputMap], stat: str) -> list[str]:
    """Names of the maps; ValueError if participants differ in them."""
    first = outputs[0].sidecar.get("Maps")
    for output in outputs[1:]:
        names = read_sidecar(output.paths[0]).get("Maps")  # one at a time: they are 10 kB each in memory
        if names != first:
            raise ValueError(
                f"{output.paths[0].name} holds the maps {_listed(names)}, but {outputs[0].paths[0].name} holds "
                f"{_listed(first)}: make all participants with the same settings"
            )
    return [str(name) for name in first] if isinstance(first, list) else [stat]


def _listed(names: object) -> str:
    return listed(names) if isinstance(names, list) else "none"
