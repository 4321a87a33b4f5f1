"""The stimulus level: activations of every model for every story, and analysis steps that need no BOLD."""

from __future__ import annotations

import logging

from bids_app.inputs.models import ModelRun, model_runs
from bids_app.inputs.one_pass import read_once
from bids_app.inputs.sources import open_sources
from bids_app.inputs.timing import Story
from bids_app.inputs.units import UnitReader
from bids_app.machine.budget import step
from bids_app.settings import Settings

log = logging.getLogger("neurons2networks")


def run_stimulus(settings: Settings, name: str, model: str | None = None) -> None:
    """Prepare the artefacts shared by all participants, for one or all models, unless they exist."""
    stories = open_sources(settings).stories
    log.info("%s: stories %s", name, ", ".join(stories))
    for model_run in model_runs(settings):
        if model in (None, model_run.label):
            _prepare(model_run, stories, settings)
            model_run.unload()  # the next model may need the memory


def _prepare(model: ModelRun, stories: dict[str, Story], settings: Settings) -> None:
    predicts = any(each.surprisal(settings) for each in settings.analyses)
    requests, units = [each.activations(settings) for each in settings.analyses], UnitReader(model, settings)
    for story in stories.values():
        read_once(model, story, requests, surprisal=predicts, units=units)
    for kind, subtoken in dict.fromkeys(
        each.activations(settings) for each in settings.analyses if each.prepare is None
    ):
        for story in stories.values():
            with step(f"{model.label}: {kind} activations for {story.stem}", settings):
                model.activations(story, kind, subtoken)
    for analysis in settings.analyses:
        if analysis.prepare is not None:
            analysis.prepare(model, stories, settings)
