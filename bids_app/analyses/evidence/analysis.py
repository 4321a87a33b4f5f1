"""The analysis `evidence`: what speaks for and against the scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bids_app.analyses.evidence.options import EvidenceOptions
from bids_app.analyses.evidence.outputs import OUTPUTS
from bids_app.analyses.record import Analysis, Cell, ModelFree, Paragraph, ParticipantColumn, Report, Section, Summary
from bids_app.options import ACTIVATIONS, DESIGNS, LAYER, PENALTIES, PERMUTATIONS, RESPONSES

if TYPE_CHECKING:
    from bids_app.analyses.evidence.options import EvidenceOptions
    from bids_app.analyses.work import Step, Work
    from bids_app.inputs.models import ModelRun
    from bids_app.inputs.timing import Story
    from bids_app.settings import Settings


def _steps(work: Work, model: ModelRun) -> Iterator[Step]:
    from bids_app.analyses.evidence.participant import steps

    yield from steps(work, model)


def _nuisance(work: Work) -> Iterator[Step]:
    from bids_app.analyses.evidence.participant import nuisance_step

    yield nuisance_step(work)


def _prepare(model: ModelRun, stories: dict[str, Story], settings: Settings) -> None:
    from bids_app.analyses.evidence.driver_files import prepare

    prepare(model, stories, settings)


def _conclude(out_dir: Path, participant: str) -> None:
    from bids_app.analyses.evidence.panel import write_panels
    from bids_app.analyses.evidence.subgroups import write_subgroups

    write_panels(out_dir, participant)
    write_subgroups(out_dir, participant)


def _summaries() -> tuple[Summary, ...]:
    from bids_app.analyses.evidence.group import summarise_over_band, summarise_scores

    return (
        Summary("nuisance", "r", summarise_scores),
        Summary(r"(families|atoms)overnuisance\d*", "r", summarise_scores),
        Summary("overnuisance", "r", summarise_over_band),
    )


def _methods(settings: Settings) -> Paragraph:
    from bids_app.analyses.evidence.methods import paragraph

    return paragraph(settings)


def _report() -> Report:
    from bids_app.analyses.evidence.cards import cards
    from bids_app.analyses.evidence.report import over_nuisance
    from bids_app.analyses.evidence.report_panel import (
        beside,
        evidence_panel,
        failed,
        held_out,
        panel_cell,
        passed,
        quality,
    )

    sections = (
        Section(5, "evidence", "What is the evidence?", evidence_panel, ("evidence",)),
        Section(15, "overnuisance", "What does the model add to low-level features?", over_nuisance, ("overnuisance",)),
    )
    cells = (Cell(15, "Evidence, checks passed", panel_cell),)
    titles = {"nuisance": "Nuisance band", "overnuisance": "Gain over the nuisance band"}
    titles |= {f"{kind}overnuisance": f"Gain of {kind} over the nuisance band" for kind in ("families", "atoms")}
    columns = (
        ParticipantColumn("brain score, mean r", "evidence", held_out),
        ParticipantColumn("checks passed", "evidence", passed),
        ParticipantColumn("checks failed", "evidence", failed),
    )
    return Report(sections, cells, titles=titles, beside=beside, cards=cards, quality=quality, participants=columns)


def _problems(settings: Settings) -> Iterator[str]:
    from importlib.util import find_spec

    if NAME in settings.analysis and settings.word_frequencies != "stories" and find_spec("wordfreq") is None:
        yield (
            f"word_frequencies = {settings.word_frequencies!r} needs the package wordfreq, which is not installed: pip "
            "install 'neurons2networks[frequency]', or use 'stories' to count words in the stories themselves"
        )


NAME = "evidence"
ANALYSIS = Analysis(
    name=NAME,
    title="the scores beside low-level features, leaks, timing and controls, and what drives each family",
    reads=frozenset({ACTIVATIONS, DESIGNS, RESPONSES, PENALTIES, LAYER, PERMUTATIONS}),
    options=EvidenceOptions,
    outputs=OUTPUTS,
    steps=_steps,
    model_free=(ModelFree("nuisance band", lambda _: True, _nuisance),),
    prepare=_prepare,
    surprisal=lambda settings: "networks" in settings.analysis,  # of the words that drive its atoms
    summaries=_summaries,
    conclude=_conclude,
    methods=_methods,
    report=_report,
    problems=_problems,
    keeps_atlases=True,
)
