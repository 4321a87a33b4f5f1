"""The analysis `forecast`: the gain from windows of words ahead, and the distance at which it is largest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bids_app.analyses.forecast.options import ForecastOptions
from bids_app.analyses.forecast.outputs import OUTPUTS, SCORE
from bids_app.analyses.record import Analysis, Cell, Paragraph, Report, Section, Summary
from bids_app.options import (
    ACTIVATIONS,
    ATLAS,
    DESIGNS,
    DISTANCES,
    LAYER,
    PENALTIES,
    PERMUTATIONS,
    REGIONS,
    RESPONSES,
    WINDOWS,
)

if TYPE_CHECKING:
    from bids_app.analyses.work import Step, Work
    from bids_app.inputs.models import ModelRun


def _steps(work: Work, model: ModelRun) -> Iterator[Step]:
    from bids_app.analyses.forecast.participant import forecast
    from bids_app.analyses.scoring import score_step

    yield score_step(work, model, NAME, SCORE.desc, forecast)


def _summaries() -> tuple[Summary, ...]:
    from bids_app.analyses.forecast.group import summarise_forecast

    return (Summary("forecast", "r", summarise_forecast),)


def _methods(settings: ForecastOptions) -> Paragraph:
    from bids_app.analyses.forecast.methods import paragraph

    return paragraph(settings)


def _report() -> Report:
    from bids_app.analyses.forecast.report_cells import distance_cell, score_cell
    from bids_app.analyses.forecast.report_curves import forecast_curves
    from bids_app.analyses.forecast.report_distance import distance_notes, forecast_distance
    from bids_app.analyses.forecast.report_maps import forecast_maps

    best = "Which distance is best at each location?"
    sections = (
        Section(30, "forecast", "Where do words ahead add to it?", forecast_maps, ("forecast",)),
        Section(31, "curves", "How far ahead, and is it more than the controls?", forecast_curves, ("forecast",)),
        Section(32, "distance", best, forecast_distance, ("forecast", "forecastdistance"), models=distance_notes),
    )
    cells = (Cell(30, "Forecast score F", score_cell), Cell(31, "Distance d* of the curve", distance_cell))
    return Report(sections, cells, titles={"forecast": "Forecast"})


def _problems(settings: ForecastOptions) -> Iterator[str]:
    if len(set(settings.distances)) < len(settings.distances):
        yield f"distances = {list(settings.distances)}: each must be given once"


def _distances(settings: ForecastOptions) -> Sequence[int]:
    return (settings.tested_distance, 0, *settings.distances)


NAME = "forecast"
ANALYSIS = Analysis(
    name=NAME,
    title="what words ahead add to the prediction, and how far ahead",
    reads=frozenset(
        {ACTIVATIONS, DESIGNS, RESPONSES, PENALTIES, LAYER, WINDOWS, DISTANCES, PERMUTATIONS, ATLAS, REGIONS}
    ),
    outputs=OUTPUTS,
    steps=_steps,
    summaries=_summaries,
    methods=_methods,
    report=_report,
    options=ForecastOptions,
    problems=_problems,
    distances=_distances,
    keeps_atlases=True,
)
