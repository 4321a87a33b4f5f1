"""Labels of a volume atlas at the voxels of the data."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from bids_app.networks.label_files import Labels, check_exists, only_one, read_labels, volumes
from bids_app.networks.label_tables import Region
from bids_app.networks.schemes import KNOWN_VOLUMES
from bids_app.networks.template_files import locate, template_files

_log = logging.getLogger(__name__)

_SPACE = re.compile(r"(?:^|_)(?:space|tpl)-([A-Za-z0-9]+)")
_OTHER_NAMES = {
    "MNI152NLin6": "MNI152NLin6Asym",
    "FSLMNI152": "MNI152NLin6Asym",
    "MNI152NLin2009c": "MNI152NLin2009cAsym",
}


def atlas_space(path: Path) -> str | None:
    """The space of an atlas file from its name: the entity `space-` or `tpl-`, or FSLMNI152; None if not stated.

    >>> atlas_space(Path("A_space-MNI152NLin6_res-2x2x2.nii.gz")), atlas_space(Path("A.nii.gz"))
    ('MNI152NLin6Asym', None)
    """
    entity = re.search(r"(?:^|_)space-([A-Za-z0-9]+)", path.name) or _SPACE.search(path.name)
    space = entity[1] if entity else next((piece for piece in path.name.split("_") if piece in _OTHER_NAMES), None)
    return _OTHER_NAMES.get(space, space) if space else None


def volume_labels(
    name: str,
    space: str,
    affine: NDArray[np.floating],
    mask: NDArray[np.bool_],
    *,
    resources: Sequence[Path] | None,
    allow_space_mismatch: bool,
) -> tuple[NDArray[np.int64], dict[int, Region]]:
    """Label per voxel of the mask and the region of each label; parameters as in `atlas.load_atlas`."""
    volume = read_labels(*_volume_file(name, space, resources))
    _check_space(volume.path, space, allow_space_mismatch)
    labels = _nearest_voxels(volume, affine, mask)
    if volume.values.any() and not labels.any():
        raise ValueError(
            f"The atlas {volume.path} and the data do not overlap anywhere: the position in the header (sform, qform) "
            "of one of them is wrong, or they are in different spaces; give another --atlas, or correct the header."
        )
    return labels, _volume_regions(volume)


def check_volume(path: Path) -> None:
    """Read a volume atlas. Raises FileError or ValueError if it is unusable for any data."""
    _volume_regions(read_labels(path))


def _volume_file(name: str, space: str, resources: Sequence[Path] | None) -> tuple[Path, Path | None]:
    path = Path(name)
    if path.is_dir():
        same_space = [file for file in volumes(path) if atlas_space(file) == space]
        return only_one(same_space or volumes(path), path, "atlas volume (.nii or .nii.gz)"), None
    if path.is_file() or path.suffix:
        check_exists(path)
        return path, None
    labels, names = locate(template_files(name, "volume", space), resources)
    return labels, names


def _check_space(path: Path, space: str, allow_mismatch: bool) -> None:
    stated = atlas_space(path)
    if stated == space:
        return
    if stated is None or not space:
        _log.warning("The space of %s is unknown; it is taken to be that of the data (%s).", path, space or "unknown")
        return
    both_mni = stated.startswith("MNI152") and space.startswith("MNI152")
    if both_mni and allow_mismatch:
        _log.warning("The atlas %s is in %s and the data are in %s: 1–2 mm off.", path, stated, space)
        return
    distance, cure = (
        ("they are 1–2 mm off; ", ", or allow the mismatch (allow_space_mismatch)")
        if both_mni
        else ("they do not correspond; ", "")
    )
    raise ValueError(
        f"The atlas {path} is in {stated} and the data are in {space}: {distance}"
        f"choose data in {stated} with --space, give an atlas in {space} with --atlas{cure}."
    )


def _nearest_voxels(atlas: Labels, affine: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Label of the atlas voxel nearest to the centre of each voxel of the mask, 0 outside the atlas: (n_targets,)."""
    to_atlas = np.linalg.inv(np.asarray(atlas.affine)) @ affine
    voxels = np.rint(apply_affine(to_atlas, np.argwhere(mask))).astype(np.int64)  # (n_targets, 3)
    inside = ((voxels >= 0) & (voxels < atlas.values.shape)).all(axis=1)
    labels = np.zeros(len(voxels), dtype=np.int64)
    labels[inside] = atlas.values[tuple(voxels[inside].T)]
    return labels


def _volume_regions(volume: Labels) -> dict[int, Region]:
    scheme = next((scheme for pattern, scheme in KNOWN_VOLUMES if pattern.search(volume.path.name)), None)
    numbers = set(range(1, len(scheme.names) + 1)) if scheme else set()
    if scheme and {int(label) for label in np.unique(volume.values)} - {0} == numbers:
        return {number: Region(name) for number, name in enumerate(scheme.names, start=1)}
    return volume.present()
