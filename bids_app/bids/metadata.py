"""What the files of a data set inherit from files above them: metadata in JSON, events, repetition time."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import nibabel
from nibabel.filebasedimages import ImageFileError

from bids_app.bids.cifti import SERIES, series_step
from bids_app.bids.entities import is_within, parse_name
from bids_app.bids.errors import DatasetError

# Entities of raw files that preprocessing folds into one image.
_FOLDED = {"echo", "part"}
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}


def applicable(root: Path, entities: Mapping[str, str], suffix: str, extension: str) -> list[Path]:
    """Files of a kind that apply to a run, the most specific first (the inheritance principle of BIDS).

    They lie in the run's own folder or above it, up to the root, and none of their entities contradicts the run's.
    """
    folders = [root]
    for key in ("sub", "ses"):
        if key in entities:
            folders.append(folders[-1] / f"{key}-{entities[key]}")
    folders.append(folders[-1] / "func")
    found = []
    for folder in reversed(folders):
        names = [(path, parse_name(path)) for path in sorted(folder.glob(f"*{suffix}{extension}"))]
        matches = [
            (len(name.entities), path)
            for path, name in names
            if name.suffix == suffix
            and name.extension == extension
            and is_within({key: value for key, value in name.entities.items() if key not in _FOLDED}, entities)
        ]
        found += [path for _, path in sorted(matches, key=lambda match: -match[0])]
    return found


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object. Raises DatasetError when it is something else or broken."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} could not be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} holds no JSON object but a {type(content).__name__}.")
    return content


def repetition_time(
    files: Sequence[Path], derivative: Path, raw: Path, entities: Mapping[str, str], suffix: str
) -> float:
    """Seconds from one volume to the next.

    Looked for in this order: the JSON files of the derivative, those of the raw run (each with inheritance), the
    header of the image, that of the raw image. Raises DatasetError when none has it.
    """
    beside = [path.with_name(path.name.partition(".")[0] + ".json") for path in files]
    sidecars = [path for path in beside if path.is_file()]
    sidecars += applicable(derivative, entities, suffix, ".json") if suffix else []
    images = [*files, *applicable(raw, entities, "bold", ".nii.gz")]
    found = _first(_from_json, sidecars) or raw_repetition_time(raw, entities) or _first(_from_header, images)
    if found is not None:
        return found
    raise DatasetError(
        f"No repetition time for {files[0].name}: neither a JSON file beside it nor one of the raw data set "
        f"({raw}) has RepetitionTime. Add it to {beside[0].name}."
    )


def raw_repetition_time(raw: Path, entities: Mapping[str, str]) -> float | None:
    """Seconds from one volume to the next as the JSON files of the raw data set say; None where they do not."""
    return _first(_from_json, applicable(raw, entities, "bold", ".json"))


def _first(read: Callable[[Path], float | None], paths: Sequence[Path]) -> float | None:
    return next((seconds for seconds in map(read, paths) if seconds is not None), None)


def _from_json(path: Path) -> float | None:
    content = read_json(path)
    seconds = content.get("RepetitionTime")
    frequency = content.get("SamplingFrequency")
    if seconds is None and isinstance(frequency, int | float) and frequency > 0:
        seconds = 1 / frequency
    if seconds is None:
        return None
    if not isinstance(seconds, int | float) or not 0 < seconds < 60:
        raise DatasetError(f"RepetitionTime in {path} is {seconds!r}; it must be a number of seconds above 0.")
    return float(seconds)


def _from_header(path: Path) -> float | None:
    if not path.name.endswith((".nii", ".nii.gz")) or not path.is_file():
        return None
    try:
        if path.name.endswith(SERIES):
            return series_step(path) or None
        header = nibabel.load(path).header
    except (OSError, EOFError, ImageFileError):
        return None
    zooms = header.get_zooms()
    seconds = float(zooms[3]) * _SECONDS.get(header.get_xyzt_units()[1], 1.0) if len(zooms) > 3 else 0.0
    return seconds or None
