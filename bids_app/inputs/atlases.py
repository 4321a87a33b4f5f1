"""The atlases of a run on the targets of its data, stored in OUT_DIR for the group level."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError

from bids_app.bids.catalogue import ATLASES, find_output
from bids_app.bids.derivatives import read_sidecar, sidecar_path, write_json, write_sidecar
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import load_map
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.targets import onto
from bids_app.checksums import describe_file, find_damage, sealed
from bids_app.machine.claims import OtherSettingsError
from bids_app.machine.completion import FOLDER, read_marker
from bids_app.machine.notices import notice
from bids_app.machine.once import locked
from bids_app.machine.resources import atlas_source
from bids_app.networks.atlas import Atlas, atlas_of_parcels, load_atlas
from bids_app.networks.label_files import hemisphere_pair
from bids_app.networks.label_tables import table_beside
from bids_app.networks.schemes import DEFAULT_ATLAS, DEFAULT_REGIONS
from bids_app.shared_options.inputs import AtlasOptions

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
_RECORD = "_dseg.json"  # ending of the file with sizes and checksums of a stored atlas
# For each kind of stored atlas: the key of its names in the sidecar, and the singular.
_KEPT = {"atlas": ("Networks", "Network"), "regions": ("Regions", "Region")}


def find_atlas(geometry: Geometry, settings: AtlasOptions) -> Atlas | None:
    """The atlas for these data; None, with a message, if there is none."""
    if settings.network_atlas.is_off:
        return None
    if geometry.has_own_names:
        if settings.network_atlas.is_asked:
            notice(
                logging.WARNING,
                f"--atlas {settings.atlas} is not used: regions have the networks that their table names",
            )
        if geometry.target_networks is None:
            _say_once(
                "no network step: regions have no space, and their table names no network for each (column `network`)"
            )
            return None
        return atlas_of_parcels(geometry.target_networks)
    name = settings.network_atlas.name or DEFAULT_ATLAS["volume" if geometry.kind == "volume" else "surface"]
    return load_atlas(name, geometry.kind, geometry.space_name, **_source(geometry, settings))


def find_regions(geometry: Geometry, settings: AtlasOptions) -> Atlas | None:
    """The second atlas, of regions, for these data; None if it is off, or if the default is not available.

    Raises ValueError if a requested atlas is not available.
    """
    asked = settings.region_atlas.name
    if settings.region_atlas.is_off:
        return None
    if geometry.has_own_names:
        if asked is None:
            return None
        raise ValueError(f"--regions {asked}: the data are regions themselves; leave it out, or give 'none'")
    name, source = asked or DEFAULT_REGIONS, _source(geometry, settings)
    try:
        return load_atlas(name, geometry.kind, geometry.space_name, **source, regions=True)
    except (ValueError, OSError) as error:
        message = str(error).replace("--atlas", "--regions")
        if asked is not None:
            raise ValueError(f"--regions {asked}: {message}") from error
        _say_once(f"no curves of regions: {message}")
        return None


def files_of_atlas(path: Path) -> list[Path]:
    """Every file that is read for an atlas given as `path`: both hemispheres, the table of names."""
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file())
    try:
        files = list(hemisphere_pair(path))
    except (ValueError, OSError):
        files = [path]
    tables = [table_beside(file) for file in files]
    return [*files, *(table for table in tables if table is not None)]


def _source(geometry: Geometry, settings: AtlasOptions) -> dict[str, Any]:
    """Arguments of `load_atlas`: where to find an atlas, and its target grid."""
    mismatch = settings.allow_space_mismatch
    return {**geometry.where(), **atlas_source(settings.resources), "allow_space_mismatch": mismatch}


@functools.cache
def _say_once(message: str) -> None:
    log.info("%s", message)


def write_atlas(geometry: Geometry, settings: AtlasOptions) -> None:
    """Store the networks, with names and colours, in OUT_DIR/atlases; for a volume, on the whole grid.

    Raises OtherSettingsError if another atlas is stored there.
    """
    _write("atlas", find_atlas, geometry, settings)


def write_regions(geometry: Geometry, settings: AtlasOptions) -> None:
    """Store the regions of the second atlas, as `write_atlas` does for networks."""
    _write("regions", find_regions, geometry, settings)


def read_atlas(geometry: Geometry, out_dir: Path) -> Atlas | None:
    """The networks that the participants' maps were compared with, or None."""
    if geometry.has_own_names:
        if geometry.target_networks is None:
            return None
        return atlas_of_parcels(geometry.target_networks)
    return _read("atlas", geometry, out_dir)


def read_regions(geometry: Geometry, out_dir: Path) -> Atlas | None:
    """The regions of the second atlas, or None."""
    return None if geometry.has_own_names else _read("regions", geometry, out_dir)


def _write(
    desc: str, find: Callable[[Geometry, AtlasOptions], Atlas | None], geometry: Geometry, settings: AtlasOptions
) -> None:
    if geometry.has_own_names:
        return  # the table of parcels has their networks
    geometry = geometry.whole()
    atlas = find(geometry, settings)
    if atlas is None:
        return
    with locked(settings.out_dir / "logs" / ".lock"):
        if not _is_kept(desc, atlas, geometry, settings.out_dir):
            _save(desc, atlas, geometry, settings.out_dir)


def _save(desc: str, atlas: Atlas, geometry: Geometry, out_dir: Path) -> None:
    target = _target(desc, geometry, out_dir)
    key, member = _KEPT[desc]
    colours = None if atlas.colours is None else np.round(atlas.colours, 4).tolist()
    extra = {key: list(atlas.network_names), "Colours": colours, "Atlas": atlas.name}
    output = find_output(ATLASES, desc, "dseg", "participant")
    output.require_fields(extra)
    for path in geometry.paths(target):  # before the labels, so that labels always have names
        write_sidecar(path, [], {}, description=output.content, extra=extra)
    paths = geometry.save(atlas.labels[None].astype(np.float32), target, [member.lower()])
    files = [file for path in paths for file in (path, sidecar_path(path))]
    outputs = {file.relative_to(out_dir).as_posix(): describe_file(file) for file in files}
    write_json(_record(desc, geometry.space_entities(), out_dir), sealed({"Outputs": outputs}))


def mend_atlases(entities: Mapping[str, str], geometry: Callable[[], Geometry], settings: AtlasOptions) -> None:
    """Write damaged atlases of a space (entities) again; `geometry` is called only then."""
    for desc, find in (("atlas", find_atlas), ("regions", find_regions)):
        outputs = read_marker(_record(desc, entities, settings.out_dir)).get("Outputs", {})
        damage = find_damage(settings.out_dir, outputs)
        if damage:
            log.warning("the atlas in %s is made again: %s", settings.out_dir / "atlases", damage)
            with locked(settings.out_dir / "logs" / ".lock"):
                for name in outputs:
                    (settings.out_dir / name).unlink(missing_ok=True)
            _write(desc, find, geometry(), settings)


def damaged_atlases(out_dir: Path) -> list[str]:
    """Damage of the atlases stored in OUT_DIR, one phrase for each."""
    records = sorted((out_dir / FOLDER).glob(f"*{_RECORD}"))
    damages = [find_damage(out_dir, read_marker(record).get("Outputs", {})) for record in records]
    return [damage for damage in damages if damage is not None]


def _record(desc: str, entities: Mapping[str, str], out_dir: Path) -> Path:
    """File with sizes and checksums of a stored atlas."""
    return out_dir / FOLDER / f"{_space_label(entities)}_desc-{desc}{_RECORD}"


def _is_kept(desc: str, atlas: Atlas, geometry: Geometry, out_dir: Path) -> bool:
    """Whether this atlas is already stored and intact. Raises OtherSettingsError if another one is stored."""
    path = geometry.paths(_target(desc, geometry, out_dir))[0]
    try:
        kept = _read(desc, geometry, out_dir)
    except (OSError, ValueError, LookupError, DatasetError, ImageFileError, ExpatError) as error:
        log.warning("%s is written again, because it cannot be read (%s)", path, error)
        return False
    if kept is None:
        return False
    differs = None
    if kept.name != atlas.name:
        differs = f"from the atlas {kept.name}, not {atlas.name}"
    elif kept.network_names != atlas.network_names or not np.array_equal(kept.labels, atlas.labels):
        differs = f"before the atlas {atlas.name} was changed"
    if differs is not None:
        raise OtherSettingsError(f"{path} was made {differs}; choose another OUT_DIR, or the previous atlas")
    return True


def _read(desc: str, geometry: Geometry, out_dir: Path) -> Atlas | None:
    paths = geometry.paths(_target(desc, geometry, out_dir))
    if not _are_there(paths):
        return None
    labels, stored = load_map(paths)
    content = json.loads(json.dumps(read_sidecar(paths[0])))
    values = np.nan_to_num(onto(labels, stored, geometry)[0]).astype(np.int32)
    colours = None if content["Colours"] is None else np.asarray(content["Colours"])
    return Atlas(content["Atlas"], tuple(content[_KEPT[desc][0]]), values, colours)


def _target(desc: str, geometry: Geometry, out_dir: Path) -> Path:
    """Path of stored labels, without hemisphere and extension."""
    return out_dir / "atlases" / f"{_space_label(geometry.space_entities())}_desc-{desc}_dseg"


def _space_label(entities: Mapping[str, str]) -> str:
    return "_".join(f"{key}-{value}" for key, value in entities.items())


def _are_there(paths: Sequence[Path]) -> bool:
    return all(path.is_file() for path in paths)
