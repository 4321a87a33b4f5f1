"""The analysis `depth`: the layer whose words ahead add most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bids_app.analyses.depth.options import DepthOptions
from bids_app.analyses.depth.outputs import OUTPUTS
from bids_app.analyses.record import Analysis, Cell, Paragraph, Report, Section, Summary
from bids_app.options import ACTIVATIONS, ATLAS, DESIGNS, PENALTIES, REGIONS, RESPONSES, WINDOWS

if TYPE_CHECKING:
    from bids_app.analyses.work import Step, Work
    from bids_app.inputs.models import ModelRun


def _steps(work: Work, model: ModelRun) -> Iterator[Step]:
    from bids_app.analyses.depth.participant import DESC, depth
    from bids_app.analyses.scoring import score_step

    yield score_step(work, model, NAME, DESC, depth)


def _summaries() -> tuple[Summary, ...]:
    from bids_app.analyses.depth.group import summarise_depth

    return (Summary("forecastdepth", "r", summarise_depth),)


def _methods(settings: DepthOptions) -> Paragraph:
    from bids_app.analyses.depth.methods import paragraph

    return paragraph(settings)


def _report() -> Report:
    from bids_app.analyses.depth.report import depth_cell, depth_map, depth_models

    heading = "How deep in the model do the forecasts lie?"
    outputs = ("forecastdepth", "forecastdepthpeak")
    sections = (Section(40, "depth", heading, depth_map, outputs, models=depth_models),)
    return Report(sections, (Cell(40, "Depth k*", depth_cell),), titles={"forecastdepth": "Depth"})


NAME = "depth"
ANALYSIS = Analysis(
    name=NAME,
    title="from which layer the words ahead add most",
    reads=frozenset({ACTIVATIONS, DESIGNS, RESPONSES, PENALTIES, WINDOWS, ATLAS, REGIONS}),
    outputs=OUTPUTS,
    steps=_steps,
    summaries=_summaries,
    methods=_methods,
    report=_report,
    options=DepthOptions,
    distances=lambda settings: (settings.tested_distance,),
    keeps_atlases=True,
)
