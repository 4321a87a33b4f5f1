"""Nuisance regressors of a run: confounds of its table, and the slow cosines of the high-pass filter."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from bids_app.bids.confounds import Confounds, read_confounds
from bids_app.bids.dataset import Run
from bids_app.bids.errors import DatasetError
from bids_app.shared_options.inputs import ResponseOptions

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# With fewer degrees of freedom, the residual time course is chance.
_FEWEST_LEFT = 5
# A cosine of which the table's cosines leave less than this share is a duplicate.
_SAME = 0.05
_AROMA = "smoothAROMAnonaggr"


@dataclass(frozen=True)
class Cleaning:
    """Regressors to remove: `--confounds`, and the cut-off of `--high-pass` in Hz, 0 for none."""

    confounds: str | Sequence[str]
    high_pass: float

    @classmethod
    def of(cls, settings: ResponseOptions) -> Cleaning:
        """That of a run's settings."""
        return cls(settings.confounds, settings.high_pass)


@dataclass(frozen=True)
class Nuisance:
    """Nuisance regressors of a run.

    Attributes
    ----------
    regressors : (n_volumes, n_regressors), None without any
    names : names of the confounds among them
    n_cosines : number of cosines among them that the high-pass filter added
    is_censored : (n_volumes,) volumes that the strategy leaves out
    note : summary for the log
    """

    regressors: Floats | None
    names: tuple[str, ...]
    n_cosines: int
    is_censored: Mask
    note: str

    def require_freedom(self, run: Run, kept: npt.NDArray[np.int64]) -> None:
        """Warn if the regressors use most degrees of freedom of the kept volumes; DatasetError if nearly all."""
        if self.regressors is None:
            return
        design = self.regressors[kept].astype(np.float64)
        design -= design.mean(axis=0)
        scale = np.linalg.norm(design, axis=0)
        rank = int(np.linalg.matrix_rank(design[:, scale > 0] / scale[scale > 0])) if scale.any() else 0
        left = len(kept) - 1 - rank
        message = (
            f"{run.label}: {len(self.names)} confounds and {self.n_cosines} cosines of the high-pass leave "
            f"{max(left, 0)} of {len(kept)} degrees of freedom in the story's volumes"
        )
        advice = "choose fewer with --confounds ('trans_*' 'rot_*', or none) or a lower --high-pass"
        if left < _FEWEST_LEFT:
            raise DatasetError(f"{message}, so that nothing of the data remains: {advice}, or use longer runs.")
        if left < len(kept) / 2:
            log.warning("%s: little of the data remains; %s", message, advice)


def confound_strategy(run: Run, confounds: str | Sequence[str]) -> str:
    """Confounds to regress out of this run: a strategy, or names of columns separated by blanks.

    Raises DatasetError if confounds were requested but the run is already cleaned.
    """
    # Settings made in Python may hold a string.
    asked = confounds if isinstance(confounds, str) else " ".join(confounds)
    if asked == "auto":
        return "narratives" if run.confounds and not run.is_clean else "none"
    if asked != "none" and run.is_clean:
        raise DatasetError(
            f"{run.files[0].name} was cleaned of confounds before ({run.derivative.name}): leave --confounds out, or "
            "choose data that were not cleaned with -d or --bids-filter-file."
        )
    if asked == "ica_aroma" and run.entities.get("desc") != _AROMA:
        raise DatasetError(
            f"--confounds ica_aroma needs BOLD that fMRIPrep cleaned of ICA-AROMA's components (desc-{_AROMA}), not "
            f'{run.files[0].name}: choose it with --bids-filter-file {{"bold": {{"desc": "{_AROMA}"}}}}, or take '
            "other confounds."
        )
    return asked


def read_nuisance(run: Run, n_volumes: int, cleaning: Cleaning) -> Nuisance:
    """Confounds and slow cosines of the whole run (n_volumes rows); none for cleaned data."""
    confounds = read_confounds(run.confounds, confound_strategy(run, cleaning.confounds), run.files[0], n_volumes)
    slow = high_pass_cosines(run, n_volumes, cleaning.high_pass)
    n_asked = slow.shape[1]
    if confounds is not None:
        slow = _not_among(slow, confounds.cosines)
    groups = [columns for columns in (None if confounds is None else confounds.values, slow) if columns is not None]
    regressors = np.column_stack(groups).astype(np.float32)
    return Nuisance(
        regressors if regressors.shape[1] else None,
        () if confounds is None else confounds.names,
        slow.shape[1],
        np.zeros(n_volumes, dtype=bool) if confounds is None else confounds.is_censored,
        _note(run, n_volumes, cleaning.high_pass, confounds, n_asked, slow.shape[1]),
    )


def high_pass_cosines(run: Run, n_volumes: int, high_pass: float) -> Floats:
    """Cosines below the cut-off (n_volumes, n_cosines), without the constant; none for cleaned data.

    Raises DatasetError for a cut-off above half of the sampling frequency.
    """
    if run.is_clean or not high_pass:
        return np.zeros((n_volumes, 0), dtype=np.float32)
    highest = 0.5 / run.repetition_time
    if high_pass >= highest:
        raise DatasetError(
            f"--high-pass {high_pass:g} Hz leaves nothing of {run.label}: with a volume each "
            f"{run.repetition_time:g} s it holds frequencies up to {highest:.3g} Hz. Give a lower one, such as 0.008."
        )
    return cosines(n_volumes, run.repetition_time, high_pass)


def cosines(n_volumes: int, repetition_time: float, high_pass: float) -> Floats:
    """Discrete cosines (type 2) of unit length up to a frequency (n_volumes, n_cosines), without the constant.

    Equal to nilearn's `create_cosine_drift`, whose import takes a second.
    """
    if n_volumes < 2:
        return np.zeros((n_volumes, 0), dtype=np.float32)
    step = (n_volumes - 1) * repetition_time / (n_volumes - 1)  # same rounding as nilearn
    order = np.arange(1, min(n_volumes - 1, int(2 * n_volumes * high_pass * step)) + 1)
    phase = np.pi / n_volumes * (np.arange(n_volumes)[:, None] + 0.5)
    return np.asarray(np.sqrt(2.0 / n_volumes) * np.cos(phase * order), dtype=np.float32)


def _not_among(slow: Floats, others: Floats) -> Floats:
    """The cosines that are not already among the confounds."""
    if not others.shape[1] or not slow.shape[1]:
        return slow
    basis = np.column_stack([np.ones(len(others)), others]).astype(np.float64)
    left = slow - basis @ np.linalg.lstsq(basis, slow, rcond=None)[0]
    return slow[:, np.linalg.norm(left, axis=0) > _SAME * np.linalg.norm(slow, axis=0)]


def _note(run: Run, n_volumes: int, high_pass: float, confounds: Confounds | None, n_asked: int, n_added: int) -> str:
    if run.is_clean:
        return "cleaned before: no confounds, no high-pass"
    if confounds is None:
        high = f"high-pass at {high_pass:g} Hz ({n_added} cosines)" if n_added else "nothing"
        why = "" if run.confounds else " (there is no table of confounds)"
        return f"regressed out: {high}{why}"
    assert run.confounds is not None
    note = f"regressed out: {summary(confounds.names)} of {run.confounds.name}"
    n_own = confounds.cosines.shape[1]
    reached = n_own / (2 * n_volumes * run.repetition_time)
    if n_added:
        note += f"; {n_added} cosines for --high-pass {high_pass:g} Hz"
        note += f", beyond the {n_own} of the table, which end at {reached:.2g} Hz" if n_own else ""
    elif n_own > n_asked + 1:
        note += f"; its {n_own} cosines filter up to {reached:.2g} Hz, more than --high-pass {high_pass:g} Hz asks for"
    return note


def summary(names: tuple[str, ...]) -> str:
    """Names of confounds for the log, with numbered ones combined: `trans_x, cosine00–03`."""
    shown = []
    for stem, group in groupby(names, key=lambda name: re.sub(r"\d{2}$", "", name)):
        members = list(group)
        shown.append(members[0] if len(members) == 1 else f"{members[0]}–{members[-1].removeprefix(stem)}")
    return ", ".join(shown)
