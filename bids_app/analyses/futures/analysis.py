"""The analysis `futures`: what the syntax and what the meaning of words ahead add, and how far ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bids_app.analyses.futures.options import FuturesOptions
from bids_app.analyses.futures.outputs import OUTPUTS, SEMANTICS, SYNTAX
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
    from bids_app.analyses.futures.options import FuturesOptions
    from bids_app.analyses.work import Step, Work
    from bids_app.inputs.models import ModelRun
    from bids_app.inputs.timing import Story


def _steps(work: Work, model: ModelRun) -> Iterator[Step]:
    from bids_app.analyses.futures.participant import futures
    from bids_app.analyses.scoring import score_step
    from bids_app.inputs.futures import Futures

    facts = Futures(work.sources.stories, work.settings).facts
    yield score_step(work, model, NAME, SYNTAX.desc, futures, more=facts)


def _prepare(model: ModelRun, stories: dict[str, Story], settings: FuturesOptions) -> None:
    from bids_app.analyses.futures.stories import prepare

    prepare(model, stories, settings)


def _summaries() -> tuple[Summary, ...]:
    from bids_app.analyses.futures.group import summarise_futures

    return (Summary(f"{SYNTAX.desc}|{SEMANTICS.desc}", "r", summarise_futures),)


def _methods(settings: FuturesOptions) -> Paragraph:
    from bids_app.analyses.futures.methods import paragraph

    return paragraph(settings)


def _report() -> Report:
    from bids_app.analyses.futures.report import futures_curves, futures_maps, semantics_cell, syntax_cell

    descs = (SYNTAX.desc, SEMANTICS.desc)
    sections = (
        Section(35, "futures", "Does syntax or meaning look ahead?", futures_curves, descs),
        Section(36, "futuresmaps", "Where do syntax and meaning look ahead?", futures_maps, descs),
    )
    cells = (Cell(35, "Syntactic forecast, d*", syntax_cell), Cell(36, "Semantic forecast, d*", semantics_cell))
    titles = {SYNTAX.desc: "Syntactic forecast", SEMANTICS.desc: "Semantic forecast"}
    return Report(sections, cells, titles=titles)


def _problems(settings: FuturesOptions) -> Iterator[str]:
    from bids_app.settings_checks import problem_of_file

    if settings.swap_corpus is not None and (problem := problem_of_file(settings.swap_corpus, _LARGEST_CORPUS)):
        yield f"swap_corpus = {settings.swap_corpus}: {problem}"
    if settings.futures == "continuation" and settings.wrap:
        yield "futures = 'continuation' cannot go with wrap: a story does not continue with its start; choose one"
    if settings.futures == "continuation" and settings.context == "rolled":
        yield "futures = 'continuation' cannot go with context = 'rolled': the true text has no end before it"


def _lacks(settings: FuturesOptions) -> Iterator[str]:
    from bids_app.language.futures import ParserError, load_parser

    try:
        load_parser(settings.parser)
    except ParserError as error:
        yield str(error)


def _distances(settings: FuturesOptions) -> Sequence[int]:
    return (settings.tested_distance, settings.syntax_distance, 0, *settings.distances)


NAME = "futures"
_LARGEST_CORPUS = 200_000_000  # bytes; a text of this size is parsed in about half an hour
ANALYSIS = Analysis(
    name=NAME,
    title="what the syntax and the meaning of words ahead add to the prediction, and how far ahead",
    reads=frozenset(
        {ACTIVATIONS, DESIGNS, RESPONSES, PENALTIES, LAYER, WINDOWS, DISTANCES, PERMUTATIONS, ATLAS, REGIONS}
    ),
    options=FuturesOptions,
    outputs=OUTPUTS,
    steps=_steps,
    prepare=_prepare,
    summaries=_summaries,
    methods=_methods,
    report=_report,
    problems=_problems,
    lacks=_lacks,
    distances=_distances,
    keeps_atlases=True,
)
