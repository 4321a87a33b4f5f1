"""Confounds of a run, from fMRIPrep's table, checked against the volumes of the run."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_app.bids.confound_columns import NILEARN, NoColumnError, choose_columns, newer_name
from bids_app.bids.derivatives import sidecar_path
from bids_app.bids.errors import DatasetError
from bids_app.bids.tables import NumberTable, doubled, read_number_table
from bids_app.bids.text import is_there, read_json
from bids_app.wording import listed

log = logging.getLogger("neurons2networks")
FloatArray = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Derivatives and displacements have no value in the first volume, components none in those before the steady state.
_MISSING_AT_START = 10
# nilearn's `scrubbing`: mm, standard deviations, volumes.
_DISPLACEMENT, _DVARS, _SHORTEST_SEGMENT = 0.5, 1.5, 5


@dataclass(frozen=True)
class Confounds:
    """Confounds to regress out of a run.

    Attributes
    ----------
    values : (n_volumes, n_confounds) float32
    names : (n_confounds,)
    is_censored : (n_volumes,) volumes that the strategy leaves out
    """

    values: FloatArray
    names: tuple[str, ...]
    is_censored: Mask

    @property
    def cosines(self) -> FloatArray:
        """The slow cosines among them (n_volumes, n_cosines)."""
        return self.values[:, [name.startswith("cosine") for name in self.names]]


def read_confounds(path: Path | None, strategy: str, bold: Path | None = None, n_volumes: int = 0) -> Confounds | None:
    """Confounds of a run, or None for the strategy `none`.

    `narratives` is the model of the Narratives data paper (Nastase et al. 2021): 6 parameters of head motion, all
    cosines, 5 + 5 components of aCompCor (cerebrospinal fluid, white matter) and a quadratic trend (its linear and
    quadratic column; the constant is left to the fit). `simple`, `scrubbing`, `compcor` and `ica_aroma` are those of
    nilearn's `load_confounds_strategy`. Anything else is a list of names and patterns of columns.

    The table is fMRIPrep's: `desc-confounds_timeseries`, `desc-confounds_regressors` or `bold_confounds`. Raises
    DatasetError if it or a required column is missing, if it lacks a row for each of the `n_volumes` of the file
    `bold`, and if a value is missing (beyond the first volumes), infinite or not a number.
    """
    if strategy == "none":
        return None
    if path is None:
        raise DatasetError(
            "There is no table of confounds (desc-confounds_timeseries.tsv) for this run, which --confounds "
            f"{strategy} needs: give the derivative that has it with -d, or --confounds none."
        )
    table = read_number_table(path)
    if bold is not None and len(table.rows) != n_volumes:
        raise DatasetError(
            f"{path} has {len(table.rows)} rows and {bold} {n_volumes} volumes: one of them is truncated, or they are "
            "of different runs. Give the table of this BOLD, or --confounds none."
        )
    names = [newer_name(name) for name in table.names]
    table = NumberTable(path, tuple(names), table.rows, table.lines)
    sidecar = sidecar_path(path)
    metadata = read_json(sidecar) if is_there(sidecar) else {}
    try:
        chosen = choose_columns(names, strategy, metadata)
    except NoColumnError as error:
        raise DatasetError(
            f"The confounds {path} {error}, which --confounds {strategy} needs: choose others (a strategy, or names "
            f"of columns: {listed(table.names, 6)}), or --confounds none."
        ) from None
    values, kept = _varying(path, chosen, _filled(table, chosen))
    if strategy == "narratives":
        time = np.linspace(-1.0, 1.0, len(values))
        values = np.column_stack([values, time, time**2 - np.mean(time**2)])
        kept = [*kept, "linear trend", "quadratic trend"]
    if not kept:
        raise DatasetError(f"All confounds chosen of {path} are constant ({listed(chosen)}): use --confounds none.")
    return Confounds(values.astype(np.float32), tuple(kept), _censored(table, strategy))


def mean_displacement(path: Path | None, volumes: npt.NDArray[np.int64]) -> float | None:
    """Mean framewise displacement (mm) over volumes (n,) of a run; None if its table of confounds does not have it.

    It describes the data and decides nothing, so a table that cannot be read is none.
    """
    try:
        table = None if path is None else read_number_table(path)
        if table is None or "framewise_displacement" not in table.names:
            return None
        values = table.numbers(["framewise_displacement"])[:, 0]
    except DatasetError:
        return None
    inside = values[volumes[volumes < len(values)]]
    known = inside[np.isfinite(inside)]
    return round(float(known.mean()), 4) if len(known) else None


def _filled(table: NumberTable, names: Sequence[str]) -> Doubles:
    """Columns in which missing values of the first volumes are replaced by the mean."""
    if twice := doubled([name for name in table.names if name in names]):
        raise DatasetError(f"{table.path} has several columns called {listed(twice)}: make it again.")
    values, filled = table.numbers(names), []
    for j, name in enumerate(names):
        column = values[:, j]
        bad = np.flatnonzero(~np.isfinite(column))
        late = bad[(bad >= _MISSING_AT_START) | np.isinf(column[bad])]
        if len(bad) == len(column):
            raise DatasetError(f"{table.path}, column {name!r} holds no value: choose others with --confounds.")
        if len(late) or (len(bad) and bad[-1] != len(bad) - 1):
            row = int(late[0]) if len(late) else int(bad[-1])
            raise DatasetError(
                f"{table.path}, line {table.lines[row]}, column {name!r} holds {column[row]:g}: values may be missing "
                f"(n/a) in the first {_MISSING_AT_START} volumes only. Choose others with --confounds, or correct it."
            )
        column[bad] = np.delete(column, bad).mean()
        if len(bad):
            filled.append(name)
    if filled:
        log.info("%s: missing in the first volumes, where the mean is taken: %s", table.path.name, listed(filled))
    return values


def _varying(path: Path, names: Sequence[str], values: Doubles) -> tuple[Doubles, list[str]]:
    """Columns that vary and do not duplicate another; the others are logged."""
    kept: list[int] = []
    dropped = []
    for j, name in enumerate(names):
        if np.ptp(values[:, j]) == 0:
            dropped.append(f"{name} (constant)")
        elif (same := next((i for i in kept if np.array_equal(values[:, i], values[:, j])), None)) is not None:
            dropped.append(f"{name} (the same as {names[same]})")
        else:
            kept.append(j)
    if dropped:
        log.info("%s: confounds left out: %s", path.name, listed(dropped))
    return values[:, kept], [names[j] for j in kept]


def _censored(table: NumberTable, strategy: str) -> Mask:
    """Volumes that nilearn's strategies leave out: before the steady state and, with `scrubbing`, with motion."""
    censored = np.zeros(len(table.rows), dtype=bool)
    if strategy not in NILEARN:
        return censored
    unsteady = [name for name in table.names if name.startswith("non_steady_state")]
    censored |= (table.numbers(unsteady) > 0).any(axis=1)
    if strategy != "scrubbing":
        return censored
    missing = [name for name in ("framewise_displacement", "std_dvars") if name not in table.names]
    if missing:
        raise DatasetError(f"The confounds {table.path} lack {', '.join(missing)}, which --confounds scrubbing needs.")
    displacement, dvars = table.numbers(["framewise_displacement", "std_dvars"]).T
    return censored | _without_short_segments((displacement > _DISPLACEMENT) | (dvars > _DVARS))


def _without_short_segments(censored: Mask) -> Mask:
    """Also censor segments between censored volumes that are shorter than nilearn's minimum."""
    result = censored.copy()
    borders = np.flatnonzero(np.diff(np.concatenate([[True], censored, [True]]).astype(np.int8)))
    for start, end in borders.reshape(-1, 2):
        if censored.any() and end - start < _SHORTEST_SEGMENT:
            result[start:end] = True
    return result
