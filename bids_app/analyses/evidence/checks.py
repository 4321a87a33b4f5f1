"""Checks of a fit that need no model: do the folds leak, and do responses follow the words in time?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bids_app.analyses.evidence.options import EvidenceOptions
from bids_app.encoding.design.folds import content_folds
from bids_app.encoding.leaks import SIGMAS, autocorrelation_scores
from bids_app.encoding.leaks import leaks as leaking
from bids_app.encoding.timing import EXPECTED_WITHIN, Lag, response_lag
from bids_app.inputs.band import word_rate
from bids_app.inputs.fits import Fit
from bids_app.inputs.responses import Responses
from bids_app.inputs.timing import Story
from bids_app.machine.notices import log
from bids_app.stats.device import one_thread

PASSED, FAILED, OPEN = "passed", "failed", "open"
_MOST_TARGETS = 500  # enough for a mean over targets


def leak_table(responses: Responses, settings: EvidenceOptions) -> pd.DataFrame:
    """Held-out score of a model of autocorrelation alone, a row for each smoothing, with the folds of the scores."""
    content = np.arange(len(responses.data)) if responses.content is None else responses.content
    folds = content_folds(content, settings.folds, settings.purge)
    some = np.linspace(0, responses.data.shape[1] - 1, min(_MOST_TARGETS, responses.data.shape[1])).round().astype(int)
    scores = autocorrelation_scores(responses.data[:, some], responses.run_lengths, folds, responses.content)
    outcome = [FAILED if leaks else PASSED for leaks in leaking(scores)]
    return pd.DataFrame({"sigma": SIGMAS, "r": scores.mean(axis=1), "targets": len(some), "outcome": outcome})


@one_thread()
def timing_table(runs: Responses, fit: Fit, stories: dict[str, Story]) -> pd.DataFrame:
    """Lag of the responses behind their prediction from the words, a row for each run."""
    rows = []
    borders = np.cumsum(runs.run_lengths)[:-1]
    for run, timing, data in zip(fit.runs, runs.timings, np.split(runs.data, borders), strict=True):
        try:
            lag = response_lag(word_rate(timing, stories), data)
        except ValueError as error:
            rows.append({"run": run.label, "volumes": len(data), "outcome": OPEN, "reason": str(error)})
            continue
        outcome, reason = _judged(lag, timing.repetition_time)
        if outcome == FAILED:
            log.warning("%s: %s", run.label, reason)
        seconds = lag.volumes * timing.repetition_time
        row = {"run": run.label, "volumes": len(data), "lag": lag.volumes, "seconds": seconds, "r": lag.r, "p": lag.p}
        rows.append({**row, "outcome": outcome, "reason": reason})
    columns = ["run", "volumes", "lag", "seconds", "r", "p", "outcome", "reason"]
    return pd.DataFrame(rows).reindex(columns=columns)


def _judged(lag: Lag, repetition_time: float) -> tuple[str, str]:
    if not lag.is_clear:
        return OPEN, "responses do not follow the words closely enough to read a lag"
    if lag.is_expected:
        return PASSED, f"within {EXPECTED_WITHIN} volumes"
    direction = "late" if lag.volumes > 0 else "early"
    return FAILED, (
        f"responses come {abs(lag.volumes) * repetition_time:g} s too {direction}: check the onsets in its events.tsv "
        "and the discarded volumes, or leave the run out (--exclude-scans)"
    )
