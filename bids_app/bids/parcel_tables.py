"""Time series of regions: a table with a row per volume and a column per region."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_app.bids.errors import DatasetError
from bids_app.bids.tables import MISSING, NumberTable, doubled, is_count, is_number, read_number_table, unquoted
from bids_app.wording import listed

log = logging.getLogger("neurons2networks")
FloatArray = npt.NDArray[np.float32]

# Columns that tools write in addition to the regions.
_NO_REGIONS = {
    "",
    "index",
    "idx",
    "time",
    "times",
    "onset",
    "volume",
    "volumes",
    "vol",
    "frame",
    "tr",
    "timepoint",
    "scan",
}
_FEWEST_ROWS = 5  # below, a region may count up by chance


def read_parcel_table(path: Path) -> tuple[FloatArray, tuple[str, ...]]:
    """Series of the regions (n_volumes, n_regions) and their names.

    Columns that count the volumes or hold their times are dropped and logged. Raises DatasetError if names are missing
    or duplicated, cells hold text, or the regions lie in rows.
    """
    table = read_number_table(path)
    _refuse_names_of_rows(table)
    values = table.columns(range(len(table.names)))
    kept = [i for i, name in enumerate(table.names) if not _is_index(path, name, values[:, i])]
    left_out = sorted(set(range(len(table.names))) - set(kept))
    dropped = [table.names[i] or f"column {i + 1} without a name" for i in left_out]
    names = tuple(table.names[i] for i in kept)
    if dropped:
        log.info("%s: %s count(s) the volumes or their times and is not a region: left out", path.name, listed(dropped))
    if not names:
        raise DatasetError(f"{path} has no column of a region.")
    if twice := doubled(names):
        raise DatasetError(f"{path} has several columns called {listed(twice)}: each region needs a name of its own.")
    if all(is_count(name) for name in names):
        log.info("%s: its %d regions have numbers for names", path.name, len(names))
    series = values[:, kept].astype(np.float32)
    _report_unusable(path, names, series)
    return series, names


def _refuse_names_of_rows(table: NumberTable) -> None:
    first = [unquoted(row[0]) for row in table.rows]
    if all(cell.lower() not in MISSING and not is_number(cell) for cell in first):
        raise DatasetError(
            f"{table.path} holds text in its first column ({listed(first, 3)}), such as the names of regions that lie "
            "in rows: write a row for each volume and a column for each region, without names of rows."
        )


def _is_index(path: Path, name: str, values: npt.NDArray[np.float64]) -> bool:
    """Whether a column counts the volumes or holds their times, by its values, or by its name if some are missing.

    Raises DatasetError for a column of such a name that holds something else.
    """
    steps = np.diff(values)
    called = name.lower() in _NO_REGIONS or name.lower().startswith("unnamed")
    even = len(values) >= _FEWEST_ROWS and bool((steps > 0).all()) and np.ptp(steps) < 1e-3 * steps.max()
    if even or (called and bool((steps > 0).all())):
        return True
    if called and not name:
        raise DatasetError(f"{path} has a column without a name: name it, or remove it.")
    if called:
        raise DatasetError(
            f"{path} has a column {name!r} that does not count up: rename it if it is a region, or remove it."
        )
    return False


def _report_unusable(path: Path, names: Sequence[str], series: FloatArray) -> None:
    unusable = ~np.isfinite(series).all(axis=0) | (series == series[0]).all(axis=0)
    if unusable.any() and not unusable.all():
        affected = [name for name, bad in zip(names, unusable, strict=True) if bad]
        log.warning(
            "%s: %d of %d regions are constant or have missing or infinite values and are left out: %s",
            path.name,
            len(affected),
            len(names),
            listed(affected),
        )
