"""The analysis `networks`: which sub-groups of neurons behave like which functional networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bids_app.analyses.networks.options import NetworkOptions
from bids_app.analyses.networks.outputs import OUTPUTS
from bids_app.analyses.record import Analysis, Answer, Cell, Paragraph, ParticipantColumn, Report, Section, Summary
from bids_app.options import ACTIVATIONS, ATLAS, DICTIONARY, PERMUTATIONS, RESPONSES

if TYPE_CHECKING:
    from pathlib import Path

    from bids_app.analyses.networks.options import NetworkOptions
    from bids_app.analyses.work import Step, Work
    from bids_app.inputs.models import ModelRun
    from bids_app.inputs.timing import Story
    from bids_app.settings import Settings

_OUTPUTS = ("families", "familiesfit", "atoms", "atomsfit", "subgroups", "organisation")


def _request(settings: NetworkOptions) -> tuple[str, str]:
    from bids_app.inputs.units import units_request

    return units_request(settings)


def _steps(work: Work, model: ModelRun) -> Iterator[Step]:
    from bids_app.analyses.networks.participant import steps

    yield from steps(work, model)


def _prepare(model: ModelRun, stories: dict[str, Story], settings: Settings) -> None:
    from bids_app.analyses.networks.dictionary_files import prepare

    prepare(model, stories, settings)


def _summaries() -> tuple[Summary, ...]:
    from bids_app.analyses.networks.group import summarise

    return (Summary(r"(atoms|families)\d*(Shifted)?", "beta", summarise, keeps=False),)


def _methods(settings: NetworkOptions) -> Paragraph:
    from bids_app.analyses.networks.methods import paragraph

    return paragraph(settings)


def _across_models(out_dir: Path) -> None:
    from bids_app.analyses.networks.matching import match_models

    match_models(out_dir)


def _report() -> Report:
    from bids_app.analyses.networks.cards import cards
    from bids_app.analyses.networks.encoding_report import atom_encoding, encoding_cell
    from bids_app.analyses.networks.matching_report import matched_models
    from bids_app.analyses.networks.report import (
        answer,
        atom_maps,
        atom_networks,
        count_links,
        links_cell,
        subgroups,
        tables,
    )

    sections = (
        Section(70, "links", "Which neurons link to which networks?", atom_networks, _OUTPUTS, of_atoms=True),
        Section(71, "encoding", "Where do they predict the brain?", atom_encoding, _OUTPUTS, of_atoms=True),
        Section(72, "atoms", "What do the linked maps look like?", atom_maps, _OUTPUTS, of_atoms=True),
        Section(73, "subgroups", "Which layers hold the sub-groups?", subgroups, _OUTPUTS, of_atoms=True),
        Section(74, "tables", "Tables", tables, _OUTPUTS, of_atoms=True),
    )
    cells = (
        Cell(70, "Fit to the brain, mean held-out r", encoding_cell),
        Cell(71, "Links with networks", links_cell),
    )
    return Report(
        sections,
        cells,
        titles={"familiesfit": "Families", "atomsfit": "Atoms"},
        held_out=("familiesfit", "atomsfit"),
        comparison=matched_models,
        answers=(Answer(20, answer),),
        cards=cards,
        participants=(ParticipantColumn("links", r"(atoms|families)\d*", count_links),),
    )


def _problems(settings: NetworkOptions) -> Iterator[str]:
    if settings.dictionary_scope == "story" and settings.pool_tasks:
        yield "dictionary_scope = 'story' cannot go with pool_tasks: atoms of one story mean nothing in another"
    if settings.links == "dice" and settings.null in {"eigen", "moran"}:
        yield (
            f"null = {settings.null!r}: replaces maps, but links = 'dice' rotates the networks; "
            "give spin or spin-undistorted, or links = 'conditional'"
        )


ANALYSIS = Analysis(
    name="networks",
    title="families of the model's neurons, fitted to the brain and linked to its networks",
    reads=frozenset({ACTIVATIONS, DICTIONARY, RESPONSES, ATLAS, PERMUTATIONS}),
    intermediates={"dictionary": frozenset({ACTIVATIONS, DICTIONARY})},
    options=NetworkOptions,
    outputs=OUTPUTS,
    steps=_steps,
    prepare=_prepare,
    activations=_request,
    summaries=_summaries,
    across_models=_across_models,
    methods=_methods,
    report=_report,
    problems=_problems,
    needs_atlas=True,
)
