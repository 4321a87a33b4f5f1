"""Predict held-out responses and test the scores, the same way in every analysis."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bids_app.analyses.work import Step, Work
from bids_app.analyses.writer import Writer
from bids_app.bids.geometry_base import Geometry
from bids_app.encoding.ridge.held_out import HeldOut, HeldOutDesign, predict_held_out
from bids_app.inputs.atlases import find_atlas, find_regions, write_atlas, write_regions
from bids_app.inputs.designs import Designs
from bids_app.inputs.models import ModelRun
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import memory_mb
from bids_app.settings import Settings, result_settings
from bids_app.stats.arrays import Fold
from bids_app.stats.correlation import fold_mean_r
from bids_app.stats.permutation import permutation_test

log = logging.getLogger("neurons2networks")
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


Score = Callable[[Responses, Designs, Settings, Writer], None]


def score_step(work: Work, model: ModelRun, analysis: str, desc: str, score: Score) -> Step:
    """The only step of an analysis of scores, whose outputs are called `desc`; both atlases are kept for its tables."""

    def compute(writer: Writer) -> None:
        designs = Designs(model, work.responses.listenings, work.sources.stories, work.settings)
        if any(one.name == analysis and one.keeps_atlases for one in work.settings.analyses):
            _write_atlases(work.responses.geometry, work.settings)
        score(work.responses, designs, work.settings, writer)

    return Step(work.completion(desc, model, result_settings(work.settings, analysis), analysis), compute)


def _write_atlases(geometry: Geometry, settings: Settings) -> None:
    """Keep the atlases of networks and regions in OUT_DIR; without one that nobody asked for, say so and go on."""
    try:
        if find_atlas(geometry, settings) is not None:
            write_atlas(geometry, settings)
    except (ValueError, OSError, RuntimeError) as error:
        if settings.network_atlas.is_asked:
            raise
        log.info("no curves per network: %s", error)
    if find_regions(geometry, settings) is not None:
        write_regions(geometry, settings)
