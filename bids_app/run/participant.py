"""The computations for one participant, in order."""

from __future__ import annotations

from collections.abc import Iterator

from bids_app.analyses.work import Work
from bids_app.inputs.fits import fits_of, runs_left_out
from bids_app.inputs.models import model_runs
from bids_app.inputs.sources import Sources, open_sources
from bids_app.run.left_out import note_left_out
from bids_app.settings import Settings


def run_participant(settings: Settings, name: str, fit_name: str | None = None, label: str | None = None) -> None:
    """Compute missing results of one participant, whose job is called `sub-001`.

    `fit_name` limits this to one fit, `label` to one model (by its label) or to one step that needs no model.
    """
    sources = open_sources(settings)
    fits = fits_of(sources, name.removeprefix("sub-"))
    analysed = [run.label for fit in fits for run in fit.runs]
    note_left_out(settings.out_dir, name, runs_left_out(sources, name.removeprefix("sub-")), analysed)
    for fit in fits:
        if fit_name in (None, fit.name):
            _compute(Work(sources, fit), label)


def unfinished(sources: Sources, participant: str) -> list[str]:
    """Missing results of a participant, one line each, without reading data; the noise ceiling is not listed.

    Raises OtherSettingsError if there are outputs of other settings.
    """
    return [line for fit in fits_of(sources, participant) for line in _missing(Work(sources, fit))]


def _compute(work: Work, label: str | None) -> None:
    work.mend_atlases()
    for model in model_runs(work.settings):
        if label in (None, model.label):
            for analysis in work.settings.analyses:
                for step in analysis.steps(work, model):
                    work.do(step)
            model.unload()
    for analysis in work.settings.analyses:
        for extra in analysis.model_free:
            if label in (None, extra.name) and extra.asked(work.settings):
                for step in extra.steps(work):
                    work.do(step)


def _missing(work: Work) -> Iterator[str]:
    """One line for each missing analysis."""
    for model in model_runs(work.settings):
        for analysis in work.settings.analyses:
            if not all(step.completion.is_done(fast=True) for step in analysis.steps(work, model)):
                yield f"{work.fit.name}: {analysis.name} of {model.label}"
    for analysis in work.settings.analyses:
        for extra in analysis.model_free:
            if extra.is_result and not all(step.completion.is_done(fast=True) for step in extra.steps(work)):
                yield f"{work.fit.name}: {extra.name}"
