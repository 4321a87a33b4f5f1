"""The analysis `gain`: what training a model to forecast its own states adds to its brain score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bids_app.analyses.gain.options import GainOptions
from bids_app.analyses.gain.outputs import OUTPUTS
from bids_app.analyses.record import Analysis, Cell, ModelFree, Paragraph, Report, Section, Summary
from bids_app.options import ACTIVATIONS, ATLAS, DESIGNS, PENALTIES, REGIONS, RESPONSES

if TYPE_CHECKING:
    from bids_app.analyses.work import Step, Work
    from bids_app.inputs.models import ModelRun
    from bids_app.inputs.timing import Story
    from bids_app.settings import Settings


def _steps(*_: object) -> Iterator[Step]:
    return iter(())  # of several models together


def _together(work: Work) -> Iterator[Step]:
    from bids_app.analyses.gain.participant import gain_steps

    return gain_steps(work)


def _prepare(model: ModelRun, stories: dict[str, Story], settings: GainOptions) -> None:
    from bids_app.analyses.gain.participant import prepare

    prepare(model, stories, settings)


def _summaries() -> tuple[Summary, ...]:
    from bids_app.analyses.gain.group import summarise_gain, summarise_scores

    return (Summary("finetuned", "r", summarise_scores), Summary("gain", "r", summarise_gain))


def _methods(settings: GainOptions) -> Paragraph:
    from bids_app.analyses.gain.methods import paragraph

    return paragraph(settings)


def _report() -> Report:
    from bids_app.analyses.gain.report import gain_cell, gain_map, gain_models

    heading = "Does training to forecast bring the model closer to the brain?"
    sections = (Section(60, "gain", heading, gain_map, ("gain", "finetuned"), models=gain_models),)
    return Report(sections, (Cell(60, "Gain over α = 0", gain_cell),), titles={"gain": "Gain"})


def _problems(settings: Settings) -> Iterator[str]:
    if NAME not in settings.analysis or settings.level == "group":
        return
    from bids_app.inputs.trainings import trainings_of

    try:
        trainings_of(settings)
    except (ValueError, OSError) as error:
        yield str(error)


NAME = "gain"
ANALYSIS = Analysis(
    name=NAME,
    title="what training to forecast adds to the brain score (models of n2n finetune)",
    reads=frozenset({ACTIVATIONS, DESIGNS, RESPONSES, PENALTIES, ATLAS, REGIONS}),
    outputs=OUTPUTS,
    steps=_steps,
    model_free=(ModelFree(NAME, lambda _: True, _together, is_result=True),),
    prepare=_prepare,
    activations=lambda _: ("thirds", "last"),
    summaries=_summaries,
    methods=_methods,
    report=_report,
    options=GainOptions,
    problems=_problems,
    keeps_atlases=True,
)
