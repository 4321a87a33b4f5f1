"""Headers of the BOLD of a run, without its data."""

import gzip
import re
from pathlib import Path

from bids_app.bids.content import require_content
from bids_app.bids.errors import DatasetError
from bids_app.bids.image_files import BROKEN
from bids_app.bids.runs import Run
from bids_app.cifti_files import load_image

_GIFTI_HEAD = 1 << 16  # the first data array of a GIFTI file starts within these bytes
_ATTRIBUTE = r'\b{name}\s*=\s*"(\d+)"'


def count_volumes(run: Run) -> int:
    """Number of volumes of a run according to the headers of its files.

    Raises DatasetError for a file that is absent or has no such header, and for hemispheres of different length.
    """
    counts = [_count(run.kind, path) for path in run.files]
    if len(set(counts)) > 1:
        listed = " and ".join(f"{path} has {count} volumes" for path, count in zip(run.files, counts, strict=True))
        raise DatasetError(f"{listed}: one of them is truncated. Get or make both again.")
    return counts[0]


def _count(kind: str, path: Path) -> int:
    require_content(path)
    try:
        count = {"surface": _of_gifti, "parcels": _of_table}.get(kind, _of_image)(path)
    except BROKEN as error:
        raise DatasetError(f"{path}: its header cannot be read ({error}): get or make the file again.") from None
    if count < 1:
        raise DatasetError(f"{path}: its header says {max(count, 0)} volumes; a time series is needed.")
    return count


def _of_image(path: Path) -> int:
    shape = load_image(path).shape
    if path.name.endswith(".dtseries.nii"):
        return int(shape[0])
    if len(shape) < 4:
        raise ValueError(f"{len(shape)} dimensions; BOLD has four")
    return int(shape[3])


def _of_gifti(path: Path) -> int:
    with path.open("rb") as stream:
        head = stream.read(_GIFTI_HEAD).decode("utf-8", errors="replace")
    arrays = _attribute("NumberOfDataArrays", head)
    if arrays != 1 or _attribute("Dimensionality", head) == 1:
        return arrays
    return min(_attribute("Dim0", head), _attribute("Dim1", head))  # fewer volumes than vertices


def _attribute(name: str, head: str) -> int:
    match = re.search(_ATTRIBUTE.format(name=name), head)
    if match is None:
        raise ValueError(f"there is no {name}")
    return int(match[1])


def _of_table(path: Path) -> int:
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "rb") as stream:
        lines = sum(1 for line in stream if line.strip())
    return max(lines - 1, 0)
