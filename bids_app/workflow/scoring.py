"""Score held-out predictions and test the scores, the same way in every analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bids_app.encoding.folds import Fold
from bids_app.encoding.permutation import permutation_test
from bids_app.encoding.scores import fold_mean_r
from bids_app.settings import Settings
from bids_app.workflow.engine import memory_mb

Floats = npt.NDArray[np.float32]


def score_and_test(
    predict: Callable[[Floats], Floats], predictions: Floats, data: Floats, folds: Sequence[Fold], settings: Settings
) -> tuple[Floats, Floats]:
    """Pearson r averaged over folds, and its p, (n_targets,) each; see `encoding.permutation.permutation_test`."""
    r = fold_mean_r(predictions, data, folds)
    p = permutation_test(
        predict,
        predictions,
        data,
        folds,
        n_scores=settings.n_permutations,
        seed=settings.random_seed,
        device=settings.device,
        mem_mb=memory_mb(settings),
    )
    return np.asarray(r, dtype=np.float32), np.asarray(p, dtype=np.float32)
