"""The table that a check prints, and the lists of problems and remarks below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bids_app.inputs.nuisance import summary
from bids_app.run.check_rows import RunCheck
from bids_app.wording import listed

_TITLES = {
    "run": "run",
    "space": "space",
    "stimuli": "stimulus",
    "volumes": "volumes",
    "repetition_time": "TR (s)",
    "story_volumes": "in story",
    "censored": "censored",
    "repeated": "repeated",
    "words": "words",
    "unaligned": "unaligned",
    "left_out": "left out",
    "confounds": "confounds",
    "regressors": "regressors",
    "mask": "mask",
    "lag": "lag",
    "note": "note",
}
_OFTEN_EMPTY = {"censored", "repeated"}  # columns shown only if a run has a count above zero


def table_of(rows: Sequence[RunCheck]) -> list[str]:
    """The rows as a text table without empty columns."""
    cells = [[_cell(name, row) for name in _TITLES] for row in rows]
    kept = [
        i
        for i, name in enumerate(_TITLES)
        if any(line[i] not in ("", "?", *(["0"] if name in _OFTEN_EMPTY else [])) for line in cells)
    ]
    lines = [[list(_TITLES.values())[i] for i in kept], *([line[i] for i in kept] for line in cells)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(kept))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _cell(name: str, row: RunCheck) -> str:
    value = getattr(row, name)
    if name == "lag" and row.lag is not None:
        shown = "unclear" if not row.lag.is_clear else f"{row.lag.volumes:+d}"
        return shown + ("" if row.lag.is_expected else " (!)")
    if name == "regressors":
        return "" if row.regressors is None else _regressors(row)
    if name == "note":
        return row.note or ("see below" if row.problems else "")
    if value is None:
        return "" if row.note else "?"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _regressors(row: RunCheck) -> str:
    """Number of nuisance regressors of a run, and of cosines among them."""
    counts = [f"{len(row.regressors or ())}"] if row.regressors else []
    counts += [f"{row.n_cosines} cosines"] if row.n_cosines else []
    return " + ".join(counts) or "none"


def confounds_of(rows: Iterable[RunCheck]) -> Iterator[str]:
    """A line for each set of confounds, with the number of runs that have it."""
    for names, number in Counter(row.regressors for row in rows if row.regressors).most_common():
        yield f"regressed out of {number} run(s), {len(names)} confounds: {summary(names)}"


def problems_of(rows: Iterable[RunCheck], of_all: Iterable[str] = ()) -> list[str]:
    """Distinct problems: runs whose problems differ only in labels and paths share a line that names the first.

    `of_all` are problems of no single run; they come first, unless a run has them as well.
    """
    problems: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        for problem in (*row.problems, _mistimed(row)):
            if problem:
                problems.setdefault(_kind(problem), []).append((row.run, problem))
    lines = []
    for same in problems.values():
        runs = list(dict.fromkeys(run for run, _ in same[1:]))
        more = f" (and {len(runs)} more with the same: {listed(runs, 3)})" if runs else ""
        run, problem = same[0]
        lines.append(f"{problem if problem.startswith(run) else f'{run}: {problem}'}{more}")
    return [entry for entry in dict.fromkeys(of_all) if not any(entry in line for line in lines)] + lines


def each_kind_once(lines: Iterable[str]) -> list[str]:
    """Lines that differ only in labels, numbers and paths, reduced to the first and the number of others."""
    kinds: dict[str, list[str]] = {}
    for line in dict.fromkeys(lines):
        kinds.setdefault(_kind(line), []).append(line)
    return [same[0] + (f" (and {len(same) - 1} more like this)" if len(same) > 1 else "") for same in kinds.values()]


def _kind(problem: str) -> str:
    return re.sub(r"\S*/\S*|sub-\w+|\d+", "*", problem)


def _mistimed(row: RunCheck) -> str:
    if row.lag is None or row.lag.is_expected:
        return ""
    return (
        f"responses follow the words {row.lag.volumes:+d} volumes later than expected (r = {row.lag.r:.2f}); check the "
        "onset of the audio in events.tsv, and that word times count from the start of the audio file"
    )


def summary_of(rows: Sequence[RunCheck]) -> str:
    """One line with the number of runs and participants that can be analysed."""
    runs = [row for row in rows if "_" in row.run]
    good = [row for row in runs if not row.problems and not row.note]
    left = sum(bool(row.note) for row in runs)
    bad = sum(bool(row.problems) for row in rows)  # also of participants without any run
    people = len({row.run.partition("_")[0] for row in good})
    return f"{len(good)} run(s) of {people} participant(s) can be analysed; {left} left out, {bad} with a problem"
