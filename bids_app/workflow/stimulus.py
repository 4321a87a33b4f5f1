"""The level that needs no brain: activations of every model for every story, and the dictionaries."""

from __future__ import annotations

import logging

from bids_app.settings import Settings
from bids_app.workflow.dictionaries import get_dictionary, scopes, write_dictionary
from bids_app.workflow.engine import step
from bids_app.workflow.models import model_runs
from bids_app.workflow.sources import open_sources

log = logging.getLogger("neurons2networks")


def run_stimulus(settings: Settings, name: str) -> None:
    """Prepare what all participants share. What is there already is not made again."""
    stories = open_sources(settings).stories
    log.info("%s: stories %s", name, ", ".join(stories))
    for model in model_runs(settings):
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
