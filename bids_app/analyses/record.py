"""What an analysis is: one record, from which a run, its pages, its methods text and its command line are made.

`bids_app.analyses.registry` lists the records. A record is light: what computes or draws is
imported where it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bids_app.options import NoOptions

if TYPE_CHECKING:
    from bids_app.analyses.collection import Collection
    from bids_app.analyses.comparison import Row
    from bids_app.analyses.work import Step, Work
    from bids_app.bids.catalogue import Output
    from bids_app.inputs.models import ModelRun
    from bids_app.inputs.timing import Story
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
    descs : the section is shown where there is an output with one of these `desc`
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
class Report:
    """What the pages show of an analysis.

    `titles` are those of its scores, by `desc`, for the comparison of models. The tables per region of the scores
    `held_out` share one section with those of all other analyses.
    """

    sections: tuple[Section, ...] = ()
    cells: tuple[Cell, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Paragraph:
    """What a methods section says of an analysis, and the works to cite for it."""

    text: str
    cites: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """What the group level makes of the maps with these entities `desc` (a pattern) and `stat`."""

    desc: str
    stat: str
    write: Callable[[Collection, Settings], list[Row]]


@dataclass(frozen=True)
class ModelFree:
    """What is computed once from the data of a participant, whatever the models."""

    name: str
    asked: Callable[[Settings], bool]
    steps: Callable[[Work], Iterator[Step]]


def _nothing(*_: Any) -> Iterator[Any]:
    return iter(())


@dataclass(frozen=True)
class Analysis:
    """One analysis.

    Attributes
    ----------
    name : as users type it
    title : what it asks, in a few words
    reads : what its results are made from, of `options.READINGS`; options that decide these decide its results
    outputs : what it writes at every level, records of the catalogue
    steps : what is computed for one participant's data and one model, in order
    summaries : what the group level makes of the participants' maps
    methods : its paragraph for a methods section
    report : what the pages say of it
    options : a frozen dataclass of its own options
    parts : results that it makes on the way and keeps (the dictionary, the noise ceiling), with what these read
    model_free : what it computes whatever the models
    prepare : what the stimulus level makes for it of one model
    activations : kind of neurons, and rule for sub-tokens, that it asks the model for
    problems : values of options that cannot go together, one sentence each
    distances : how far ahead, in words, it looks at least and at most; nothing for what needs no windows
    needs_atlas : it cannot go on without an atlas that is asked for by default
    keeps_atlases : its tables tell region by region, so both atlases are kept in OUT_DIR
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
    parts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    model_free: tuple[ModelFree, ...] = ()
    prepare: Callable[[ModelRun, dict[str, Story], Settings], None] | None = None
    activations: Callable[[Settings], tuple[str, str]] = lambda _: ("residual", "last")
    problems: Callable[[Settings], Iterator[str]] = _nothing
    distances: Callable[[Settings], Sequence[int]] = lambda _: ()
    needs_atlas: bool = False
    keeps_atlases: bool = False
