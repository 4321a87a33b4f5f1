"""Inheritance in BIDS: metadata in JSON, events, repetition time."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from nibabel.filebasedimages import ImageFileError

from bids_app.bids.cifti import SERIES, series_step
from bids_app.bids.content import pass_over
from bids_app.bids.entities import Name, is_within, parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.text import is_there, read_json
from bids_app.cifti_files import load_image

# Tolerance between sources of a repetition time: some headers are rounded.
_TOLERANCE = 0.01
# Seconds; the longest repetition times of sparse sampling are below 20.
_LONGEST = 60.0
# Entities of raw files that preprocessing combines into one image.
_FOLDED = {"echo", "part"}
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}


Listing = Callable[[Path, str], Sequence[tuple[Path, Name]]]


def list_names(folder: Path, ending: str) -> list[tuple[Path, Name]]:
    """Files of a folder with an ending such as `events.tsv`, sorted, without folders.

    Hidden files parse as names without entities. A missing folder has no files. Raises DatasetError for a folder that
    may not be read.
    """
    return _named(folder, ending, _entries)


def kept_listing() -> Listing:
    """`list_names` that reads each folder once, for the runs of a whole data set."""
    entries = cache(_entries)
    return cache(lambda folder, ending: _named(folder, ending, entries))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Files and folders in a folder, sorted by name; none in a missing folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _named(folder: Path, ending: str, entries: Callable[[Path], list[os.DirEntry[str]]]) -> list[tuple[Path, Name]]:
    try:
        found = [(folder / entry.name, entry.is_dir()) for entry in entries(folder) if entry.name.endswith(ending)]
    except OSError as error:
        raise DatasetError(f"The folder {folder} may not be read ({error.strerror}): check its permissions.") from error
    for path, is_folder in found:
        if is_folder and "." in path.name.lstrip("."):
            pass_over(path)
    return [(path, parse_name(path)) for path, is_folder in found if not is_folder]


def applicable(
    root: Path,
    entities: Mapping[str, str],
    suffix: str,
    extension: str,
    listing: Listing = list_names,
    *,
    is_raw: bool = True,
) -> list[Path]:
    """Files of one kind that apply to a run, the most specific first (the inheritance principle of BIDS).

    They lie in the folder of the run or above it, up to the root, and none of their entities contradicts the run's.
    Events must name their task and, in a participant's folder, the participant, as BIDS requires: `old_events.tsv`
    applies to no run. `listing` may cache folders for many runs. In raw data, files of single echoes apply to the run
    that combines them; in a derivative, they belong to separate files.
    """
    folded = _FOLDED if is_raw else set()
    paths = []
    for folder in _folders(root, entities.get("sub"), entities.get("ses")):
        needed = {"task"} | ({"sub"} if folder != root else set()) if suffix == "events" else set()
        matches = [
            (len(name.entities), path)
            for path, name in listing(folder, suffix + extension)
            if name.suffix == suffix
            and name.extension == extension
            and needed <= set(name.entities)
            and is_within({key: value for key, value in name.entities.items() if key not in folded}, entities)
        ]
        paths += [path for _, path in sorted(matches, key=lambda match: -match[0])]
    return paths


@lru_cache(maxsize=4096)  # several kinds of files are sought in them for each run
def _folders(root: Path, participant: str | None, session: str | None) -> tuple[Path, ...]:
    """Folders that may hold files of a run, the innermost first."""
    folders = [root]
    for key, label in (("sub", participant), ("ses", session)):
        if label is not None:
            folders.append(folders[-1] / f"{key}-{label}")
    return (folders[-1] / "func", *reversed(folders))


def beside(files: Sequence[Path]) -> list[Path]:
    """Path of the JSON file beside each file."""
    return [path.with_name(path.name.partition(".")[0] + ".json") for path in files]


def repetition_time(
    files: Sequence[Path],
    derivative: Path,
    raw: Path,
    entities: Mapping[str, str],
    suffix: str,
    listing: Listing = list_names,
) -> float:
    """Seconds from one volume to the next.

    Sources in this order: the JSON files of the derivative, those of the raw run (each with inheritance), the header of
    the image, that of the raw image. Raises DatasetError if none has it, or if two of them differ by more than 1 %.
    """
    beside_bold = beside(files)
    sidecars = [path for path in beside_bold if is_there(path)]
    sidecars += applicable(derivative, entities, suffix, ".json", listing, is_raw=False) if suffix else []
    images = [*files, *applicable(raw, entities, "bold", ".nii.gz", listing)]
    stated = (_first(_from_json, paths) for paths in (sidecars, applicable(raw, entities, "bold", ".json", listing)))
    times = [pair for pair in stated if pair is not None]
    header = _first(_from_header, images)
    if header is not None and not times:
        return _seconds(header[0], f"The repetition time in the header of {header[1]}")
    if header is not None and not _is_uninformative(header[0], times[0][0]):
        times.append(header)
    if not times:
        raise DatasetError(
            f"No repetition time for {files[0].name}: neither a JSON file beside it nor one of the raw data set "
            f"({raw}) has RepetitionTime. Add it to {beside_bold[0].name}."
        )
    (seconds, source), *others = times
    for other, where in others:
        if abs(other - seconds) > _TOLERANCE * seconds:
            raise DatasetError(
                f"The repetition time is {seconds:g} s in {source} and {other:g} s in {where}: correct the wrong one."
            )
    return seconds


def _is_uninformative(header: float, stated: float) -> bool:
    """Whether a header holds 1, which tools write for an unknown time, or milliseconds labelled as seconds."""
    return header == 1.0 or abs(header / 1000 - stated) <= _TOLERANCE * stated


def raw_repetition_time(raw: Path, entities: Mapping[str, str], listing: Listing = list_names) -> float | None:
    """Seconds from one volume to the next according to the JSON files of the raw data set; None if not stated."""
    stated = _first(_from_json, applicable(raw, entities, "bold", ".json", listing))
    return stated[0] if stated else None


def _first(read: Callable[[Path], float | None], paths: Sequence[Path]) -> tuple[float, Path] | None:
    """The first repetition time (s), and its file."""
    values = ((read(path), path) for path in paths)
    return next(((seconds, path) for seconds, path in values if seconds is not None), None)


def _from_json(path: Path) -> float | None:
    content = read_json(path)
    if content.get("RepetitionTime") is not None:
        return _seconds(content["RepetitionTime"], f"RepetitionTime in {path}")
    frequency = content.get("SamplingFrequency")
    if isinstance(frequency, int | float) and not isinstance(frequency, bool) and frequency > 0:
        return _seconds(1 / frequency, f"1 / SamplingFrequency in {path}")
    if content.get("VolumeTiming") is not None:
        return _from_volume_timing(content["VolumeTiming"], path)
    return None


def _from_volume_timing(times: object, path: Path) -> float:
    if not isinstance(times, list) or not all(isinstance(time, int | float) for time in times) or len(times) < 2:
        raise DatasetError(f"VolumeTiming in {path} is not a list of at least two times in seconds.")
    steps = [later - earlier for earlier, later in pairwise(map(_as_float, times))]
    if max(steps) - min(steps) > _TOLERANCE * abs(steps[0]):
        raise DatasetError(
            f"VolumeTiming in {path} has steps from {min(steps):g} to {max(steps):g} s: only volumes at equal "
            "distances can be analysed."
        )
    return _seconds(steps[0], f"The step of VolumeTiming in {path}")


def _seconds(value: object, source: str) -> float:
    """A plausible repetition time. Raises DatasetError for any other value."""
    seconds = _as_float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not 0 < seconds < math.inf:
        raise DatasetError(f"{source} is {value!r:.60}; it must be a number of seconds above 0.")
    if seconds >= _LONGEST:
        raise DatasetError(
            f"{source} is {seconds:g}, which looks like milliseconds: it must be a number of seconds, such as "
            f"{seconds / 1000:g}. Correct it, or write RepetitionTime into the JSON file beside the BOLD."
        )
    return seconds


def _as_float(number: float) -> float:
    """The number; infinity for integers of JSON that exceed any float."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _from_header(path: Path) -> float | None:
    if not path.name.endswith((".nii", ".nii.gz")) or not path.is_file():
        return None
    try:
        if path.name.endswith(SERIES):
            return series_step(path) or None
        header = load_image(path).header
        zooms, unit = header.get_zooms(), header.get_xyzt_units()[1]
    except (OSError, EOFError, ImageFileError, ValueError, KeyError, AttributeError):
        return None
    seconds = float(zooms[3]) * _SECONDS.get(unit, 1.0) if len(zooms) > 3 else 0.0
    # nibabel writes 1 with an unknown unit for a plain array; NaN and negative numbers are refused elsewhere.
    return None if seconds == 0 or (seconds == 1 and unit == "unknown") else seconds
