"""One run as it would be analysed, from headers and small files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bids_app.bids.content import require_content
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import Stimulus, read_events
from bids_app.bids.exclusions import is_excluded
from bids_app.bids.headers import count_volumes
from bids_app.bids.metadata import raw_repetition_time
from bids_app.bids.runs import Run, run_label
from bids_app.bids.stimuli import find_events, raw_runs
from bids_app.bids.timeline import read_timeline
from bids_app.inputs.nuisance import Cleaning, confound_strategy, read_nuisance
from bids_app.inputs.presentations import heard_in, presentations
from bids_app.inputs.repeats import heard_content
from bids_app.inputs.run_plan import plan_run
from bids_app.inputs.sources import Sources
from bids_app.inputs.timing import StimulusTiming, Story, segments_of, timed_words, timing_of

if TYPE_CHECKING:
    from bids_app.encoding.timing import Lag

Stories = Mapping[str, Story]
NO_BOLD = "no preprocessed BOLD"


@dataclass(frozen=True)
class RunCheck:
    """One run as it would be analysed.

    `repetition_time` is in seconds. `story_volumes`, `words`, `unaligned` (no time), `left_out` (outside the story's
    events or the scan), `censored` (not among the story volumes) and `repeated` (story volumes that the participant
    hears again in the same fit) are counts, None if unknown. `regressors` are the names of the confounds, `n_cosines`
    counts the cosines of the high-pass filter. `problems` are reasons why the run cannot be analysed, `note` the reason
    for leaving it out on purpose ("" if it is not).
    """

    run: str
    space: str = ""
    stimuli: str = ""
    volumes: int | None = None
    repetition_time: float | None = None
    story_volumes: int | None = None
    censored: int | None = None
    repeated: int | None = None
    words: int | None = None
    unaligned: int | None = None
    left_out: int | None = None
    confounds: str = ""
    regressors: tuple[str, ...] | None = None
    n_cosines: int = 0
    mask: str = ""
    lag: Lag | None = None
    note: str = ""
    problems: tuple[str, ...] = ()
    timing: StimulusTiming | None = field(default=None, repr=False, compare=False)
    task: str = field(default="", repr=False, compare=False)

    @property
    def problem(self) -> str:
        """The first problem, or an empty text."""
        return self.problems[0] if self.problems else ""

    def but(self, *problems: str) -> RunCheck:
        """The row with further distinct problems."""
        return replace(self, problems=tuple(dict.fromkeys([*self.problems, *problems])))


def rows_of(sources: Sources, stories: Stories, participant: str, with_lag: bool = False) -> list[RunCheck]:
    """A row for each selected run of a participant, including those left out."""
    try:
        outcomes = list(sources.each_run(participant))
    except (ValueError, OSError) as error:
        return [RunCheck(f"sub-{participant}", problems=(str(error),))]
    rows = [_row(label, outcome, sources, stories, with_lag) for label, outcome in outcomes]
    if rows and all(row.note for row in rows):
        why = f"none of its runs can be analysed ({'; '.join(dict.fromkeys(row.note for row in rows))})"
        rows.append(RunCheck(f"sub-{participant}", problems=(why,)))
    return _repeated(rows, stories, sources.settings.pool_tasks)


def raw_rows_of(sources: Sources, stories: Stories, participant: str) -> list[RunCheck]:
    """A row for each raw run of a participant without preprocessed BOLD, from its events and JSON files."""
    runs = [run for run in raw_runs(sources.dataset.bids_dir, participant) if sources.is_selected(run)]
    rows = [_raw_row(RunCheck(run_label(run), task=run["task"]), run, sources, stories) for run in runs]
    rows = _repeated(rows, stories, sources.settings.pool_tasks)
    return [replace(row, note=row.note or NO_BOLD) for row in rows]


def _raw_row(row: RunCheck, run: Mapping[str, str], sources: Sources, stories: Stories) -> RunCheck:
    dataset = sources.dataset
    if is_excluded(run, dataset.excluded_scans):
        return replace(row, note="on the list of scans to leave out")
    try:
        row = replace(row, repetition_time=raw_repetition_time(dataset.bids_dir, run, dataset.listing))
        events = find_events(dataset.bids_dir, run, dataset.annotations, dataset.listing)
        if events is None:
            return replace(row, note="it has no events.tsv with the times of the stories")
        return _heard(row, read_events(events, run, dataset.listing), sources, stories)
    except (ValueError, OSError) as error:
        return row.but(str(error))


def _row(label: str, outcome: Run | str | DatasetError, sources: Sources, stories: Stories, with_lag: bool) -> RunCheck:
    if isinstance(outcome, str):
        return RunCheck(label, note=outcome)
    if isinstance(outcome, DatasetError):
        return RunCheck(label, problems=(str(outcome),))
    row = RunCheck(
        outcome.label,
        space=outcome.space or outcome.seg or "own",
        repetition_time=outcome.repetition_time,
        mask=_mask(outcome, sources.settings.mask),
        task=outcome.task,
    )
    row = _attempt(row, lambda: _heard(row, outcome.stimuli, sources, stories))
    return row if row.note else _planned(row, outcome, sources, stories, with_lag)


def _mask(run: Run, chosen: Path | None) -> str:
    masks = [*([chosen.name] if chosen else []), *(["desc-brain"] if run.mask else [])]
    return " and ".join(masks) or ("none" if run.kind == "volume" else "")


def _heard(row: RunCheck, stimuli: Sequence[Stimulus], sources: Sources, stories: Stories) -> RunCheck:
    """The row with information from the events, with or without BOLD."""
    broken = [stimulus.stem for stimulus in stimuli if stimulus.stem in sources.broken]
    if broken:
        return row.but(*(f"the story {stem} cannot be used: {sources.broken[stem]}" for stem in dict.fromkeys(broken)))
    played = presentations(stimuli, {stem: story.words for stem, story in stories.items()})
    if not played:
        named = ", ".join(dict.fromkeys(stimulus.stem for stimulus in stimuli))
        return replace(row, stimuli=named, note="no word timings" if named else "its events name no story")
    row = replace(row, stimuli=", ".join(dict.fromkeys(stimulus.stem for stimulus in played)))
    if row.repetition_time is None:
        return row.but("no JSON file of the raw data set has its RepetitionTime")
    if not all(np.isfinite(end) for stimulus in played for _, end in stimulus.story):
        return row  # the story ends with the scan
    return _counted(row, timing_of(played, row.repetition_time), stories, np.inf)


def _planned(row: RunCheck, run: Run, sources: Sources, stories: Stories, with_lag: bool) -> RunCheck:
    """The row with information from BOLD, confounds and censoring."""
    settings, is_unheard = sources.settings, bool(row.problems)
    row = _attempt(row, lambda: replace(row, confounds=_strategy(run, sources)))
    for path in (run.mask, run.confounds if row.confounds not in ("none", "cleaned before") else None, run.outliers):
        if path is not None:
            row = _attempt(row, partial(_with_content, row, path))
    try:
        volumes = count_volumes(run)
    except (ValueError, OSError) as error:
        return row.but(str(error))
    row = replace(row, volumes=volumes)
    if is_unheard:
        return row.but(*_each(run, volumes, sources, None))
    try:
        timing, _, nuisance = plan_run(run, volumes, stories, Cleaning.of(settings))
    except (ValueError, OSError) as error:
        return row.but(str(error), *_each(run, volumes, sources, stories))
    row = replace(row, regressors=nuisance.names, n_cosines=nuisance.n_cosines)
    row = _counted(row, timing, stories, volumes * run.repetition_time)
    if not row.words:
        return row.but("no word lies inside a story event of the scan")
    return _attempt(row, lambda: replace(row, lag=_lag(run, sources, stories))) if with_lag else row


def _strategy(run: Run, sources: Sources) -> str:
    asked = confound_strategy(run, sources.settings.confounds)
    return "cleaned before" if run.is_clean else asked


def _with_content(row: RunCheck, path: Path) -> RunCheck:
    require_content(path)
    return row


def _attempt(row: RunCheck, step: Callable[[], RunCheck]) -> RunCheck:
    try:
        return step()
    except (ValueError, OSError) as error:
        return row.but(str(error))


def _each(run: Run, volumes: int, sources: Sources, stories: Stories | None) -> Iterator[str]:
    """Problems of each step of a plan, which ends at the first; without stories, of the stimuli."""
    n_volumes = volumes
    try:
        n_volumes = read_timeline(run, volumes).n_volumes
    except (ValueError, OSError) as error:
        yield str(error)
    steps: list[Callable[[], object]] = [lambda: read_nuisance(run, volumes, Cleaning.of(sources.settings))]
    if stories is not None:
        steps.append(lambda: heard_in(run, stories, run.repetition_time, n_volumes))
    for step in steps:
        try:
            step()
        except (ValueError, OSError) as error:
            yield str(error)


def _counted(row: RunCheck, timing: StimulusTiming, stories: Stories, end: float) -> RunCheck:
    """The row with the counts of volumes and words; the scan ends at `end` (s)."""
    heard = timed_words(timing, stories)
    words = sum(int((onset < end).sum()) for _, _, onset, _ in heard)
    timed, unaligned = 0, 0
    for stimulus in timing.stimuli:  # each playing of a story counts
        text = stories[stimulus.stem].words
        timed += int(text.is_timed.sum())
        unaligned += sum(int((~text.is_timed[segment]).sum()) for segment in segments_of(stimulus, text))
    return replace(
        row,
        story_volumes=len(timing.volumes),
        censored=len(timing.censored),
        words=words,
        unaligned=unaligned,
        left_out=max(timed - words, 0),
        timing=timing,
    )


def _repeated(rows: Sequence[RunCheck], stories: Stories, pool_tasks: bool) -> list[RunCheck]:
    """The rows with the number of story volumes that are heard again in the same fit."""
    done = list(rows)
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if row.timing is not None and len(row.timing.volumes) and not row.note:
            groups.setdefault("" if pool_tasks else row.task, []).append(index)
    for indices in groups.values():
        timings = [row.timing for row in (rows[index] for index in indices) if row.timing is not None]
        content = heard_content(timings, stories)
        again = np.zeros(sum(len(timing.volumes) for timing in timings), dtype=bool)
        if content is not None:
            again = np.bincount(content)[content] > 1
        ends = np.cumsum([len(timing.volumes) for timing in timings])
        for index, is_repeated in zip(indices, np.split(again, ends[:-1]), strict=True):
            done[index] = replace(rows[index], repeated=int(is_repeated.sum()))
    return done


def _lag(run: Run, sources: Sources, stories: Stories) -> Lag | None:
    from bids_app.run.check_timing import lag_of_run  # torch

    return lag_of_run(run, stories, sources.settings)
