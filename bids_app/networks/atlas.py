"""Atlases of functional networks or of anatomical regions, as one label per target of the data."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nibabel.cifti2 import BrainModelAxis
from numpy.typing import NDArray

from bids_app.networks.atlas_grayordinates import DLABEL, check_grayordinates, grayordinate_labels, vertex_labels
from bids_app.networks.atlas_surfaces import surface_labels
from bids_app.networks.atlas_volumes import check_volume, volume_labels
from bids_app.networks.label_files import hemisphere_pair, read_labels, surface_pairs, volumes
from bids_app.networks.label_tables import Region
from bids_app.networks.schemes import is_background, networks_of
from bids_app.yeo_networks import scheme_of


@dataclass(frozen=True)
class Atlas:
    """The network or region of each target.

    Attributes
    ----------
    name : the name of the atlas or of its file
    network_names : n names, of networks or of regions
    labels : array of shape (n_targets,), 0 for none, 1 … n in the order of `network_names`
    colours : array of shape (n, 3), red, green, blue from 0 to 1; None if the atlas has none
    """

    name: str
    network_names: tuple[str, ...]
    labels: NDArray[np.int32]
    colours: NDArray[np.float64] | None = None


def load_atlas(
    name_or_file: str | Path,
    kind: str,
    space: str = "",
    *,
    n_vertices: tuple[int, int] | None = None,
    affine: NDArray[np.floating] | None = None,
    mask: NDArray[np.bool_] | None = None,
    axis: BrainModelAxis | None = None,
    resources: Sequence[Path] | None = None,
    allow_space_mismatch: bool = False,
    regions: bool = False,
) -> Atlas:
    """The atlas at the targets of the data.

    Parameters
    ----------
    name_or_file : one of `schemes.TEMPLATE_ATLASES` (yeo7, schaefer400, …), a label file (.annot, .gii, .nii, .nii.gz,
        .dlabel.nii; of a surface, either hemisphere), or a folder that holds one atlas for the data's space
    kind : "surface", "volume" or "cifti"; see `atlas_of_parcels` for data that are regions
    space : the data's space
    n_vertices : vertices of the left and right hemisphere; by default those of `space`. Surfaces only
    affine, mask : array of shape (4, 4) and of shape (x, y, z); the targets are the mask's voxels in C order. Volumes
        only; each gets the label of the nearest voxel of the atlas
    axis : the brain models of grayordinates ("cifti")
    resources : folders searched for named atlases before TemplateFlow's own; if given, nothing is downloaded
    allow_space_mismatch : accept an atlas in another MNI152 space than the data
    regions : return the regions of a surface or volume instead of its networks; if both hemispheres of a surface use
        the same names, these start with `L_` and `R_`

    Raises
    ------
    FileNotFoundError for files that are missing and cannot be downloaded
    ValueError for unknown names and formats, and for an atlas that does not fit the data
    """
    name = str(name_or_file)
    if kind == "cifti" and axis is not None:
        values, scheme = grayordinate_labels(name, space, axis, resources, apart=regions)
    elif kind == "surface" and name.endswith(DLABEL) and n_vertices is not None:
        values, scheme = vertex_labels(name, n_vertices)
    elif kind == "surface":
        values, scheme = surface_labels(name, space, n_vertices, resources, apart=regions)
    elif kind == "volume":
        if affine is None or mask is None:
            raise ValueError("An atlas for volumes needs the affine and the mask of the data.")
        values, scheme = volume_labels(
            name, space, affine, mask, resources=resources, allow_space_mismatch=allow_space_mismatch
        )
    else:
        raise ValueError(f"Unknown kind of data {kind!r}; allowed are surface, volume and cifti.")
    return (_of_regions if regions else _of_networks)(_short_name(name), values, scheme)


def check_files(path: Path, kind: str) -> None:
    """Read an atlas file completely, before the data are known; in a folder, find one.

    `kind` is that of the data. Raises as `load_atlas` does.
    """
    if path.is_dir():
        if not (volumes(path) if kind == "volume" else surface_pairs(path)):
            files = "volume (.nii or .nii.gz)" if kind == "volume" else "pair of files for a surface (lh.… and rh.…)"
            raise ValueError(f"{path} is a folder that holds no atlas {files}: give one with --atlas FILE.")
    elif path.name.endswith(DLABEL):
        check_grayordinates(path)
    elif kind == "volume":
        check_volume(path)
    else:
        for file in hemisphere_pair(path):
            read_labels(file).present()


def _of_regions(name: str, values: NDArray[np.int64], regions: dict[int, Region]) -> Atlas:
    names = {label: "" if is_background(region.name) else region.name.strip() for label, region in regions.items()}
    return _atlas(name, tuple(dict.fromkeys(filter(None, names.values()))), names, values, regions)


def _of_networks(name: str, values: NDArray[np.int64], regions: dict[int, Region]) -> Atlas:
    """Regions to networks: values (n_targets,) and the region of each value."""
    stated = [region.name if region.network is None else region.network for region in regions.values()]
    networks = dict(zip(regions, networks_of(stated), strict=True))
    return _atlas(name, _ordered(list(networks.values())), networks, values, regions)


def _atlas(
    name: str, names: tuple[str, ...], groups: dict[int, str], values: NDArray[np.int64], regions: dict[int, Region]
) -> Atlas:
    """Labels of the targets in the order of `names`: the group of each value ("" for none), values (n_targets,)."""
    if not names:
        raise ValueError(f"The atlas {name!r} names nothing; give one with labels and a table of their names.")
    number = {group: position for position, group in enumerate(names, start=1)}
    known = np.array(sorted(groups), dtype=np.int64)
    targets = np.array([number.get(groups[value], 0) for value in known.tolist()], dtype=np.int32)
    position = np.clip(np.searchsorted(known, values), 0, len(known) - 1)
    labels = np.where(known[position] == values, targets[position], 0).astype(np.int32)
    return Atlas(name, names, labels, _colours(names, groups, regions))


def _ordered(networks: list[str]) -> tuple[str, ...]:
    """Each network once, in the order of its scheme or else of its first occurrence."""
    names = tuple(name for name in dict.fromkeys(networks) if name)
    scheme = scheme_of(names)
    return tuple(name for name in scheme.names if name in names) if scheme else names


def _colours(names: tuple[str, ...], groups: dict[int, str], regions: dict[int, Region]) -> NDArray[np.float64] | None:
    scheme = scheme_of(names)
    if scheme and set(names) <= set(scheme.names):
        colour_of: dict[str, str | None] = dict(zip(scheme.names, scheme.colours, strict=True))
    else:  # the colour of the first region of a network
        colour_of = {groups[label]: regions[label].colour for label in reversed(regions)}
    colours = [colour_of[name] for name in names]
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours if c]) if all(colours) else None


def _short_name(name: str) -> str:
    if not Path(name).exists():
        return name
    return re.sub(r"^[lr]h\.|_?hemi-[LR](?![A-Za-z])|(\.d?label)?\.(annot|gii|nii|nii\.gz)$", "", Path(name).name)


def atlas_of_parcels(networks: Sequence[str | float | None]) -> Atlas:
    """The atlas of data that are themselves regions: the network of each, or its name in Schaefer 2018.

    >>> atlas_of_parcels(["Words", None, "Sounds", "Words"]).labels.tolist()
    [1, 0, 2, 1]
    """
    # a missing entry of a table is None or NaN
    names = [network if isinstance(network, str) else "" for network in networks]
    distinct = list(dict.fromkeys(names))
    values = np.array([distinct.index(name) for name in names], dtype=np.int64)
    return _of_networks("parcels", values, {number: Region(name) for number, name in enumerate(distinct)})
