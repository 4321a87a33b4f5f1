"""Label files of vertices or voxels: FreeSurfer annotations, GIFTI, NIfTI with a table of names."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import nibabel
import numpy as np
from numpy.typing import NDArray

from bids_app.affines import problem_of_affine
from bids_app.cifti_files import load_image
from bids_app.gifti_files import read_gifti
from bids_app.networks.annotations import read_annotation
from bids_app.networks.label_tables import Region, read_table, table_beside, table_name
from bids_app.text_files import FileError, check_content
from bids_app.wording import in_one_line

_File = TypeVar("_File", Path, tuple[Path, Path])

_MOST_VOXELS = 3e8  # voxels of a box around a brain at 0.3 mm
_LARGEST_LABEL = 2**31

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labels:
    """Content of a label file: a label per vertex (n,) or voxel (x, y, z), and the region of each label.

    `table` is the file with the names of regions if separate; `affine` is that of a volume.
    """

    path: Path
    values: NDArray[np.int64]
    regions: dict[int, Region]
    affine: NDArray[np.float64] | None = None
    table: Path | None = None

    def present(self) -> dict[int, Region]:
        """The regions that occur in the file, by label. Raises FileError for a label above 0 without a name."""
        return named(self.path, self.values, self.regions, self.table)


def named(
    path: Path, values: NDArray[np.int64], regions: dict[int, Region], table: Path | None = None
) -> dict[int, Region]:
    """The regions of the labels in `values`; `path` is the file of the labels, `table` that of the names.

    Raises FileError for a label above 0 without a name, because a region left out, or named by its number, would go
    unnoticed.
    """
    labels, sizes = np.unique(values, return_counts=True)
    unnamed = {int(label): int(n) for label, n in zip(labels, sizes, strict=True) if label > 0 and label not in regions}
    if not unnamed:
        return {int(label): regions[int(label)] for label in labels if int(label) in regions}
    shown = ", ".join(map(str, list(unnamed)[:8])) + (", …" if len(unnamed) > 8 else "")
    which = f"the label {shown}" if len(unnamed) == 1 else f"{len(unnamed)} labels ({shown})"
    if not regions and table is None:
        raise FileError(
            f"{path} has {which} and no table of their names: put {table_name(path)} beside it, with the columns index "
            "and name (and network, where regions belong to networks)."
        )
    source = "its own table of names" if table is None else f"its table of names, {table},"
    raise FileError(
        f"{path} has {which} at {sum(unnamed.values()):,} positions, which {source} does not name: add a row for each, "
        "or set these positions to 0."
    )


def read_labels(path: Path, names: Path | None = None) -> Labels:
    """Read one label file; `names` is its table of names unless that lies beside it.

    Raises FileNotFoundError, FileError for a damaged file, and ValueError for an unsupported format.
    """
    check_exists(path)
    check_content(path)
    reader = next((read for ending, read in _READERS.items() if path.name.endswith(ending)), None)
    if reader is None:
        raise ValueError(f"{path} is not a readable atlas; allowed are files that end in {', '.join(_READERS)}.")
    try:
        return reader(path, names or table_beside(path))
    except FileError:
        raise
    except Exception as error:  # errors of nibabel, numpy and expat for invalid files
        if isinstance(error, FileError) and str(path) in str(error):
            raise
        raise FileError(
            f"The atlas {path} could not be read ({type(error).__name__}: {error}): it, or its table of names, is "
            "truncated or in another format. Get or make it again, or give another with --atlas."
        ) from error


def _read_annot(path: Path, _: Path | None) -> Labels:
    values, entries = read_annotation(path)
    regions = {label: Region(name, hexadecimal(colour / 255)) for label, (name, colour) in entries.items()}
    return Labels(path, values, regions)


def _read_gifti(path: Path, names: Path | None) -> Labels:
    image = read_gifti(path)
    with reading_atlas(path):
        _check_side(path, image)
        values = whole_labels(path, np.asarray(image.darrays[0].data).reshape(-1))
        regions = {
            int(label.key): Region(label.label, hexadecimal((label.red, label.green, label.blue)))
            for label in image.labeltable.labels
            if label.label
        }
    return _with_table(Labels(path, values, regions), names)


def _check_side(path: Path, image: nibabel.GiftiImage) -> None:
    """Raise FileError if the name of a file contradicts the hemisphere that it states."""
    metas = [image.meta, *(array.meta for array in image.darrays[:1])]
    structure = next((meta["AnatomicalStructurePrimary"] for meta in metas if "AnatomicalStructurePrimary" in meta), "")
    if {"CortexLeft": "R", "CortexRight": "L"}.get(structure) == _hemisphere(path):
        raise FileError(f"{path} states that it is {structure}: the hemispheres were mixed up; make both again.")


def _with_table(labels: Labels, table: Path | None) -> Labels:
    """Labels with names from the table beside their file, which takes precedence if it names all of them.

    If the file itself names its labels, an unsuitable table is ignored and the log gives the reason.
    """
    if table is None:
        return labels
    numbers = {int(value) for value in np.unique(labels.values) if value > 0}
    try:
        listed = read_table(table, _hemisphere(labels.path))
        problem = None if numbers <= set(listed) else f"it lacks the label {min(numbers - set(listed))}"
    except FileError as error:
        if not numbers <= set(labels.regions):
            raise
        listed, problem = {}, str(error)
    if problem and numbers <= set(labels.regions):
        _log.warning("%s is not used (%s): the names in %s itself are used.", table, problem, labels.path)
        return labels
    return replace(labels, regions=listed, table=table)


def _read_nifti(path: Path, names: Path | None) -> Labels:
    with reading_atlas(path):
        image = load_image(path)
        shape = tuple(map(int, image.shape))
        if (
            len(shape) < 3
            or any(size != 1 for size in shape[3:])
            or not 0 < np.prod(shape, dtype=float) <= _MOST_VOXELS
        ):
            raise FileError(f"{path} has the shape {shape}; an atlas volume has three dimensions.")
        if problem := problem_of_affine(image.affine):
            raise FileError(f"{path}: {problem}; correct its sform or qform, or get it again.")
        if image.get_data_dtype().kind not in "biuf":
            raise FileError(f"{path} holds {image.get_data_dtype()}; the labels of an atlas are whole numbers.")
        values = whole_labels(path, np.asarray(image.dataobj).reshape(shape[:3]))
    return Labels(path, values, read_table(names) if names else {}, image.affine, names)


_READERS: dict[str, Callable[[Path, Path | None], Labels]] = {
    ".annot": _read_annot,
    ".gii": _read_gifti,
    ".nii.gz": _read_nifti,
    ".nii": _read_nifti,
}
_SURFACE_ENDINGS = (".annot", ".gii")
_VOLUME_ENDINGS = (".nii.gz", ".nii")


@contextmanager
def reading_atlas(path: Path) -> Iterator[None]:
    """Turn errors of nibabel for damaged files into FileError."""
    try:
        yield
    except FileError:
        raise
    except Exception as error:
        raise FileError(f"{path} cannot be read as an atlas ({in_one_line(error)}): get or make it again.") from error


def whole_labels(path: Path, values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Labels as whole numbers, 0 for none; raises FileError for other numbers."""
    if values.dtype.kind in "biu" and values.dtype.itemsize <= 4:
        return values.astype(np.int64)
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
    labels = np.rint(numbers)
    wrong = ~(np.abs(numbers - labels) < 0.01) | (np.abs(numbers) > _LARGEST_LABEL)
    if wrong.any():
        raise FileError(
            f"{path} holds {numbers[wrong][0]:g} where labels must be whole numbers: is it a map of probabilities, or "
            "resampled with other than nearest neighbours?"
        )
    return labels.astype(np.int64)


def hexadecimal(colour: Iterable[float | None]) -> str | None:
    """Red, green and blue from 0 to 1 as #rrggbb; None if one is missing or out of range."""
    values = [-1.0 if value is None else float(value) for value in colour]
    if not all(0 <= value <= 1 for value in values):
        return None
    return "#" + "".join(f"{round(value * 255):02x}" for value in values)


# Marks of a hemisphere in file names, with those of the other one.
_LEFT_MARKS = ((r"(?<![A-Za-z])lh\.", "rh."), (r"hemi-L(?![A-Za-z])", "hemi-R"), (r"(?<![A-Za-z])L\.", "R."))
_RIGHT_MARKS = ((r"(?<![A-Za-z])rh\.", "lh."), (r"hemi-R(?![A-Za-z])", "hemi-L"), (r"(?<![A-Za-z])R\.", "L."))


def _swapped(path: Path, marks: tuple[tuple[str, str], ...]) -> Path | None:
    """The file of the other hemisphere, if the name has one of the marks."""
    names = (re.subn(mark, other, path.name) for mark, other in marks)
    return next((path.with_name(name) for name, count in names if count), None)


def _hemisphere(path: Path) -> str:
    if _swapped(path, _LEFT_MARKS):
        return "L"
    return "R" if _swapped(path, _RIGHT_MARKS) else ""


def hemisphere_pair(path: Path) -> tuple[Path, Path]:
    """The files of the left and the right hemisphere, given either.

    Raises ValueError if the name has no hemisphere, FileNotFoundError if the other file is missing.
    """
    right, left = _swapped(path, _LEFT_MARKS), _swapped(path, _RIGHT_MARKS)
    if (right is None) == (left is None):
        if path.name.endswith(_VOLUME_ENDINGS) and ".dlabel." not in path.name:
            raise ValueError(
                f"{path} is a volume, and the data lie on a surface: give a surface atlas (.annot, .label.gii), "
                "or choose data in a volume with --space."
            )
        raise ValueError(
            f"The name of {path} does not say which hemisphere it is; name the two files lh.… and rh.…, "
            "or with hemi-L and hemi-R."
        )
    pair = (path, right) if right is not None else (left or path, path)
    for file in pair:
        check_exists(file)
    return pair


def only_one(candidates: list[_File], folder: Path, kind: str) -> _File:
    """The only entry of a list of files of a folder; ValueError for none or several."""
    if len(candidates) != 1:
        listed = "; ".join(str(item if isinstance(item, Path) else item[0]) for item in candidates) or "none"
        raise ValueError(
            f"{folder} should hold one {kind} that fits the data, but has: {listed}; give one file with --atlas FILE."
        )
    return candidates[0]


def check_exists(path: Path) -> None:
    """Raise FileNotFoundError for a missing path, FileError for anything but a file with its content."""
    if not path.exists() and not path.is_symlink():
        raise FileNotFoundError(f"There is no atlas file {path}; check the path given with --atlas.")
    check_content(path)


def surface_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Every pair of hemispheres in a folder."""
    files = [file for file in sorted(folder.iterdir()) if file.name.endswith(_SURFACE_ENDINGS)]
    others = ((file, _swapped(file, _LEFT_MARKS)) for file in files)
    return [(left, right) for left, right in others if right is not None and right.is_file()]


def volumes(folder: Path) -> list[Path]:
    """Every volume in a folder."""
    return [file for file in sorted(folder.iterdir()) if file.name.endswith(_VOLUME_ENDINGS)]
