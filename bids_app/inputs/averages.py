"""Average runs that heard the same at the same times before fitting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bids_app.inputs.repeats import heard_content
from bids_app.inputs.responses import Responses, RunSource, mean_of_runs
from bids_app.inputs.timing import StimulusTiming, Story, story_time

Integers = npt.NDArray[np.int64]

# Volumes are repeats if their story times differ by at most this share of the repetition time.
_SAME_PHASE = 0.1


def average_repeats(responses: Responses, stories: Mapping[str, Story]) -> Responses:
    """One mean run for all runs that heard the same; see `RunSource`.

    A run joins the longest run that has a volume at the same story time as each of its volumes. Where some runs are
    censored, the mean is that of the others. Other repetitions (twice in a run, in another order, between volumes)
    stay separate, with their `content`.
    """
    if responses.content is None:
        return responses
    heard = tuple(timing.uncensored for timing in responses.timings)
    hosted: dict[int, dict[int, Integers]] = {}  # rows covered in each host run, by run number
    for run in sorted(range(len(heard)), key=lambda run: -len(heard[run].volumes)):
        host, rows = _host(run, list(hosted), heard)
        hosted.setdefault(host, {})[run] = rows[responses.timings[run].is_kept]
    means = [_mean_timing(heard[host], hosted[host].values()) for host in sorted(hosted)]
    averaged = tuple(
        tuple(
            RunSource(run, np.searchsorted(np.flatnonzero(mean.is_kept), rows), responses.nuisance[run])
            for run, rows in sorted(hosted[host].items())
        )
        for host, mean in zip(sorted(hosted), means, strict=True)
    )
    timings = tuple(means)
    series = np.split(responses.data, np.cumsum(responses.run_lengths)[:-1])
    data = [
        mean_of_runs([(source.rows, series[source.run]) for source in sources], len(timing.volumes))
        for sources, timing in zip(averaged, timings, strict=True)
    ]
    return replace(
        responses,
        data=np.concatenate(data),
        timings=timings,
        nuisance=tuple(responses.nuisance[host] for host in sorted(hosted)),
        content=heard_content(timings, stories),
        averaged=averaged,
    )


def _mean_timing(host: StimulusTiming, covered: Iterable[Integers]) -> StimulusTiming:
    """Timing of a mean of runs, from the rows of the host that each covers; volumes censored in all stay censored."""
    rows = np.unique(np.concatenate(list(covered)))
    return StimulusTiming(host.repetition_time, host.volumes[rows], host.stimuli, np.delete(host.volumes, rows))


def _host(run: int, hosts: list[int], timings: tuple[StimulusTiming, ...]) -> tuple[int, Integers]:
    """The longer run that a run joins, and its rows there; itself if there is none."""
    for host in hosts:
        rows = _rows_in(timings[run], timings[host])
        if rows is not None:
            return host, rows
    return run, np.arange(len(timings[run].volumes))


def _rows_in(timing: StimulusTiming, whole: StimulusTiming) -> Integers | None:
    """Rows of `whole` at the story times of `timing`; None unless each volume has a separate row."""
    (stems, seconds), (others, times) = story_time(timing), story_time(whole)
    if abs(timing.repetition_time - whole.repetition_time) > 1e-4 or not set(stems) <= set(others):
        return None
    same = np.array(stems)[:, None] == np.array(others)[None]
    apart = np.where(same, np.abs(seconds[:, None] - times[None]), np.inf)
    close = apart <= _SAME_PHASE * whole.repetition_time
    if not (close.sum(axis=1) == 1).all() or (close.sum(axis=0) > 1).any():
        return None
    rows = np.argmax(close, axis=1)
    return rows if (np.diff(rows) > 0).all() else None
