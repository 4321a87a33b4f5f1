"""The analysis `lesion`: what breaks in a model, and in its fit to each network, without a network's sub-group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bids_app.analyses.lesion.options import LesionOptions
from bids_app.analyses.lesion.outputs import OUTPUTS
from bids_app.analyses.record import Analysis, Answer, Cell, Paragraph, Report, Section, Summary
from bids_app.options import ACTIVATIONS, ATLAS, DESIGNS, DICTIONARY, LAYER, PENALTIES, RESPONSES

if TYPE_CHECKING:
    from bids_app.analyses.work import Step, Work
    from bids_app.inputs.models import ModelRun
    from bids_app.settings import Settings


def _request(settings: Settings) -> tuple[str, str]:
    from bids_app.inputs.units import units_request

    return units_request(settings)


def _steps(work: Work, model: ModelRun) -> Iterator[Step]:
    from bids_app.analyses.lesion.participant import steps

    yield from steps(work, model)


def _summaries() -> tuple[Summary, ...]:
    from bids_app.analyses.lesion.group import summarise_lesions

    return (Summary("lesion", "r", summarise_lesions),)


def _methods(settings: LesionOptions) -> Paragraph:
    from bids_app.analyses.lesion.methods import paragraph

    return paragraph(settings)


def _report() -> Report:
    from bids_app.analyses.lesion.report import answer, index_cell, lesions

    heading = "What breaks without a network's neurons?"
    section = Section(75, "lesion", heading, lesions, ("lesion", "lesionindex", "lesionoutliers"))
    return Report((section,), (Cell(75, "Lesions, index", index_cell),), answers=(Answer(30, answer),))


def _problems(settings: Settings) -> Iterator[str]:
    if NAME not in settings.analysis:
        return
    if (kind := settings.chosen_units.kind) not in ("ffn-out", "ffn-in"):
        named = "features of an autoencoder" if kind is None else f"units of {kind}"
        yield f"units = {settings.units!r}: {named} cannot be lesioned; choose ffn-out or ffn-in, or leave out lesion"
    if settings.lesion_held_out and settings.dictionary_scope != "story":
        yield "lesion_held_out: with one dictionary of all stories none is held out; add --dictionary-scope story"
    if len(settings.atoms) > 1:
        yield "atoms: the analysis lesion takes one number of atoms; leave out the others, or lesion"
    if settings.minimal_pairs is not None and settings.level != "group":
        from bids_app.bids.errors import DatasetError
        from bids_app.bids.minimal_pairs import read_minimal_pairs

        try:
            read_minimal_pairs(settings.minimal_pairs)
        except (DatasetError, OSError) as error:
            yield f"minimal_pairs: {error}"


NAME = "lesion"
ANALYSIS = Analysis(
    name=NAME,
    title="what breaks in the model and in its scores without the neurons of a network",
    reads=frozenset({ACTIVATIONS, DICTIONARY, DESIGNS, RESPONSES, PENALTIES, LAYER, ATLAS}),
    outputs=OUTPUTS,
    options=LesionOptions,
    steps=_steps,
    activations=_request,
    summaries=_summaries,
    methods=_methods,
    report=_report,
    problems=_problems,
    needs_atlas=True,
)
