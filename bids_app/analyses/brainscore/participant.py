"""Brain scores of one fit: how well a layer's hidden states predict held-out responses, beside the noise ceiling."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bids_app.analyses.brainscore.ceiling import StoryMeans
from bids_app.analyses.brainscore.options import BrainScoreOptions
from bids_app.analyses.scoring import BrainScores, predict, score_brain, write_tests
from bids_app.analyses.work import Step, Work
from bids_app.analyses.writer import Writer
from bids_app.bids.targets import fill
from bids_app.encoding.ceiling import noise_ceiling, repeatability
from bids_app.encoding.design.folds import content_folds, within
from bids_app.encoding.ridge.held_out import HeldOutDesign
from bids_app.inputs.designs import Designs
from bids_app.inputs.files_read import data_of_others
from bids_app.inputs.parcels import find_parcels
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import step
from bids_app.settings_fields import result_settings

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
DESC = "brainscore"
FEWEST_REPEATED = 100  # volumes; with fewer, the standard error of the shared variance is above 0.1


def brainscore(responses: Responses, designs: Designs, settings: BrainScoreOptions, writer: Writer) -> None:
    """Score the chosen layers; write r, p, q of targets and of parcels, the penalty, and the best of several layers."""
    layers = settings.layers.chosen(designs.n_layers)
    parcels = find_parcels(responses, settings)
    scores, alphas = [], []
    for layer in layers:
        with step(f"{designs.model.label}: brain score of layer {layer}", settings):
            of_layer, alpha = _score(designs.present(layer), responses, settings, parcels)
        scores.append(of_layer)
        alphas.append(alpha)
    names, extra = [f"layer-{layer:02d}" for layer in layers], {"Layers": layers}
    r, alpha = (fill(np.stack(values), responses.valid) for values in ([one.r for one in scores], alphas))
    write_tests(writer, DESC, scores, responses.valid, names, **extra)
    writer.maps(DESC, "alpha", alpha, names, **extra)
    if len(layers) > 1:
        best = np.asarray(layers, dtype=np.float32)[np.argmax(np.nan_to_num(r, nan=-np.inf), axis=0)]
        best[~responses.valid] = np.nan
        writer.maps(DESC, "layer", best[None], ["best-layer"], **extra)
    writer.maps(DESC, "r", r, names, **extra)


def _score(
    design: HeldOutDesign, responses: Responses, settings: BrainScoreOptions, parcels: Integers | None
) -> tuple[BrainScores, Floats]:
    """Scores, and the penalty of each target (n_valid,)."""
    found = predict(design, responses.data, settings)
    scores = score_brain(
        lambda data: predict(design, data, settings).predictions,
        found.predictions,
        responses,
        found.folds,
        settings,
        parcels,
    )
    return scores, found.alpha


def ceiling_step(work: Work) -> Step:
    """The noise ceiling of a fit, beside its models."""
    others = data_of_others(work.fit, work.sources)

    def compute(writer: Writer) -> None:
        write_ceiling(work.runs, work.responses, StoryMeans(work.fit, work.sources), work.settings, writer)
        write_repeatability(work.runs, work.settings, writer)

    return Step(
        work.completion("noiseceiling", None, result_settings(work.settings, "ceiling"), others=others), compute
    )


def write_ceiling(
    runs: Responses, fitted: Responses, means: StoryMeans, settings: BrainScoreOptions, writer: Writer
) -> None:
    """Write the noise ceiling: the score of the mean response of the others who heard the same stories.

    `fitted` is what models are scored on, the runs or means of them. Where there can be no ceiling, a line says why,
    and nothing is written.
    """
    content = np.arange(len(fitted.data)) if fitted.content is None else fitted.content
    try:
        others = means.others(runs)
        rows, mean = _on_fitted(others.data, fitted.rows_of_runs[others.rows])
        folds = within(content_folds(content, settings.folds, settings.purge), rows)
    except ValueError as error:
        log.info("%s: no noise ceiling: %s", means.fit.name, error)
        return
    own = fitted.data[rows]
    with step("noise ceiling", settings):
        targets = np.flatnonzero(np.isfinite(mean).all(axis=0))
        r = np.full(mean.shape[1], np.nan, dtype=np.float32)
        r[targets] = noise_ceiling(mean[:, targets], own[:, targets], folds, alphas=settings.alphas)
    extra = {
        "Others": list(others.participants),
        "OthersAtMost": others.n_others,
        "Volumes": len(fitted.data),
        "VolumesWithOthers": len(rows),
    }
    writer.maps("noiseceiling", "r", fill(r, fitted.valid), ["ceiling"], **extra)


def write_repeatability(runs: Responses, settings: BrainScoreOptions, writer: Writer) -> None:
    """Write the ceiling within the participant; a line says why where too little was heard more than once."""
    if runs.content is None:
        return
    found = repeatability(runs.data, runs.content)
    if found.n_volumes < FEWEST_REPEATED:
        log.info(
            "no ceiling within the participant: %d volumes were heard more than once, and at least %d are needed",
            found.n_volumes,
            FEWEST_REPEATED,
        )
        return
    of_means = settings.repeats == "average"
    extra = {"VolumesRepeated": found.n_volumes, "Presentations": found.n_presentations}
    values = fill(found.ceiling(of_means=of_means)[None], runs.valid)
    writer.maps("repeatability", "r", values, ["averaged" if of_means else "single"], **extra)


def _on_fitted(data: Floats, rows: Integers) -> tuple[Integers, Floats]:
    """The different ones of `rows` (n,), ascending, and on each the mean of its `data` (n, n_targets), NaN left out."""
    different, place = np.unique(rows, return_inverse=True)
    if len(different) == len(rows):
        return different, data[np.argsort(place)]
    together = sparse.csr_array((np.ones(len(rows), dtype=np.float32), (place, np.arange(len(rows)))))
    there = np.isfinite(data)
    with np.errstate(invalid="ignore"):
        return different, np.asarray((together @ np.where(there, data, 0)) / (together @ there.astype(np.float32)))
