"""Labels of a surface atlas at the vertices of the data."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bids_app.networks.label_files import Labels, check_exists, hemisphere_pair, only_one, read_labels, surface_pairs
from bids_app.networks.label_tables import Region
from bids_app.networks.schemes import is_background
from bids_app.networks.surfaces import FSAVERAGE_VERTICES, fsaverage_of, is_fsaverage
from bids_app.networks.template_files import locate, template_files


def surface_labels(
    name: str, space: str, n_vertices: tuple[int, int] | None, resources: Sequence[Path] | None, *, apart: bool = False
) -> tuple[NDArray[np.int64], dict[int, Region]]:
    """Label per vertex, left then right, and the region of each label; parameters as in `atlas.load_atlas`.

    With `apart`, if regions have the same name in both hemispheres, all names start with `L_` or `R_`.
    """
    wanted = n_vertices or _vertices_of(space)
    if space == "fsLR" and not (Path(name).exists() or Path(name).suffix):
        from bids_app.networks.fslr import as_key, fsaverage_at_fslr

        values, regions = surface_labels(name, "fsaverage", None, resources, apart=apart)
        return values[fsaverage_at_fslr(wanted[0], as_key(resources))], regions
    left, right = (read_labels(*files) for files in _surface_files(name, space, wanted, resources))
    sides = (left.present(), right.present())
    for labels, wanted_of_side in zip((left, right), wanted, strict=True):
        _check_density(labels, wanted_of_side, space)
    return _first_vertices(left, right, _told_apart(*sides) if apart else sides, wanted)


def _told_apart(left: dict[int, Region], right: dict[int, Region]) -> tuple[dict[int, Region], dict[int, Region]]:
    """Regions of each hemisphere, prefixed with its letter if both have a name in common."""
    names = ({region.name for region in side.values() if not is_background(region.name)} for side in (left, right))
    if not set.intersection(*names):
        return left, right
    return _with_prefix("L_", left), _with_prefix("R_", right)


def _with_prefix(prefix: str, regions: dict[int, Region]) -> dict[int, Region]:
    return {
        label: region if is_background(region.name) else replace(region, name=prefix + region.name.strip())
        for label, region in regions.items()
    }


def _vertices_of(space: str) -> tuple[int, int]:
    if space not in FSAVERAGE_VERTICES:
        raise ValueError(f"The number of vertices of {space!r} is not known; give n_vertices (left, right).")
    return FSAVERAGE_VERTICES[space], FSAVERAGE_VERTICES[space]


def _surface_files(
    name: str, space: str, n_vertices: tuple[int, int], resources: Sequence[Path] | None
) -> list[tuple[Path, Path | None]]:
    """Left and right label file, each with its table of names."""
    path = Path(name)
    if path.is_dir():
        return [(file, None) for file in _only_pair(path, n_vertices)]
    if path.is_file() or path.suffix:
        check_exists(path)
        return [(file, None) for file in hemisphere_pair(path)]
    left, right, names = locate(template_files(name, "surface", fsaverage_of(space, n_vertices[0])), resources)
    return [(left, names), (right, names)]


def _only_pair(folder: Path, n_vertices: tuple[int, int]) -> tuple[Path, Path]:
    """The only atlas of a folder with enough vertices; of several, the one with as many as the data."""
    sizes = {pair: tuple(read_labels(file).values.size for file in pair) for pair in surface_pairs(folder)}
    exact = [pair for pair, size in sizes.items() if size == n_vertices]
    fitting = exact or [pair for pair, size in sizes.items() if all(np.array(size) >= n_vertices)] or list(sizes)
    return only_one(fitting, folder, "surface atlas (lh.… and rh.…, or hemi-L and hemi-R)")


def _first_vertices(
    left: Labels, right: Labels, regions: tuple[dict[int, Region], dict[int, Region]], n_vertices: tuple[int, int]
) -> tuple[NDArray[np.int64], dict[int, Region]]:
    """Both hemispheres at the vertices of the data; labels of the right continue the numbers of the left."""
    beyond = int(left.values.max()) + 2  # a right label may be -1
    numbered = regions[0] | {label + beyond: region for label, region in regions[1].items()}
    values = np.concatenate([left.values[: n_vertices[0]], right.values[: n_vertices[1]] + beyond])
    return values, numbered


def _check_density(labels: Labels, wanted: int, space: str) -> None:
    size = labels.values.size
    nested = set(FSAVERAGE_VERTICES.values()) if is_fsaverage(space) else set()
    if size == wanted or (size > wanted and {size, wanted} <= nested):
        return
    finer = [f"{name} ({n:,} vertices)" for name, n in FSAVERAGE_VERTICES.items() if n >= wanted and wanted in nested]
    needed = " or ".join(finer) or f"the same surface ({wanted:,} vertices)"
    raise ValueError(
        f"{labels.path} has {size:,} vertices and the data have {wanted:,} per hemisphere: "
        f"an atlas on {needed} is needed."
    )
