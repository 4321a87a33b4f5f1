"""What would be analysed, run by run, and all that is wrong with it: from headers and small files, in seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bids_app.bids.errors import DatasetError
from bids_app.bids.events import read_events
from bids_app.bids.headers import count_volumes
from bids_app.bids.runs import Run
from bids_app.encoding.haemodynamics import convolve, word_sums
from bids_app.encoding.timing import Lag, response_lag
from bids_app.settings import Settings
from bids_app.workflow.readiness import missing
from bids_app.workflow.responses import confound_strategy, plan_run, read_run
from bids_app.workflow.sources import Sources, open_sources
from bids_app.workflow.stories import Listening, segments_of, timed_words


@dataclass(frozen=True)
class RunCheck:
    """One run as it would be analysed.

    `repetition_time` is in seconds, the other numbers are counts: `unaligned` words have no time, `left_out` ones lie
    outside the story's events or the scan. `problem` says why the run cannot be analysed, `note` why it is left out on
    purpose ("" where neither is so); what could not be found out is None.
    """

    run: str
    space: str = ""
    stimuli: str = ""
    volumes: int | None = None
    repetition_time: float | None = None
    story_volumes: int | None = None
    words: int | None = None
    unaligned: int | None = None
    left_out: int | None = None
    confounds: str = ""
    mask: str = ""
    lag: Lag | None = None
    note: str = ""
    problem: str = ""


def check(settings: Settings, timing: bool = False) -> int:
    """Print the table of all runs, then every problem; gives the exit status. Nothing is written."""
    sources = open_sources(replace(settings, dry_run=True))
    rows = list(check_runs(sources, sources.participants, timing))
    problems = [*problems_of(rows), *missing(sources, sources.analysed)]
    for line in [*table_of(rows), "", summary_of(rows)]:
        print(line)
    if problems:
        print(f"\n{len(problems)} problem(s):")
        for problem in problems:
            print(f"- {problem}")
    return int(bool(problems))


def check_runs(sources: Sources, participants: Sequence[str], timing: bool = False) -> Iterator[RunCheck]:
    """A row for each run that the settings select, those left out included. `timing` reads the data, for the lag."""
    for participant in participants:
        try:
            selection = sources.runs(participant)
        except DatasetError as error:
            left_out = participant in sources.left_out and sources.analysed != sources.participants
            said = str(error)
            name = f"sub-{participant}"
            yield RunCheck(name, note=said) if left_out else RunCheck(name, problem=said)
            continue
        for run in selection.runs:
            yield _check_run(run, sources, timing)
        for excluded in selection.excluded:
            yield RunCheck(excluded.label, note=excluded.reason)


def _check_run(run: Run, sources: Sources, timing: bool) -> RunCheck:
    row = RunCheck(
        run.label,
        space=run.space or run.seg or "own",
        repetition_time=run.repetition_time,
        mask=run.mask.name if run.mask else "",
    )
    try:
        stimuli = [s for s in read_events(run.events) if s.stem in sources.stories]
        if not stimuli:
            return replace(row, note="its story has no word timings")
        row = replace(row, stimuli=" ".join(dict.fromkeys(stimulus.stem for stimulus in stimuli)))
        volumes = count_volumes(run)
        confounds = "cleaned before" if run.is_clean else confound_strategy(run, sources.settings)
        row = replace(row, volumes=volumes, confounds=confounds)
        listening, _, _ = plan_run(run, volumes, sources.stories, sources.settings)
        row = _counted(row, listening, sources)
        if not row.story_volumes or not row.words:
            return replace(row, problem="no volume, or no word, lies inside a story event of the scan")
        return replace(row, lag=_lag(run, sources)) if timing else row
    except (ValueError, OSError) as error:
        return replace(row, problem=str(error))


def _counted(row: RunCheck, listening: Listening, sources: Sources) -> RunCheck:
    """The row with the counts of volumes and words."""
    end = (row.volumes or 0) * listening.repetition_time
    heard = timed_words(listening, sources.stories)
    words = sum(int((onset < end).sum()) for _, _, onset, _ in heard)
    timed = sum(int(story.words.is_timed.sum()) for story, *_ in heard)
    unaligned = 0
    for stimulus in listening.stimuli:
        text = sources.stories[stimulus.stem].words
        unaligned += sum(int((~text.is_timed[segment]).sum()) for segment in segments_of(stimulus, text))
    return replace(row, story_volumes=len(listening.volumes), words=words, unaligned=unaligned, left_out=timed - words)


def _lag(run: Run, sources: Sources) -> Lag:
    """The lag at which the run's word rate fits the targets that follow it most (science.md 3.3)."""
    part = read_run(run, sources.stories, sources.settings)
    usable = np.isfinite(part.data).all(axis=0) & (np.ptp(part.data, axis=0) > 0)
    return response_lag(_word_rate(part.listening, sources), part.data[:, usable])


def _word_rate(listening: Listening, sources: Sources) -> Any:
    """Words per volume, convolved with the haemodynamic response, on the kept volumes (n_kept,)."""
    onset = np.concatenate([onset for _, _, onset, _ in timed_words(listening, sources.stories)])
    grid = np.arange(int(listening.volumes[-1]) + 1)
    words = word_sums(np.ones((len(onset), 1), dtype=np.float32), onset, listening.repetition_time, grid)
    return convolve(words, listening.repetition_time)[listening.volumes, 0]


_TITLES = {
    "run": "run",
    "space": "space",
    "stimuli": "stimulus",
    "volumes": "volumes",
    "repetition_time": "TR (s)",
    "story_volumes": "in story",
    "words": "words",
    "unaligned": "unaligned",
    "left_out": "left out",
    "confounds": "confounds",
    "mask": "mask",
    "lag": "lag",
    "note": "note",
}


def table_of(rows: Sequence[RunCheck]) -> list[str]:
    """The rows as a table of text, columns that are empty in all left out."""
    cells = [[_cell(getattr(row, name), row) for name in _TITLES] for row in rows]
    kept = [i for i in range(len(_TITLES)) if any(line[i] not in ("", "?") for line in cells)]
    lines = [[list(_TITLES.values())[i] for i in kept], *([line[i] for i in kept] for line in cells)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(kept))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _cell(value: object, row: RunCheck) -> str:
    if isinstance(value, Lag):
        return "unclear" if not value.is_clear else f"{value.volumes:+d}" + ("" if value.is_expected else " (!)")
    if value is None:
        return "" if row.note else "?"
    return f"{value:g}" if isinstance(value, float) else str(value)


def problems_of(rows: Iterable[RunCheck]) -> list[str]:
    """Every problem once: runs with the same, labels and paths aside, share a line that names the first of them."""
    found: dict[str, list[RunCheck]] = {}
    for row in rows:
        for problem in (row.problem, _mistimed(row)):
            if problem:
                found.setdefault(_kind(problem), []).append(replace(row, problem=problem))
    lines = []
    for same in found.values():
        more = f" (and {len(same) - 1} more with the same: {_listed(same[1:])})" if len(same) > 1 else ""
        lines.append(f"{same[0].run}: {same[0].problem}{more}")
    return lines


def _kind(problem: str) -> str:
    return re.sub(r"\S*/\S*|sub-\w+|\d+", "*", problem)


def _listed(rows: Sequence[RunCheck], most: int = 3) -> str:
    return ", ".join([*(row.run for row in rows[:most]), *(["…"] if len(rows) > most else [])])


def _mistimed(row: RunCheck) -> str:
    if row.lag is None or row.lag.is_expected:
        return ""
    return (
        f"responses follow the words {row.lag.volumes:+d} volumes later than expected (r = {row.lag.r:.2f}); check the "
        "onset of the audio in events.tsv, and that word times count from the start of the audio file"
    )


def summary_of(rows: Sequence[RunCheck]) -> str:
    """One line: how many runs of how many participants can be analysed."""
    good = [row for row in rows if not row.problem and not row.note]
    bad, left = (sum(bool(getattr(row, name)) for row in rows) for name in ("problem", "note"))
    people = len({row.run.partition("_")[0] for row in good})
    return f"{len(good)} run(s) of {people} participant(s) can be analysed; {left} left out, {bad} with a problem"
