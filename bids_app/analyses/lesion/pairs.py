"""Minimal pairs under lesions: in how many pairs the better sentence is the more probable one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.lesion.plan import LesionPlan
from bids_app.analyses.lesion.readings import LesionJob, reader_of
from bids_app.analyses.lesion.tables import against
from bids_app.bids.minimal_pairs import MinimalPair
from bids_app.language.lesioned import LesionReader
from bids_app.language.surprisal import sentences

Doubles = npt.NDArray[np.float64]
_AT_ONCE = 16


def read_pairs(job: LesionJob, pairs: Sequence[MinimalPair]) -> Doubles:
    """Whether the better sentence is the more probable one, (n_lesions, n_pairs); NaN for lesions that are not read.

    These are draws of controls at other doses than the main one, which are many.
    """
    texts = [text for pair in pairs for text in (pair.good, pair.bad)]
    story = job.stories[job.dictionary.stems[0]]
    projections = [np.zeros((n_units, 0), dtype=np.float32) for n_units in job.source(story).units]
    of_story: LesionReader = reader_of(job, story, projections)
    tokens, windows = sentences(of_story.language_model, texts)
    reader = of_story.reading(tokens, windows)
    better = np.full((len(job.plan.lesions), len(pairs)), np.nan)
    sets, rows = [job.neurons.by_layer(each.neurons) for each in job.plan.lesions], _read_rows(job.plan)
    for first in range(0, len(rows), _AT_ONCE):
        batch = rows[first : first + _AT_ONCE]
        nats = reader.read([sets[row] for row in batch]).surprisal
        assert nats is not None
        better[batch] = nats[:, ::2] < nats[:, 1::2]
    return better


def _read_rows(plan: LesionPlan) -> list[int]:
    draws = [row for row, each in enumerate(plan.lesions) if each.draw and each.dose == plan.main_dose]
    return [0, *plan.subgroups, *draws]


def pair_table(better: Doubles, pairs: Sequence[MinimalPair], plan: LesionPlan) -> pd.DataFrame:
    """Accuracy of each category, one row per network, dose and control; `all` for all pairs."""
    categories = {"all": np.ones(len(pairs), dtype=bool)}
    for name in dict.fromkeys(pair.category for pair in pairs):
        categories[name] = np.array([pair.category == name for pair in pairs])
    rows = []
    for row in plan.subgroups:
        lesion = plan.lesions[row]
        for name, where in categories.items():
            accuracy = better[:, where].mean(axis=1)
            loss = accuracy[0] - accuracy
            shared = {"network": lesion.network, "dose": lesion.dose, "category": name, "pairs": int(where.sum())}
            shared |= {"intact": accuracy[0], "lesioned": accuracy[row], "loss": loss[row]}
            for control in plan.controls:
                draws = loss[plan.rows(control, lesion.network, lesion.dose)]
                rows.append({**shared, "control": control, **against(loss[row], draws[np.isfinite(draws)])})
    return pd.DataFrame(rows)
