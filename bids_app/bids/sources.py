"""Derivatives that hold the BOLD of a data set, and their participants."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from bids_app.bids.container import mount_advice
from bids_app.bids.entities import parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.near_misses import near_misses
from bids_app.bids.runs import is_bold

_LABEL = re.compile("[0-9A-Za-z+]+")


def choose_derivatives(bids_dir: Path, derivatives: Sequence[str | Path] = ()) -> dict[str, Path]:
    """Names and folders of the derivatives to read: given as PATH or NAME=PATH, or else the only one with BOLD.

    Raises DatasetError if there is no BOLD, or if none was given and several folders of BIDS_DIR/derivatives have it.
    """
    return _named(derivatives) if derivatives else _only_one(bids_dir)


def participant_labels(folder: Path) -> list[str]:
    """Labels of the participants with a folder in a data set, sorted; see `odd_folders` for those left out."""
    return sorted(label for label in _labels(folder) if _LABEL.fullmatch(label))


def odd_folders(folder: Path) -> list[str]:
    """Names of folders such as `sub-01_old`, sorted: the text after `sub-` is not a BIDS label (letters and digits)."""
    return sorted(f"sub-{label}" for label in _labels(folder) if not _LABEL.fullmatch(label))


def _labels(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name[4:] for entry in entries if entry.name.startswith("sub-") and entry.is_dir()]


def _named(derivatives: Sequence[str | Path]) -> dict[str, Path]:
    chosen: dict[str, Path] = {}
    for derivative in derivatives:
        label, folder = _label_and_folder(derivative)
        if not folder.is_dir():
            advice = mount_advice(folder, "check the path given with -d.")
            raise DatasetError(f"The derivative {folder} is not a folder: {advice}")
        if label in chosen or label == "raw":
            raise DatasetError(f"The derivative {folder} needs another name than {label}: give it as -d NAME={folder}.")
        chosen[label] = folder
    if not any(holds_bold(folder) for folder in chosen.values()):
        raise _no_bold(list(chosen.values()))
    return chosen


def _label_and_folder(derivative: str | Path) -> tuple[str, Path]:
    """Name and folder of a derivative given as PATH or NAME=PATH."""
    name, equals, path = str(derivative).partition("=")
    folder = Path(path if equals else name)
    return "".join(filter(str.isalnum, name if equals else folder.absolute().name)) or "derivative", folder


def folders_of_derivatives(bids_dir: Path, derivatives: Sequence[str | Path] = ()) -> dict[str, Path]:
    """Names and folders of the derivatives given and of all in BIDS_DIR, with and without BOLD."""
    return dict(map(_label_and_folder, (*_inside(_parents(bids_dir)), *derivatives)))


def _parents(bids_dir: Path) -> list[Path]:
    parents = [bids_dir / name for name in ("derivatives", "derivative")]  # some data sets use the singular
    return [parent for parent in parents if parent.is_dir()]


def _inside(parents: Sequence[Path]) -> list[Path]:
    return [
        folder for parent in parents for folder in (parent, *sorted(path for path in parent.iterdir() if path.is_dir()))
    ]


def _only_one(bids_dir: Path) -> dict[str, Path]:
    parents = _parents(bids_dir)
    folders = _inside(parents)
    with_bold = [folder for folder in folders if holds_bold(folder)]
    if not with_bold:
        raise _no_bold(parents or [bids_dir / "derivatives"])
    if len(with_bold) > 1:
        listed = "\n  ".join(f"-d {folder}" for folder in with_bold)
        raise DatasetError(f"Several derivatives of {bids_dir} hold BOLD; choose one of them:\n  {listed}")
    return _named(with_bold)


def holds_bold(folder: Path) -> bool:
    """Whether a participant of this folder has BOLD that can be read; stops at the first file found."""
    return any(True for label in participant_labels(folder) for _ in _bold_of(folder, label))


def names_of_bold(folder: Path, label: str) -> set[str]:
    """Names of a participant's BOLD files in this folder, also of links to content that is elsewhere."""
    return {path.name for path in _bold_of(folder, label)}


def has_content(folder: Path, label: str) -> bool:
    """Whether a participant has BOLD with content in this folder; stops at the first such file.

    An unreadable folder counts, because its content is unknown; the attempt to read it gives the reason.
    """
    return is_closed(folder, label) or any(path.exists() for path in _bold_of(folder, label))


def is_closed(folder: Path, label: str) -> bool:
    """Whether the folder of a participant is unreadable."""
    inner = folder / f"sub-{label}"
    return inner.is_dir() and not os.access(inner, os.R_OK | os.X_OK)


def _bold_of(folder: Path, label: str) -> Iterator[Path]:
    for pattern in ("func/*", "ses-*/func/*"):
        for path in (folder / f"sub-{label}").glob(pattern):
            if is_bold(parse_name(path)):
                yield path


def _no_bold(folders: Sequence[Path]) -> DatasetError:
    listed = "\n  ".join(str(folder) for folder in folders)
    return DatasetError(
        "No preprocessed BOLD (volumes _bold.nii.gz, surfaces .func.gii, grayordinates _bold.dtseries.nii, parcels "
        "_seg-…_timeseries.tsv, all in sub-…/[ses-…/]func) was found; give the folder with "
        f"-d.{near_misses(folders)} Looked in:\n  {listed}"
    )
