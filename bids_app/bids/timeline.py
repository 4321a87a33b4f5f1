"""Positions of the rows of a recording on the time line of its scan."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_app.bids.errors import DatasetError
from bids_app.bids.image_files import BROKEN
from bids_app.bids.metadata import beside
from bids_app.bids.runs import Run
from bids_app.bids.tables import NumberTable, read_number_table
from bids_app.bids.text import is_there, read_json
from bids_app.cifti_files import load_image
from bids_app.wording import listed

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_log = logging.getLogger(__name__)

# Columns of XCP-D's outliers; the first whose kept volumes match the number of rows is used.
_OUTLIERS = ("framewise_displacement", "interpolation", "denoising", "outliers", "outlier", "censoring")
_DISCARDED = "NumberOfVolumesDiscardedByUser"


@dataclass(frozen=True)
class Timeline:
    """Volumes of a scan that a recording holds.

    Attributes
    ----------
    n_volumes : volumes of the scan as events.tsv counts its time
    volumes : (n_rows,) volume of each row of the recording, ascending
    """

    n_volumes: int
    volumes: Integers

    @property
    def is_missing(self) -> Mask:
        """Which volumes of the scan are not in the recording (n_volumes,)."""
        missing = np.ones(self.n_volumes, dtype=bool)
        missing[self.volumes] = False
        return missing


def read_timeline(run: Run, n_rows: int) -> Timeline:
    """Volumes of the scan to which the `n_rows` rows of a run's BOLD belong.

    XCP-D leaves censored volumes out of its series; `outliers.tsv` lists them. The field NumberOfVolumesDiscardedByUser
    of the JSON file counts volumes discarded at the start. Raises DatasetError if the numbers do not match the raw run,
    of which only the header is read, or, for cleaned data, fMRIPrep's table of confounds.
    """
    kept = np.arange(n_rows) if run.outliers is None else _kept(run, run.outliers, n_rows)
    n_scan = n_rows if run.outliers is None else max(n_rows, len(read_number_table(run.outliers).rows))
    whole, source = _length_of_scan(run)
    discarded = _discarded(run)
    if whole is None and discarded:
        _log.warning(
            "%s: %s is %d, but no raw image is here that would tell whether events.tsv counts these volumes: its times "
            "are taken from the first volume of %s",
            *(run.label, _DISCARDED, discarded, run.files[0].name),
        )
    if whole is None or whole == n_scan:
        return Timeline(n_scan, kept)
    if discarded is None or discarded + n_scan > whole:
        raise DatasetError(_lengths(run, n_scan, whole, source))
    return Timeline(whole, kept + discarded)


def _kept(run: Run, path: Path, n_rows: int) -> Integers:
    """Volumes that outliers.tsv does not mark, or all of them if the series was not censored."""
    table = read_number_table(path)
    if len(table.rows) == n_rows:
        return np.arange(n_rows)
    counts = []
    for name, flags in _marks(table):
        kept = np.flatnonzero(~flags)
        if len(kept) == n_rows:
            return kept
        counts.append(f"{name}: {len(kept)}")
    raise DatasetError(
        f"{run.files[0]} has {n_rows} rows, but {path} has {len(table.rows)} volumes, of which it keeps another number "
        f"({listed(counts) if counts else 'no column of 0 and 1'}): they are of different runs or settings. Make both "
        "again."
    )


def _marks(table: NumberTable) -> Iterator[tuple[str, Mask]]:
    """Columns of 0 and 1, with the rows that they mark (n_volumes,); columns of XCP-D come first."""
    for name in sorted(table.names, key=lambda name: _OUTLIERS.index(name) if name in _OUTLIERS else len(_OUTLIERS)):
        flags = table.numbers([name])[:, 0]
        if np.isin(flags, (0, 1)).all():
            yield name, flags == 1


def n_interpolated(run: Run, n_rows: int) -> int:
    """Number of volumes marked in outliers.tsv but among the `n_rows` of the BOLD: XCP-D interpolated them."""
    if run.outliers is None:
        return 0
    table = read_number_table(run.outliers)
    if len(table.rows) != n_rows:
        return 0  # the series was censored
    return int(np.any([np.zeros(n_rows, dtype=bool), *(flags for _, flags in _marks(table))], axis=0).sum())


def _length_of_scan(run: Run) -> tuple[int | None, Path | None]:
    """Number of volumes of the scan and its source file; None without one."""
    for path in run.raw_files:
        try:
            shape = load_image(path).shape
        except BROKEN:
            continue  # a link without its content, usually
        if len(shape) == 4:
            return int(shape[3]), path
    if run.is_clean and run.confounds is not None and run.confounds.exists():
        return len(read_number_table(run.confounds).rows), run.confounds
    return None, None


def _discarded(run: Run) -> int | None:
    for path in beside(run.files):
        if is_there(path):
            number = read_json(path).get(_DISCARDED)
            if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
                return number
    return None


def _lengths(run: Run, n_scan: int, whole: int, source: Path | None) -> str:
    lengths = f"{run.files[0]} has {n_scan} volumes and {source} {whole}"
    if run.outliers is not None:
        lengths = f"{run.outliers} counts {n_scan} volumes and {source} {whole}"
    if n_scan > whole:
        return f"{lengths}: they are of different runs, or one of them is truncated. Get or make both again."
    censored = (
        f"if volumes were censored, {run.label}_outliers.tsv must lie beside the BOLD (XCP-D writes it), or the series "
        "be made without censoring; "
        if run.outliers is None and run.is_clean
        else ""
    )
    return (
        f"{lengths}, so that it is not known when each volume was scanned: {censored}if volumes were cut off, write "
        f'how many at the start ("{_DISCARDED}": 0, if at the end only) into {beside(run.files)[0].name}.'
    )
