"""Check that the times of a word list are plausible for a recording."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bids_app.bids.errors import DatasetError
from bids_app.bids.word_rows import WordList, WordRow

FloatArray = npt.NDArray[np.float64]

# Seconds. Rounding and crosstalk cause small steps back; larger ones are errors of alignment.
_STEP_BACK = 0.1
_EARLIEST = -0.1
_LONG = 10.0
_TOO_LONG = 30.0
_TOO_SHORT = 0.005
_FASTEST = 50.0  # words per second
_OVERLAP = 1.0
_UNIT_ADVICE = (
    'name the column onset_ms, or give its unit in the sidecar of the table ({"onset": {"Units": "ms"}, '
    '"duration": {"Units": "ms"}}), or align again'
)


def checked(words: WordList, may_start_before: bool = False) -> tuple[list[WordRow], list[str]]:
    """Rows with plausible times, in the order of the text, and notes (sentences).

    Rows of a sortable list that are out of temporal order are sorted by start if all have a time and none then overlap.
    Raises DatasetError, which names the row, for impossible times: an end before its start, a start before the audio
    (unless `may_start_before`, for times since the first volume), times that run backwards, and implausible lengths.
    """
    rows, notes = list(words.rows), list(words.notes)
    onset, end = _times(rows)
    _check_each(rows, onset, end, may_start_before)
    _check_lengths(rows, onset, end)
    if words.sortable and _is_shuffled(rows, onset, end):
        order = np.argsort(onset, kind="stable")
        rows = [rows[at] for at in order]
        onset, end = onset[order], end[order]
        notes.append("its rows are not in temporal order: sorted by onset.")
    notes += _check_order(rows, onset)
    notes += _check_overlap(rows, onset, end)
    return rows, notes


def check_audio(rows: list[WordRow], seconds: float, audio: str) -> list[str]:
    """Notes on words that begin after the audio ends. Raises DatasetError if more than 5 % of the words do."""
    onset, _ = _times(rows)
    beyond = np.flatnonzero(onset > seconds + 0.5)
    if beyond.size == 0:
        return []
    first = rows[beyond[0]]
    sentence = (
        f"{beyond.size} of {len(rows)} words begin after the end of the audio {audio} ({seconds:.2f} s), first "
        f"{_name(first)} at {first.start:g} s"
    )
    if beyond.size > 0.05 * len(rows):
        raise DatasetError(f"{sentence}: are they words of another recording, or is the unit not seconds? Align again.")
    return [f"{sentence}."]


def _times(rows: list[WordRow]) -> tuple[FloatArray, FloatArray]:
    times = np.array([(row.start, row.end) for row in rows], dtype=float).reshape(len(rows), 2)
    return times[:, 0], times[:, 1]


def _name(row: WordRow) -> str:
    return f"{row.location} ({row.text[:40]!r})"


def _check_each(rows: list[WordRow], onset: FloatArray, end: FloatArray, may_start_before: bool) -> None:
    wrong = np.flatnonzero(end < onset)
    if wrong.size:
        row = rows[wrong[0]]
        advice = (
            "if the column holds durations, call it duration"
            if wrong.size == len(rows)
            else "correct it or align again"
        )
        others = f" (and {wrong.size - 1} more)" if wrong.size > 1 else ""
        raise DatasetError(f"{_name(row)} ends at {row.end:g} s, before it starts ({row.start:g} s){others}: {advice}.")
    early = np.flatnonzero(onset < _EARLIEST)
    if early.size and not may_start_before:
        row = rows[early[0]]
        raise DatasetError(
            f"{_name(row)} starts at {row.start:g} s, before the audio ({early.size} words do): times must be seconds "
            "from the start of the audio file."
        )


def _check_lengths(rows: list[WordRow], onset: FloatArray, end: FloatArray) -> None:
    """Raise DatasetError for lengths that indicate another unit or a failed alignment."""
    duration = end - onset
    lasting = duration[duration > 0]
    median = float(np.median(lasting)) if lasting.size else 0.0
    starts = np.sort(onset)
    step = float(np.median(np.diff(starts))) if lasting.size == 0 and len(rows) > 2 else 0.0
    if max(median, step) > _TOO_LONG:
        fault = "last" if median else "stand apart by"
        raise DatasetError(
            f"the words {fault} {max(median, step):g} s in the median: are the times milliseconds? Then {_UNIT_ADVICE}."
        )
    if lasting.size and median < _TOO_SHORT:
        raise DatasetError(
            f"the words last {median:g} s in the median: is the unit of the times right? Correct it, or align again."
        )
    span = starts[-1] - starts[0]
    if len(rows) > 1 and (span == 0 or (len(rows) > 4 and len(rows) > _FASTEST * span)):
        raise DatasetError(
            f"all {len(rows)} words with a time start within {span:g} s (first: {starts[0]:g} s): "
            "the alignment failed or the unit of the times is wrong; align again."
        )


def _is_shuffled(rows: list[WordRow], onset: FloatArray, end: FloatArray) -> bool:
    """Whether rows can safely be sorted by time: no order at all, one speaker, no overlap once sorted."""
    if len(rows) < 2 or (np.diff(onset) < 0).sum() < (len(rows) - 1) / 3:
        return False
    order = np.argsort(onset, kind="stable")
    apart = (end[order][:-1] <= onset[order][1:] + 0.05).all() and (np.diff(onset[order]) > 0).all()
    return bool(apart) and len({row.speaker for row in rows}) == 1


def _check_order(rows: list[WordRow], onset: FloatArray) -> list[str]:
    """Notes on small steps back in time. Raises DatasetError for a large step within the words of one speaker."""
    n_back, latest = 0, {"": -np.inf}
    for row, start in zip(rows, onset, strict=True):
        before = latest.get(row.speaker, -np.inf)
        if start < before - _STEP_BACK:
            raise DatasetError(
                f"{_name(row)} starts at {start:g} s, but an earlier word starts at {before:g} s: the rows are not in "
                "temporal order. Align again, sort the table by onset, or make one file for each recording or "
                "section."
            )
        n_back += bool(start < before)
        latest[row.speaker] = max(before, start)
    return [f"{n_back} words start slightly before the word that they follow."] if n_back else []


def _check_overlap(rows: list[WordRow], onset: FloatArray, end: FloatArray) -> list[str]:
    """Notes on long words. Raises DatasetError if more than a tenth of the words last long into the next one."""
    notes = []
    same = np.array([current.speaker == next_word.speaker for current, next_word in pairwise(rows)], dtype=bool)
    overlapping = np.flatnonzero((end[:-1] > onset[1:] + _OVERLAP) & same)
    if overlapping.size > 0.1 * len(rows):
        row = rows[overlapping[0]]
        raise DatasetError(
            f"{overlapping.size} of {len(rows)} words last into the next words, first {_name(row)} from {row.start:g} "
            f"to {row.end:g} s: are the columns those of onset and duration (or end)? Correct them or align again."
        )
    long = np.flatnonzero(end - onset > _LONG)
    for which, fault in ((overlapping, "last more than 1 s into the next word"), (long, f"last more than {_LONG:g} s")):
        if which.size:
            notes.append(f"{which.size} words {fault}, first {_name(rows[which[0]])}.")
    return notes
