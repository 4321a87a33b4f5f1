"""Predict held-out responses and test the scores, in the same way for all analyses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.analyses.work import Step, Work
from bids_app.analyses.writer import Writer
from bids_app.bids.catalogue import parcels_desc
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.targets import fill
from bids_app.encoding.ridge.held_out import HeldOut, HeldOutDesign, predict_held_out
from bids_app.inputs.atlases import find_atlas, find_regions, write_atlas, write_regions
from bids_app.inputs.designs import Designs
from bids_app.inputs.models import ModelRun
from bids_app.inputs.parcels import mean_responses
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import memory_mb
from bids_app.settings import Settings
from bids_app.settings_fields import result_settings
from bids_app.shared_options.inputs import AtlasOptions
from bids_app.shared_options.scores import ScoreOptions
from bids_app.stats.arrays import Fold
from bids_app.stats.correlation import fold_r, over_folds
from bids_app.stats.fdr import fdr
from bids_app.stats.hierarchical import hierarchical_fdr
from bids_app.stats.permutation import PermutationNull

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
Predictions = Floats | tuple[Floats, Floats]


def predict(design: HeldOutDesign, data: Floats, settings: ScoreOptions) -> HeldOut:
    """Held-out predictions of responses (n_volumes, n_targets)."""
    return predict_held_out(design, data, settings.alphas, device=settings.device, mem_mb=memory_mb(settings))


@dataclass(frozen=True)
class BrainScores:
    """Scores of all targets and their test.

    Attributes
    ----------
    r, p, q : (n_targets,)
    of_parcels : r, p and q of the mean response of each target's parcel, (3, n_targets); None without parcels
    n_parcels : how many there are
    of_folds : r of each fold, (n_folds, n_targets), of each of the predictions
    """

    r: Floats
    p: Floats
    q: Floats
    of_parcels: Floats | None = None
    n_parcels: int = 0
    of_folds: tuple[Floats, ...] = ()

    @property
    def fields(self) -> dict[str, object]:
        """Fields for sidecars: the number of parcels, where there are any."""
        return {"Parcels": self.n_parcels} if self.n_parcels else {}


def score_brain(
    refit: Callable[[Floats], Predictions],
    predictions: Predictions,
    responses: Responses,
    folds: Sequence[Fold],
    settings: ScoreOptions,
    parcels: npt.NDArray[np.int64] | None,
) -> BrainScores:
    """Pearson r averaged over folds, its p (see `stats.permutation`), and q over the brain.

    For a pair of predictions, the gain in r of the first over the second. `refit` returns the predictions of other
    data.

    With `parcels` (n_valid,), see `inputs.parcels`, mean responses of these are scored first, against the same null,
    and q is that of targets inside parcels (`stats.hierarchical`); without, targets are corrected all at once.
    """
    null = _null(refit, responses.data, folds, settings, responses.content)
    r, p, of_folds = _tested(null, predictions, responses.data, folds)
    if parcels is None:
        return BrainScores(r, p, fdr(p).astype(np.float32), of_folds=of_folds)
    means = mean_responses(responses, parcels)
    r_parcel, p_parcel, _ = _tested(null, refit(means), means, folds)
    q = hierarchical_fdr(p, parcels, p_parcel).astype(np.float32)
    of_parcels = np.stack([r_parcel, p_parcel, fdr(p_parcel).astype(np.float32)])[:, parcels]
    return BrainScores(r, p, q, of_parcels, means.shape[1], of_folds)


def write_tests(
    writer: Writer,
    desc: str,
    scores: Sequence[BrainScores],
    valid: npt.NDArray[np.bool_],
    names: Sequence[str] | None = None,
    **fields: object,
) -> None:
    """Write p and q, one map for each of `scores`, and before them r, p and q of their parcels where there are any.

    Maps are called by the statistic where there are no `names`.
    """
    fields = {**fields, **scores[0].fields}
    of_parcels = [one.of_parcels for one in scores if one.of_parcels is not None]
    if of_parcels:
        for stat, values in zip("rpq", np.stack(of_parcels, axis=1), strict=True):
            writer.maps(parcels_desc(desc), stat, fill(values, valid), names, **fields)
    writer.maps(desc, "p", fill(np.stack([one.p for one in scores]), valid), names, **fields)
    writer.maps(desc, "q", fill(np.stack([one.q for one in scores]), valid), names, **fields)


def _null(
    refit: Callable[[Floats], Predictions],
    data: Floats,
    folds: Sequence[Fold],
    settings: ScoreOptions,
    content: npt.NDArray[np.int64] | None,
) -> PermutationNull:
    return PermutationNull.draw(
        refit,
        data,
        folds,
        content=content,
        n_scores=settings.n_permutations,
        seed=settings.random_seed,
        device=settings.device,
        mem_mb=memory_mb(settings),
    )


def _tested(
    null: PermutationNull, predictions: Predictions, data: Floats, folds: Sequence[Fold]
) -> tuple[Floats, Floats, tuple[Floats, ...]]:
    """The score, its p, and r of each fold of each of the predictions."""
    pair = predictions if isinstance(predictions, tuple) else (predictions,)
    of_folds = tuple(fold_r(one, data, folds) for one in pair)
    r, *baseline = map(over_folds, of_folds)
    p = null.test(predictions, data)
    return np.asarray(r - sum(baseline), dtype=np.float32), np.asarray(p, dtype=np.float32), of_folds


Score = Callable[[Responses, Designs, Settings, Writer], None]


def score_step(work: Work, model: ModelRun, analysis: str, desc: str, score: Score, **inputs: Any) -> Step:
    """A step of an analysis of scores, with outputs `desc`; both atlases are stored for its tables.

    `inputs` are further ones, see `inputs.files_read.inputs_of`.
    """

    def compute(writer: Writer) -> None:
        designs = Designs(model, work.responses.timings, work.sources.stories, work.settings)
        if any(chosen.name == analysis and chosen.keeps_atlases for chosen in work.settings.analyses):
            write_atlases(work.responses.geometry, work.settings)
        score(work.responses, designs, work.settings, writer)

    return Step(work.completion(desc, model, result_settings(work.settings, analysis), analysis, **inputs), compute)


def write_atlases(geometry: Geometry, settings: AtlasOptions) -> None:
    """Store the atlases of networks and regions in OUT_DIR; if a default atlas is missing, log it and go on."""
    try:
        if find_atlas(geometry, settings) is not None:
            write_atlas(geometry, settings)
    except (ValueError, OSError, RuntimeError) as error:
        if settings.network_atlas.is_asked:
            raise
        log.info("no curves per network: %s", error)
    if find_regions(geometry, settings) is not None:
        write_regions(geometry, settings)
