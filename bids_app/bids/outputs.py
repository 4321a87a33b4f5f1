"""The maps and tables of OUT_DIR: writing with sidecars, finding by name."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy.typing as npt

from bids_app.bids.derivatives import output_path, read_sidecar, write_sidecar
from bids_app.bids.entities import NUMBERED, is_within, parse_name
from bids_app.bids.geometry import load_map
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.maps import FloatArray

EXTENSIONS = {".func.gii", ".nii.gz", ".nii", ".dscalar.nii", ".tsv", ".tsv.gz", ".parquet"}
_ENDINGS = tuple(EXTENSIONS)
LEFT_OUT = Path("logs") / "leftout"  # which runs and participants were left out, and why


@dataclass(frozen=True)
class OutputMap:
    """One output: its entities (`sub` is missing at the group level) and its files.

    `paths` holds both hemispheres of a surface (left first), otherwise one file.
    """

    entities: dict[str, str]
    suffix: str
    paths: tuple[Path, ...]

    @cached_property
    def sidecar(self) -> dict[str, object]:
        """Content of its sidecar, read on first use: a thousand participants have tens of thousands of them."""
        return read_sidecar(self.paths[0])

    @property
    def participant(self) -> str | None:
        """Label of the participant, None at the group level."""
        return self.entities.get("sub")

    def load(self) -> tuple[FloatArray, Geometry]:
        """Maps (n_maps, n_targets) and geometry, see `load_map`."""
        return load_map(self.paths)


@dataclass(frozen=True)
class SidecarFields:
    """Fields of the sidecars of maps; see `derivatives.write_sidecar`."""

    sources: Sequence[str]
    settings: Mapping[str, object]
    description: str
    units: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


def write_maps(
    out_dir: Path,
    entities: Mapping[str, str],
    geometry: Geometry,
    maps: npt.ArrayLike,
    map_names: Sequence[str],
    sidecar: SidecarFields,
) -> list[Path]:
    """Save maps (n_maps, n_targets) under their BIDS name, with a sidecar for every file; returns the data files.

    `entities` need not include the space; a missing `sub` means the group level. Sidecars are written first, so that
    every existing map has one. They list the names of the maps as `Maps`.
    """
    target = output_path(out_dir, {**entities, **geometry.space_entities()})
    columns = None
    if geometry.columns:
        columns = {**geometry.columns, **dict.fromkeys(map_names, sidecar.description)}
    for path in geometry.paths(target):
        more = {"Maps": list(map_names)} | dict(sidecar.extra)
        texts = {"description": sidecar.description, "units": sidecar.units}
        write_sidecar(path, sidecar.sources, sidecar.settings, **texts, columns=columns, extra=more)
    return geometry.save(maps, target, map_names)


def _folders(out_dir: Path, level: str, participant: str | None) -> Iterator[Path]:
    """Folders with outputs of a level, sorted."""
    if level == "group":
        yield out_dir / "group"
        return
    for own in sorted(out_dir.glob(f"sub-{participant or '*'}")):
        yield own / "func"
        yield from sorted(own.glob("ses-*/func"))


def _files(folder: Path, suffix: str, wanted: Mapping[str, str]) -> Iterator[Path]:
    """Files of a folder, sorted, without most of those that are not wanted.

    Names are compared as texts first: a thousand participants have 100,000 files, and to parse them all takes seconds.
    """
    pieces = [f"{suffix}.", *(f"{key}-{value}" for key, value in wanted.items() if key not in NUMBERED)]
    names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 (texts, not paths)
    for name in sorted(names):
        if name.endswith(_ENDINGS) and not name.startswith(".") and all(piece in name for piece in pieces):
            yield folder / name


def each_output(out_dir: Path, suffix: str, level: str = "participant", **entities: str | None) -> Iterator[OutputMap]:
    """Outputs with a suffix (`statmap`, `networks`) at a level (`participant` or `group`), sorted by name.

    Entities that are None match anything: `each_output(out, "networks", desc="atoms", task="pieman")`. Those of one
    folder at a time are in memory: 1,000 participants have tens of thousands.
    """
    wanted = {key: value for key, value in entities.items() if value is not None}
    for folder in _folders(out_dir, level, wanted.get("sub")):
        groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[Path]] = {}
        for path in _files(folder, suffix, wanted):
            name = parse_name(path)
            if name.suffix == suffix and name.extension in EXTENSIONS and is_within(wanted, name.entities):
                entities_of_both = tuple((key, value) for key, value in name.entities.items() if key != "hemi")
                groups.setdefault((name.extension, entities_of_both), []).append(path)
        for (_, key), paths in groups.items():
            yield OutputMap(dict(key), suffix, tuple(paths))


def find_outputs(out_dir: Path, suffix: str, level: str = "participant", **entities: str | None) -> list[OutputMap]:
    """The outputs of `each_output`."""
    return list(each_output(out_dir, suffix, level, **entities))


def each_map(
    out_dir: Path, desc: str | None = None, stat: str | None = None, level: str = "participant", **entities: str | None
) -> Iterator[OutputMap]:
    """The maps of `find_maps`, one at a time."""
    return each_output(out_dir, "statmap", level, desc=desc, stat=stat, **entities)


def find_maps(
    out_dir: Path, desc: str | None = None, stat: str | None = None, level: str = "participant", **entities: str | None
) -> list[OutputMap]:
    """Maps in OUT_DIR with this `desc` (`atoms`, `brainscore`, …) and `stat` (`r`, `beta`, `p`, …)."""
    return list(each_map(out_dir, desc, stat, level, **entities))
