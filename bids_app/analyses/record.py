"""An analysis as one record, used by the run, the pages, the methods text and the command line.

`bids_app.analyses.registry` lists the records. A record is light: code that computes or
draws is imported where it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bids_app.options import NoOptions

if TYPE_CHECKING:
    import pandas as pd

    from bids_app.analyses.collection import Collection
    from bids_app.analyses.comparison import Row
    from bids_app.analyses.work import Step, Work
    from bids_app.bids.catalogue import Output
    from bids_app.inputs.models import ModelRun
    from bids_app.inputs.timing import Story
    from bids_app.report.cards import CardPart
    from bids_app.report.page import Page
    from bids_app.report.results import Results
    from bids_app.settings import Settings


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Attributes
    ----------
    rank : sections are shown in this order
    body : HTML for the results of one recording and model
    descs : the section is shown if there is an output with one of these `desc`
    of_atoms : repeat the body for each variant of the dictionary
    models : HTML for all models of the same data, shown before the bodies
    """

    rank: int
    anchor: str
    heading: str
    body: Callable[[Page, Results], str]
    descs: tuple[str, ...]
    of_atoms: bool = False
    models: Callable[[Page, Sequence[Results]], str] | None = None


@dataclass(frozen=True)
class Cell:
    """A column of the summary table on top of a page: its heading, and the HTML of its cell ("" for nothing)."""

    rank: int
    heading: str
    text: Callable[[Results], str]


@dataclass(frozen=True)
class Answer:
    """A sentence of the answer on top of a page ("" for none), in plain words; those of the lowest ranks are shown."""

    rank: int
    text: Callable[[Results], str]


@dataclass(frozen=True)
class ParticipantColumn:
    """A column of the table of participants: its heading, and its number from a table with this `desc` (a pattern)."""

    heading: str
    desc: str
    value: Callable[[pd.DataFrame], float | None]


@dataclass(frozen=True)
class Report:
    """What the pages show of an analysis.

    Attributes
    ----------
    sections, cells, answers : its sections, columns of the summary table, and sentences on top of the page
    titles : those of its scores, by `desc`, for the comparison of models
    comparison : what it adds to that section of the group's page
    held_out : scores whose tables per region share one section with those of all other analyses
    beside : HTML beside the picture on top of the page, for one recording and model
    cards : what it knows of each family or atom, by number, for one recording, model and variant of the dictionary
    quality : HTML on the quality of the data of one recording and model
    participants : its columns of the group's table of participants
    """

    sections: tuple[Section, ...] = ()
    cells: tuple[Cell, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    held_out: tuple[str, ...] = ()
    comparison: Callable[[Page], str] | None = None
    answers: tuple[Answer, ...] = ()
    beside: Callable[[Page, Results], str] | None = None
    cards: Callable[[Page, Results], Mapping[str, CardPart]] | None = None
    quality: Callable[[Page, Results], str] | None = None
    participants: tuple[ParticipantColumn, ...] = ()


@dataclass(frozen=True)
class Paragraph:
    """The paragraph of an analysis in the methods section, and the works to cite."""

    text: str
    cites: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """The group step for the maps with these entities `desc` (a pattern) and `stat`.

    `keeps`: it needs the maps of every participant (`Collection.maps`), which then lie on the disk. Without, mean and
    t-test come from sums (`Collection.sums`) while the maps are read.
    """

    desc: str
    stat: str
    write: Callable[[Collection, Settings], list[Row]]
    keeps: bool = True


@dataclass(frozen=True)
class ModelFree:
    """Steps of a participant that are not of one model: of none (the noise ceiling), or of several together.

    `is_result`: a participant without them is not finished; the ceiling may be impossible, and is not missed.
    """

    name: str
    asked: Callable[[Settings], bool]
    steps: Callable[[Work], Iterator[Step]]
    is_result: bool = False


def _nothing(*_: Any) -> Iterator[Any]:
    return iter(())


@dataclass(frozen=True)
class Analysis:
    """One analysis.

    Attributes
    ----------
    name : as typed by users
    title : its question, in a few words
    reads : its inputs, of `options.READINGS`; options that decide these decide its results
    outputs : its outputs at every level, records of the catalogue
    steps : steps for the data of one participant and one model, in order
    summaries : group steps for the maps of the participants
    methods : its paragraph for a methods section
    report : its content of the pages
    options : a frozen dataclass of its own options
    intermediates : stored intermediate results (the dictionary, the noise ceiling), with their inputs
    model_free : steps that are not of one model
    prepare : its step of the stimulus level for one model
    across_models : its step of the group level (OUT_DIR) that needs the outputs of several models together
    conclude : tables of a participant (OUT_DIR and label) made from outputs of several analyses, before each report
    activations : kind of neurons (or `choices.FEATURES`), and rule for sub-tokens, that it needs
    surprisal : whether it needs the surprisal of each word, which causal models give in the same pass
    problems : incompatible values of options, one sentence each
    lacks : what the machine lacks for it, one sentence each
    distances : smallest and largest distance of its windows, in words; empty without windows
    needs_atlas : it fails without the default atlas
    keeps_atlases : its tables have rows per region, so both atlases are stored in OUT_DIR
    """

    name: str
    title: str
    reads: frozenset[str]
    outputs: tuple[Output, ...]
    steps: Callable[[Work, ModelRun], Iterator[Step]]
    summaries: Callable[[], tuple[Summary, ...]]
    methods: Callable[[Settings], Paragraph]
    report: Callable[[], Report]
    options: type[Any] = NoOptions
    intermediates: Mapping[str, frozenset[str]] = field(default_factory=dict)
    model_free: tuple[ModelFree, ...] = ()
    prepare: Callable[[ModelRun, dict[str, Story], Settings], None] | None = None
    across_models: Callable[[Path], object] = lambda _: None
    conclude: Callable[[Path, str], object] = lambda _, __: None
    activations: Callable[[Settings], tuple[str, str]] = lambda _: ("residual", "last")
    surprisal: Callable[[Settings], bool] = lambda _: False
    problems: Callable[[Settings], Iterator[str]] = _nothing
    lacks: Callable[[Settings], Iterator[str]] = _nothing
    distances: Callable[[Settings], Sequence[int]] = lambda _: ()
    needs_atlas: bool = False
    keeps_atlases: bool = False
