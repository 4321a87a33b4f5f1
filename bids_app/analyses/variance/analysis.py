"""The analysis `variance`: unique variance of present, future and past words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bids_app.analyses.record import Analysis, Paragraph, Report, Section, Summary
from bids_app.analyses.variance.options import VarianceOptions
from bids_app.analyses.variance.outputs import OUTPUTS
from bids_app.options import ACTIVATIONS, DESIGNS, LAYER, PENALTIES, RESPONSES, WINDOWS

if TYPE_CHECKING:
    from bids_app.analyses.variance.options import VarianceOptions
    from bids_app.analyses.work import Step, Work
    from bids_app.inputs.models import ModelRun
    from bids_app.settings import Settings


def _steps(work: Work, model: ModelRun) -> Iterator[Step]:
    from bids_app.analyses.scoring import score_step
    from bids_app.analyses.variance.participant import DESC, variance

    yield score_step(work, model, NAME, DESC, variance)


def _summaries() -> tuple[Summary, ...]:
    from bids_app.analyses.variance.group import summarise_variance

    return (Summary("variance", "r2", summarise_variance),)


def _methods(settings: VarianceOptions) -> Paragraph:
    from bids_app.analyses.variance.methods import paragraph

    return paragraph(settings)


def _report() -> Report:
    from bids_app.analyses.variance.report import unique_variance

    heading = "What do past, present and coming words explain uniquely?"
    return Report((Section(50, "variance", heading, unique_variance, ("variance",)),))


def _problems(settings: Settings) -> Iterator[str]:
    if NAME in settings.analysis and settings.tested_distance == 0:
        yield (
            "tested_distance = 0 cannot go with the analysis variance, where it would be future and past in one; give "
            "another number of words, such as 8"
        )


NAME = "variance"
ANALYSIS = Analysis(
    name=NAME,
    title="what present, future and past words each explain uniquely",
    reads=frozenset({ACTIVATIONS, DESIGNS, RESPONSES, PENALTIES, LAYER, WINDOWS}),
    options=VarianceOptions,
    outputs=OUTPUTS,
    steps=_steps,
    summaries=_summaries,
    methods=_methods,
    report=_report,
    problems=_problems,
    distances=lambda settings: (settings.tested_distance, -settings.tested_distance),
    keeps_atlases=True,
)
