"""Tables of surprisal under lesions: means over kinds of words, and the passages where it rises most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.lesion.plan import LesionPlan
from bids_app.analyses.lesion.tables import against
from bids_app.analyses.lesion.words import kinds_of_words
from bids_app.inputs.timing import Story
from bids_app.language.excerpts import excerpts
from bids_app.stats.intervals import bootstrap_interval

Doubles = npt.NDArray[np.float64]
N_PASSAGES = 10
TOGETHER = "all"  # stories
COLUMNS = ("network", "dose", "story", "words", "count", "intact", "lesioned", "rise", "low", "high", "control")


def surprisal_table(
    found: Mapping[str, Doubles], stories: Mapping[str, Story], plan: LesionPlan, seen: Sequence[str]
) -> pd.DataFrame:
    """Mean surprisal of each kind of words, one row per network, dose, story and control.

    `found` maps stories to (n_lesions, n_words), NaN for words without a value or lesions that were not read. `seen`
    are the stories that the dictionary was learned from. The row of all stories is of these, with a bootstrap interval
    over stories.
    """
    means = {stem: _means(values, stories[stem].words.text) for stem, values in found.items()}
    shared = set.intersection(*(set(kinds) for kinds in means.values())) if means else set()
    rows: list[dict[str, Any]] = []
    for row in plan.subgroups:
        lesion = plan.lesions[row]
        for kind in ("all", "content", "function"):
            if kind not in shared:
                continue
            of_stories = {stem: kinds[kind] for stem, kinds in means.items()}
            heard = {stem: value for stem, value in of_stories.items() if stem in seen} or of_stories
            for stem, (count, values) in {**_with_all(heard), **of_stories}.items():
                rises = [value[row] - value[0] for _, value in heard.values()] if stem == TOGETHER else []
                low, high = bootstrap_interval(rises) if len(rises) > 1 else (np.nan, np.nan)
                own = {
                    "network": lesion.network,
                    "dose": lesion.dose,
                    "story": stem,
                    "seen": set(heard if stem == TOGETHER else [stem]) <= set(seen),
                    "words": kind,
                    "count": count,
                    "intact": values[0],
                    "lesioned": values[row],
                    "rise": values[row] - values[0],
                    "low": low,
                    "high": high,
                }
                if np.isnan(own["rise"]):
                    continue
                for control in plan.controls:
                    draws = values[plan.rows(control, lesion.network, lesion.dose)] - values[0]
                    rows.append({**own, "control": control, **against(own["rise"], draws[np.isfinite(draws)])})
    return pd.DataFrame(rows)


def _means(values: Doubles, words: Sequence[str]) -> dict[str, tuple[int, Doubles]]:
    """Number of words of each kind, and mean surprisal of each lesion (n_lesions,), NaN where it was not read."""
    means = {}
    for kind, where in kinds_of_words(words).items():
        chosen = np.flatnonzero(where & np.isfinite(values[0]))
        if len(chosen):
            means[kind] = (len(chosen), values[:, chosen].mean(axis=1))
    return means


def _with_all(of_stories: Mapping[str, tuple[int, Doubles]]) -> dict[str, tuple[int, Doubles]]:
    """Each story, and before them the mean over all words."""
    counts = np.array([count for count, _ in of_stories.values()])
    values = np.stack([value for _, value in of_stories.values()])
    together = (int(counts.sum()), (counts[:, None] * values).sum(axis=0) / counts.sum())
    return {TOGETHER: together, **of_stories}


def passage_table(found: Mapping[str, Doubles], stories: Mapping[str, Story], plan: LesionPlan) -> pd.DataFrame:
    """The passages where the surprisal of a word rises most, for each network at the main dose."""
    columns = ["network", "dose", "rank", "story", "onset", "rise", "passage"]
    rows = []
    for network in plan.networks:
        row = plan.row_of(network, plan.main_dose)
        if row is None:
            continue
        rises = {stem: np.nan_to_num(values[row] - values[0]) for stem, values in found.items()}
        spread = float(np.concatenate(list(rises.values())).std()) if rises else 0.0
        if spread == 0:
            continue
        peaks = [
            (one, stem)
            for stem, rise in rises.items()
            for one in excerpts(stories[stem].words.text, rise / spread, N_PASSAGES)
        ]
        peaks.sort(key=lambda pair: -pair[0].value)
        for rank, (one, stem) in enumerate(peaks[:N_PASSAGES], start=1):
            onset = float(stories[stem].words.onset[one.word])
            place = {"network": network, "dose": plan.main_dose, "rank": rank, "story": stem, "onset": onset}
            rows.append({**place, "rise": round(one.value * spread, 4), "passage": one.text})
    return pd.DataFrame(rows, columns=columns)
