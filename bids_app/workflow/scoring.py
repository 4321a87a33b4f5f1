"""Predict held-out responses and test the scores, the same way in every analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bids_app.encoding.ridge.held_out import HeldOut, HeldOutDesign, predict_held_out
from bids_app.settings import Settings
from bids_app.stats.arrays import Fold
from bids_app.stats.correlation import fold_mean_r
from bids_app.stats.permutation import permutation_test
from bids_app.workflow.engine import memory_mb

Floats = npt.NDArray[np.float32]
Predictions = Floats | tuple[Floats, Floats]


def predict(design: HeldOutDesign, data: Floats, settings: Settings) -> HeldOut:
    """Held-out predictions of responses (n_volumes, n_targets)."""
    return predict_held_out(design, data, settings.alphas, device=settings.device, mem_mb=memory_mb(settings))


def score_and_test(
    refit: Callable[[Floats], Predictions],
    predictions: Predictions,
    data: Floats,
    folds: Sequence[Fold],
    settings: Settings,
    content: npt.NDArray[np.int64] | None = None,
) -> tuple[Floats, Floats]:
    """Pearson r averaged over folds, and its p, (n_targets,) each; see `stats.permutation.permutation_test`.

    Of a pair of predictions, the gain of r over that of the second. `refit` gives the predictions of other data;
    `content` says which volumes heard the same.
    """
    pair = predictions if isinstance(predictions, tuple) else (predictions,)
    r, *baseline = (fold_mean_r(one, data, folds) for one in pair)
    p = permutation_test(
        refit,
        predictions,
        data,
        folds,
        content=content,
        n_scores=settings.n_permutations,
        seed=settings.random_seed,
        device=settings.device,
        mem_mb=memory_mb(settings),
    )
    return np.asarray(r - sum(baseline), dtype=np.float32), np.asarray(p, dtype=np.float32)
