"""Labels of an atlas at grayordinates, and of a CIFTI atlas on surfaces."""

import logging
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
from nibabel.cifti2 import BrainModelAxis, LabelAxis
from numpy.typing import NDArray

from bids_app.cifti_files import load_image
from bids_app.grayordinates import check_axis, cortex_of, keys_of, same_grids
from bids_app.networks.atlas_surfaces import surface_labels
from bids_app.networks.label_files import check_exists, hexadecimal, named, reading_atlas, whole_labels
from bids_app.networks.label_tables import Region
from bids_app.text_files import FileError

DLABEL = ".dlabel.nii"

_log = logging.getLogger(__name__)


def grayordinate_labels(
    name: str, space: str, axis: BrainModelAxis, resources: Sequence[Path] | None, *, apart: bool = False
) -> tuple[NDArray[np.int64], dict[int, Region]]:
    """Label per target of the axis and the region of each label; parameters as in `atlas.load_atlas`.

    A CIFTI file labels all targets that it holds, any other surface atlas only the cortex.
    """
    if name.endswith(DLABEL):
        values, atlas_axis, regions = _read(Path(name))
        if not same_grids(atlas_axis, axis):
            raise ValueError(f"The atlas {name} lies on other meshes, or another grid, than the data: give another.")
        return _at(values, keys_of(atlas_axis), keys_of(axis)), regions
    cortex = cortex_of(axis)
    on_mesh, regions = surface_labels(name, space, cortex.n_vertices, resources, apart=apart)
    labels = np.full(len(axis), _nothing(regions), dtype=np.int64)
    labels[cortex.targets] = on_mesh[cortex.vertices]
    return labels, regions


def vertex_labels(name: str, n_vertices: tuple[int, int]) -> tuple[NDArray[np.int64], dict[int, Region]]:
    """Label of each vertex of both hemispheres from a CIFTI file, and the region of each label."""
    values, axis, regions = _read(Path(name))
    cortex = cortex_of(axis)
    if cortex.n_vertices != n_vertices:
        left, right = cortex.n_vertices
        raise FileError(
            f"{name} lies on meshes of {left:,} and {right:,} vertices and the data have {n_vertices[0]:,} and "
            f"{n_vertices[1]:,}: give an atlas on the same meshes."
        )
    labels = np.full(sum(n_vertices), _nothing(regions), dtype=np.int64)
    labels[cortex.vertices] = values[cortex.targets]
    return labels, regions


def _at(values: NDArray[np.int64], keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.argsort(keys)
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return np.where(keys[order[at]] == wanted, values[order[at]], 0)


def _nothing(regions: dict[int, Region]) -> int:
    """A label without a region."""
    return min(regions, default=0) - 1


def check_grayordinates(path: Path) -> None:
    """Read a CIFTI atlas. Raises FileError if it is unusable for any data."""
    _read(path)


def _read(path: Path) -> tuple[NDArray[np.int64], BrainModelAxis, dict[int, Region]]:
    """Label of each grayordinate, the axis, and the region of each label that occurs."""
    check_exists(path)
    with reading_atlas(path):
        try:
            image = load_image(path)
        except AttributeError as error:  # nibabel's table for labels without names
            raise FileError(
                f"{path} is damaged, or a map of labels in it has no table of their names: make it again."
            ) from error
        if not isinstance(image, nibabel.Cifti2Image) or len(image.shape) != 2:
            raise FileError(f"{path} is not a CIFTI file with rows of grayordinates: get or make it again.")
        names, axis = (image.header.get_axis(dimension) for dimension in (0, 1))
        if not isinstance(names, LabelAxis) or not isinstance(axis, BrainModelAxis):
            raise FileError(
                f"{path} holds no labels of grayordinates: give a dense label file, whose name ends in {DLABEL}."
            )
        if (len(names), len(axis)) != image.shape:
            raise FileError(f"{path} has other sizes in its data than in its header: get or make it again.")
        check_axis(axis)
        values = whole_labels(path, np.asarray(image.dataobj[0]))
        regions = {int(key): Region(name, hexadecimal(colour[:3])) for key, (name, colour) in names.label[0].items()}
    if len(names) > 1:
        _log.warning("%s holds %d maps of labels: the first, %s, is used.", path, len(names), names.name[0])
    return values, axis, named(path, values, regions)
