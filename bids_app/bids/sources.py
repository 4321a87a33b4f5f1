"""Which derivatives hold a data set's BOLD, and of whom."""

import os
from collections.abc import Sequence
from pathlib import Path

from bids_app.bids.container import mount_advice
from bids_app.bids.entities import parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.runs import is_bold


def choose_derivatives(bids_dir: Path, derivatives: Sequence[str | Path] = ()) -> dict[str, Path]:
    """Names and folders of the derivatives to read: those given as PATH or NAME=PATH, else the only one with BOLD.

    Raises DatasetError when there is no BOLD, or when none was given and several folders of BIDS_DIR/derivatives have
    it.
    """
    return _named(derivatives) if derivatives else _only_one(bids_dir)


def participant_labels(folder: Path) -> list[str]:
    """Labels of the participants with a folder in a data set, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name[4:] for entry in entries if entry.name.startswith("sub-") and entry.is_dir())


def _named(derivatives: Sequence[str | Path]) -> dict[str, Path]:
    chosen: dict[str, Path] = {}
    for derivative in derivatives:
        name, equals, path = str(derivative).partition("=")
        folder = Path(path if equals else name)
        label = "".join(filter(str.isalnum, name if equals else folder.absolute().name)) or "derivative"
        if not folder.is_dir():
            advice = mount_advice(folder, "check the path given with -d.")
            raise DatasetError(f"The derivative {folder} is no folder: {advice}")
        if label in chosen or label == "raw":
            raise DatasetError(f"The derivative {folder} needs another name than {label}: give it as -d NAME={folder}.")
        chosen[label] = folder
    if not any(holds_bold(folder) for folder in chosen.values()):
        raise _no_bold(list(chosen.values()))
    return chosen


def _only_one(bids_dir: Path) -> dict[str, Path]:
    parent = bids_dir / "derivatives"
    folders = [parent, *sorted(path for path in parent.iterdir() if path.is_dir())] if parent.is_dir() else []
    found = [folder for folder in folders if holds_bold(folder)]
    if not found:
        raise _no_bold(folders or [parent])
    if len(found) > 1:
        listed = "\n  ".join(f"-d {folder}" for folder in found)
        raise DatasetError(f"Several derivatives of {bids_dir} hold BOLD; choose one of them:\n  {listed}")
    return _named(found)


def holds_bold(folder: Path) -> bool:
    """Whether a participant of this folder has BOLD that can be read; stops at the first file found."""
    paths = (
        path
        for label in participant_labels(folder)
        for pattern in ("func/*", "ses-*/func/*")
        for path in (folder / f"sub-{label}").glob(pattern)
    )
    return any(is_bold(parse_name(path)) for path in paths)


def _no_bold(folders: Sequence[Path]) -> DatasetError:
    listed = "\n  ".join(str(folder) for folder in folders)
    return DatasetError(
        "No preprocessed BOLD (volumes _bold.nii.gz, surfaces .func.gii, "
        "grayordinates _bold.dtseries.nii, parcels _seg-…_timeseries.tsv) was found; "
        f"give the folder with -d. Looked in:\n  {listed}"
    )
