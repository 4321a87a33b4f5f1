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
from bids_app.language.surprisal import copies_of, sentences

Doubles = npt.NDArray[np.float64]
_AT_ONCE = 16


def read_pairs(job: LesionJob, pairs: Sequence[MinimalPair]) -> Doubles:
    """Whether the better sentence is the more probable one, (n_lesions, n_pairs).

    Of masked models the pseudo-log-likelihood counts: each token is masked in turn.
    """
    texts = [text for pair in pairs for text in (pair.good, pair.bad)]
    story = job.stories[job.dictionary.stems[0]]
    projections = [np.zeros((n_units, 0), dtype=np.float32) for n_units in job.source(story).units]
    of_story: LesionReader = reader_of(job, story, projections)
    tokens, windows = sentences(of_story.language_model, texts)
    reader, copies = of_story.reading(tokens, windows), copies_of(windows)
    sets, better = job.sets(), []
    for first in range(0, len(sets), _AT_ONCE):
        batch = sets[first : first + _AT_ONCE]
        nats = reader.read_masked(batch, copies) if job.is_masked else reader.read(batch).surprisal
        assert nats is not None
        better.append(nats[:, ::2] < nats[:, 1::2])
    return np.concatenate(better).astype(np.float64)[job.plan.reading_of]


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
                rows.append({**shared, "control": control, **against(loss[row], draws)})
    return pd.DataFrame(rows)
