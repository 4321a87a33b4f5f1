"""The level that needs no brain: activations of every model for every story, and the dictionaries."""

from __future__ import annotations

import logging

from bids_app.analyses.networks.dictionary import get_dictionary, scopes, write_dictionary
from bids_app.inputs.models import ModelRun, model_runs
from bids_app.inputs.sources import open_sources
from bids_app.inputs.timing import Story
from bids_app.machine.budget import step
from bids_app.settings import Settings

log = logging.getLogger("neurons2networks")


def run_stimulus(settings: Settings, name: str, model: str | None = None) -> None:
    """Prepare what all participants share, of one model or of all. What is there already is not made again."""
    stories = open_sources(settings).stories
    log.info("%s: stories %s", name, ", ".join(stories))
    for one in model_runs(settings):
        if model in (None, one.label):
            _prepare(one, stories, settings)
            one.unload()  # the next one may need the room


def _prepare(model: ModelRun, stories: dict[str, Story], settings: Settings) -> None:
    if "brainscore" in settings.analysis:
        for story in stories.values():
            with step(f"{model.label}: hidden states for {story.stem}", settings):
                model.activations(story, "residual", "last")
    if "networks" in settings.analysis:
        for n_atoms in settings.atoms:
            for stems in scopes(settings, stories):
                with step(f"{model.label}: dictionary of {n_atoms} atoms", settings):
                    dictionary = get_dictionary(model, stems, n_atoms, stories, settings)
                write_dictionary(dictionary, model, stories, settings)
