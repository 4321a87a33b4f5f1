"""Files that look like BOLD but are not read, with the reason, for messages when no BOLD was found."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from bids_app.bids.entities import Name, parse_name
from bids_app.bids.runs import is_bold

_MOST_ENTRIES = 20_000
_DEPTH = 5
_ARRAYS = (".h5", ".hf5", ".hdf5", ".mat", ".npy", ".npz", ".pkl")
_IMAGES = (".nii.gz", ".nii", ".func.gii", ".dtseries.nii")
_NOT_BOLD = ("boldref", "sbref", "mask", "dseg")
_TABLES = (".tsv", ".tsv.gz", ".csv", ".txt")


def near_misses(folders: Sequence[Path]) -> str:
    """A sentence for each kind of file that is not read as BOLD because of its name, folder or format."""
    examples: dict[str, Path] = {}
    for folder in folders:
        for path in _files(folder):
            reason = _reason(path, folder)
            if reason and reason not in examples:
                examples[reason] = path
    return "".join(f" {path} {reason}." for reason, path in examples.items())


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder, limited in number and depth."""

    def walk() -> Iterator[Path]:
        for parent, folders, names in os.walk(folder):
            depth = len(Path(parent).relative_to(folder).parts)
            folders[:] = [] if depth >= _DEPTH else sorted(each for each in folders if not each.startswith("."))
            yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))

    return islice(walk(), _MOST_ENTRIES)


def _reason(path: Path, folder: Path) -> str | None:
    name = parse_name(path)
    if name.extension in _ARRAYS:
        return (
            "is an array in HDF5, MATLAB or Python format, which is not read: write it as NIfTI or as a .tsv of regions"
        )
    if name.extension in _TABLES and name.suffix == "timeseries" and name.entities.get("desc") != "confounds":
        if name.extension != ".tsv":
            return "is a table of regions, which must be tab-separated text with the ending .tsv"
        return None if is_bold(name) else "is a table without seg-NAME (or atlas-NAME), or without task-, in its name"
    if name.extension in _IMAGES and "bold" in path.name and name.suffix not in _NOT_BOLD:
        return _reason_of_image(name, path.relative_to(folder).parts[:-1])
    return None


def _reason_of_image(name: Name, parents: Sequence[str]) -> str | None:
    if not {"sub", "task"} <= set(name.entities):
        return "has no sub- or task- in its name"
    if name.suffix not in {"bold", ""}:
        return f"ends with _{name.suffix} instead of _bold: rename it, with desc-NAME for how it was made"
    if "func" not in parents or not any(part.startswith("sub-") for part in parents):
        return "does not lie in a folder sub-LABEL/func or sub-LABEL/ses-LABEL/func"
    return None if is_bold(name) else "is not BOLD in a supported space"
