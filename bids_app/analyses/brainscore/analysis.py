"""The analysis `brainscore`: how well the model's hidden states predict the brain, beside its noise ceiling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bids_app.analyses.brainscore.options import BrainScoreOptions
from bids_app.analyses.brainscore.outputs import OUTPUTS
from bids_app.analyses.record import Analysis, Answer, Cell, ModelFree, Paragraph, Report, Section, Summary
from bids_app.options import ACTIVATIONS, CEILING, DESIGNS, LAYER, PENALTIES, PERMUTATIONS, RESPONSES

if TYPE_CHECKING:
    from bids_app.analyses.brainscore.options import BrainScoreOptions
    from bids_app.analyses.work import Step, Work
    from bids_app.inputs.models import ModelRun


def _steps(work: Work, model: ModelRun) -> Iterator[Step]:
    from bids_app.analyses.brainscore.participant import DESC, brainscore
    from bids_app.analyses.scoring import score_step

    yield score_step(work, model, NAME, DESC, brainscore)


def _ceiling(work: Work) -> Iterator[Step]:
    from bids_app.analyses.brainscore.participant import ceiling_step

    yield ceiling_step(work)


def _summaries() -> tuple[Summary, ...]:
    from bids_app.analyses.brainscore.group import summarise, summarise_ceiling

    return (
        Summary("brainscore", "r", summarise),
        Summary("noiseceiling|repeatability", "r", summarise_ceiling, keeps=False),
    )


def _methods(settings: BrainScoreOptions) -> Paragraph:
    from bids_app.analyses.brainscore.methods import paragraph

    return paragraph(settings)


def _report() -> Report:
    from bids_app.analyses.brainscore.report import answer, brain_score, layer_cell, score_cell

    heading = "Where does the model predict the brain?"
    sections = (Section(10, "brainscore", heading, brain_score, ("brainscore", "noiseceiling")),)
    cells = (Cell(10, "Brain score, mean r", score_cell), Cell(11, "Best layer", layer_cell))
    titles = {"brainscore": "Brain score"}
    return Report(sections, cells, titles=titles, held_out=("brainscore",), answers=(Answer(10, answer),))


NAME = "brainscore"
ANALYSIS = Analysis(
    name=NAME,
    title="how well hidden states predict held-out responses, and the noise ceiling",
    reads=frozenset({ACTIVATIONS, DESIGNS, RESPONSES, PENALTIES, LAYER, PERMUTATIONS}),
    intermediates={"ceiling": frozenset({RESPONSES, PENALTIES, CEILING})},
    options=BrainScoreOptions,
    outputs=OUTPUTS,
    steps=_steps,
    model_free=(ModelFree("noise ceiling", lambda settings: settings.noise_ceiling == "all", _ceiling),),
    summaries=_summaries,
    methods=_methods,
    report=_report,
)
