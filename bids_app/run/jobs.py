"""The jobs of a run: stories and participants, each as one job or split into concurrent ones.

Jobs import their code when they run, because torch takes seconds and a plan does without it.
"""

from __future__ import annotations

from functools import partial

from bids_app.bids.errors import DatasetError
from bids_app.engines.jobs import Job
from bids_app.inputs.fits import fits_of
from bids_app.inputs.models import model_runs
from bids_app.inputs.sources import Sources
from bids_app.settings import Settings


def stimulus_jobs(settings: Settings, split: bool) -> list[Job]:
    """One job or, with `split`, one for each model."""
    if not split:
        return [Job("stimulus", _stimulus)]
    labels = [model.label for model in model_runs(settings)]
    return [Job("stimulus", partial(_stimulus, model=label), label) for label in labels]


def participant_jobs(sources: Sources, participant: str, split: bool) -> list[Job]:
    """One job or, with `split`, as many as can run concurrently.

    That is one for each fit (a task, or all tasks pooled) and model, and one for each step without a model, such as
    the noise ceiling.
    """
    name, settings = f"sub-{participant}", sources.settings
    whole = [Job(name, _participant)]
    if not split:
        return whole
    try:
        fits = fits_of(sources, participant)
    except (DatasetError, OSError):
        return whole  # the job reports the same error, and only it fails
    return [
        Job(
            name,
            partial(_participant, fit_name=fit.name, label=label),
            f"{fit.name.removeprefix(name)} {label}".strip(),
        )
        for fit in fits
        for label in _labels_of(settings)
    ]


def _labels_of(settings: Settings) -> list[str]:
    """Labels of the concurrent pieces of a fit: each model, and each step without a model."""
    model_free = [step.name for analysis in settings.analyses for step in analysis.model_free if step.asked(settings)]
    return [model.label for model in model_runs(settings)] + model_free


def _stimulus(settings: Settings, name: str, model: str | None = None) -> None:
    from bids_app.run.stimulus import run_stimulus

    run_stimulus(settings, name, model)


def _participant(settings: Settings, name: str, fit_name: str | None = None, label: str | None = None) -> None:
    from bids_app.run.participant import run_participant

    run_participant(settings, name, fit_name, label)
