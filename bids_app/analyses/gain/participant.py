"""Brain scores of fine-tuned models for one fit, and their gain over the model of words alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.curves import region_means
from bids_app.analyses.gain.curves import training_columns, with_steps
from bids_app.analyses.gain.options import GainOptions
from bids_app.analyses.scoring import predict, write_atlases
from bids_app.analyses.work import Step, Work
from bids_app.analyses.writer import Writer
from bids_app.bids.alignment import placed
from bids_app.bids.outputs import find_maps
from bids_app.bids.targets import fill
from bids_app.inputs.designs import Designs
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story
from bids_app.inputs.trainings import Training, trainings_of
from bids_app.language.neurons import thirds
from bids_app.machine.budget import step
from bids_app.settings_fields import result_settings
from bids_app.stats.correlation import fold_mean_r

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
NAME, SCORES = "gain", "finetuned"
ACTIVATIONS = ("thirds", "last")  # of the states, and of a word's tokens


def prepare(model: ModelRun, stories: dict[str, Story], settings: GainOptions) -> None:
    """Read all stories with one of the fine-tuned models."""
    if any(model.name == each.name for training in trainings_of(settings) for each in training.models):
        for story in stories.values():
            with step(f"{model.label}: activations for {story.stem}", settings):
                model.activations(story, *ACTIVATIONS)


def gain_steps(work: Work) -> Iterator[Step]:
    """A step for each training; those of words alone come first, because the others are compared with them."""
    for training in trainings_of(work.settings):
        completion = work.completion(SCORES, training, result_settings(work.settings, NAME), NAME)
        yield Step(completion, partial(_write, training, work))


def _write(training: Training, work: Work, writer: Writer) -> None:
    responses, settings = work.responses, work.settings
    write_atlases(responses.geometry, settings)
    scores = _scores(training, work)
    maps = np.concatenate([scores.mean(axis=0, dtype=np.float64, keepdims=True).astype(np.float32), scores])
    names = ["mean", *(f"step-{number}" for number in training.steps)]
    fields = {"Alpha": training.alpha, "Control": training.control, "Steps": training.steps}
    fields["Layers"] = thirds(training.checkpoints[0].n_layers)
    perplexity = [checkpoint.perplexity for checkpoint in training.checkpoints]
    rows = [
        with_steps(training.steps, perplexity).assign(atlas=atlas, region=region, r=means)
        for atlas, region, means in region_means(maps, responses, settings)
    ]
    writer.table(SCORES, pd.concat(rows).assign(**training_columns(training.alpha, training.control)))
    if training.baseline is not None:
        _write_gain(maps[0] - _baseline(training.baseline, work, writer), training, work, writer, fields)
    writer.maps(SCORES, "r", fill(maps, responses.valid), names, Perplexity=perplexity, **fields)


def _scores(training: Training, work: Work) -> Floats:
    """Brain score of each checkpoint, (n_checkpoints, n_valid)."""
    responses, settings = work.responses, work.settings
    scores = []
    for checkpoint, model in zip(training.checkpoints, training.models, strict=True):
        designs = Designs(model, responses.timings, work.sources.stories, settings)
        with step(f"{training.label}: brain score after {checkpoint.step} steps", settings):
            found = predict(designs.thirds(), responses.data, settings)
        scores.append(fold_mean_r(found.predictions, responses.data, found.folds))
        model.unload()
    return np.stack(scores).astype(np.float32)


def _baseline(baseline: Training, work: Work, writer: Writer) -> Floats:
    """Mean score (n_valid,) of the model of words alone over the same steps, from its maps in OUT_DIR.

    Raises ValueError if these maps lack a step or the targets of these data.
    """
    wanted = {**writer.entities, **work.responses.geometry.space_entities(), "model": baseline.label}
    wanted |= {"stat": "r", "desc": SCORES}
    for output in find_maps(work.settings.out_dir, SCORES, "r", sub=wanted["sub"], model=baseline.label):
        if {key: value for key, value in output.entities.items() if key != "hemi"} == wanted:
            values, geometry = output.load()
            names = output.sidecar.get("Maps")
            steps = [f"step-{number}" for number in baseline.steps]
            maps = placed(values, geometry, work.responses.geometry)
            if maps is not None and isinstance(names, list) and set(steps) <= set(names):
                of_steps = maps[[names.index(name) for name in steps]][:, work.responses.valid]
                return np.asarray(of_steps.mean(axis=0, dtype=np.float64).astype(np.float32))
    raise ValueError(
        f"{work.fit.name}: no scores of {baseline.label} after steps {', '.join(map(str, baseline.steps))} in "
        f"{work.settings.out_dir}: remove its outputs and run again"
    )


def _write_gain(gain: Floats, training: Training, work: Work, writer: Writer, fields: dict[str, object]) -> None:
    rows = [
        {"atlas": atlas, "region": region, "r": mean}
        for atlas, region, (mean,) in region_means(gain[None], work.responses, work.settings)
    ]
    writer.table(NAME, pd.DataFrame(rows).assign(**training_columns(training.alpha, training.control)))
    writer.maps(NAME, "r", fill(gain, work.responses.valid), ["gain"], **fields)
