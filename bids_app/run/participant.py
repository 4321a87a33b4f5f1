"""What is computed for one participant, in order."""

from __future__ import annotations

from collections.abc import Iterator

from bids_app.analyses.work import Work
from bids_app.inputs.fits import fits_of
from bids_app.inputs.models import model_runs
from bids_app.inputs.sources import Sources, open_sources
from bids_app.settings import Settings


def run_participant(settings: Settings, name: str, unit: str | None = None, part: str | None = None) -> None:
    """Compute what is missing for one participant, whose job is called `sub-001`.

    All of it, or for one unit, by its name, what one model has to say, or what needs no model.
    """
    sources = open_sources(settings)
    for one in fits_of(sources, name.removeprefix("sub-")):
        if unit in (None, one.name):
            _compute(Work(sources, one), part)


def unfinished(sources: Sources, participant: str) -> list[str]:
    """What is missing of a participant, one line each, without reading any data; what needs no model is not counted.

    Raises OtherSettingsError where outputs of other settings are in the way.
    """
    return [line for unit in fits_of(sources, participant) for line in _missing(Work(sources, unit))]


def _compute(work: Work, part: str | None) -> None:
    work.mend_atlases()
    for model in model_runs(work.settings):
        if part in (None, model.label):
            for analysis in work.settings.analyses:
                for step in analysis.steps(work, model):
                    work.do(step)
            model.unload()
    for analysis in work.settings.analyses:
        for one in analysis.alone:
            if part in (None, one.name) and one.asked(work.settings):
                for step in one.steps(work):
                    work.do(step)


def _missing(work: Work) -> Iterator[str]:
    """One line for each analysis that is not there."""
    for model in model_runs(work.settings):
        for analysis in work.settings.analyses:
            if not all(step.completion.is_done(fast=True) for step in analysis.steps(work, model)):
                yield f"{work.unit.name}: {analysis.name} of {model.label}"
