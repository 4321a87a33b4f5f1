"""Score held-out predictions and test the scores, the same way in every analysis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bids_app.encoding.folds import Fold
from bids_app.encoding.permutation import shift_test
from bids_app.encoding.scores import fold_mean_r
from bids_app.settings import Settings

Floats = npt.NDArray[np.float32]


def score_and_test(
    predictions: Floats, data: Floats, folds: Sequence[Fold], settings: Settings
) -> tuple[Floats, Floats]:
    """Pearson r averaged over folds, and its p by circular shifts inside the test folds; (n_targets,) each."""
    r = fold_mean_r(predictions, data, folds)
    p = shift_test(predictions, data, folds, n_permutations=settings.n_permutations, seed=settings.random_seed)
    return np.asarray(r, dtype=np.float32), np.asarray(p, dtype=np.float32)
