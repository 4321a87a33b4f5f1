"""What the reports of participants and of the group have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bids_app.analyses.brainscore.report import atom_encoding, brain_score
from bids_app.analyses.depth.report import depth_map, depth_models
from bids_app.analyses.forecast.report_curves import forecast_curves
from bids_app.analyses.forecast.report_distance import distance_notes, forecast_distance
from bids_app.analyses.forecast.report_maps import forecast_maps
from bids_app.analyses.networks.report import atom_maps, atom_networks, subgroups, tables
from bids_app.analyses.variance.report import unique_variance
from bids_app.bids.atomic import write_text
from bids_app.report import html
from bids_app.report.page import Sheet, newest_settings
from bids_app.report.results import Analysis, titles

Part = tuple[str, str, str]  # anchor, heading, HTML


@dataclass(frozen=True)
class Question:
    """What a reader asks, and what answers it.

    It is asked where there is an output of one of the names `about`. `of_atoms` if each variant of the dictionary has
    its own answer; `models`, if given, comes first and answers for all models of the same data at once.
    """

    anchor: str
    heading: str
    section: Callable[[Sheet, Analysis], str]
    about: tuple[str, ...]
    of_atoms: bool = False
    models: Callable[[Sheet, Sequence[Analysis]], str] | None = None


_ATOMS = ("atoms", "atomsfit", "subgroups", "organisation")

# In the order in which a reader asks.
BRAIN_SCORE = Question(
    "brainscore", "Where does the model predict the brain?", brain_score, ("brainscore", "noiseceiling")
)
FORECAST = (
    Question("forecast", "Where do words ahead add to it?", forecast_maps, ("forecast",)),
    Question("curves", "How far ahead, and is it more than the controls?", forecast_curves, ("forecast",)),
    Question(
        "distance",
        "Which distance is best for each place?",
        forecast_distance,
        ("forecast", "forecastdistance"),
        models=distance_notes,
    ),
    Question(
        "depth",
        "How deep in the model do the forecasts lie?",
        depth_map,
        ("forecastdepth", "forecastdepthpeak"),
        models=depth_models,
    ),
    Question("variance", "What do past, present and coming words explain alone?", unique_variance, ("variance",)),
)
OF_ATOMS = (
    Question("links", "Which atoms link to which networks?", atom_networks, _ATOMS, of_atoms=True),
    Question("encoding", "Where do the atoms predict the brain?", atom_encoding, _ATOMS, of_atoms=True),
    Question("atoms", "What do the linked atoms look like?", atom_maps, _ATOMS, of_atoms=True),
    Question("subgroups", "Which layers hold the sub-groups?", subgroups, _ATOMS, of_atoms=True),
    Question("tables", "Tables", tables, _ATOMS, of_atoms=True),
)


def with_variants(analyses: Sequence[Analysis]) -> list[Analysis]:
    """Every analysis once for each variant of its dictionary."""
    return [variant for analysis in analyses for variant in analysis.variants()]


def answer(sheet: Sheet, analyses: Sequence[Analysis], questions: Sequence[Question]) -> list[Part]:
    """One part per question that some analysis has outputs for, in it one heading per analysis if there are several."""
    parts = []
    for question in questions:
        if any(analysis.has(question.about) for analysis in analyses):
            asked = with_variants(analyses) if question.of_atoms else analyses
            headings = [html.heading(title) for title in titles(asked)] if len(asked) > 1 else [""]
            bodies = [_of_models(sheet, analyses, question)] if question.models else []
            bodies += [head + question.section(sheet, one) for head, one in zip(headings, asked, strict=True)]
            parts.append((question.anchor, question.heading, "\n".join(bodies)))
    return parts


def _of_models(sheet: Sheet, analyses: Sequence[Analysis], question: Question) -> str:
    """What a question says of all models at once, for each data they were run on."""
    assert question.models is not None
    data: dict[tuple[tuple[str, str], ...], list[Analysis]] = {}
    for analysis in analyses:
        key = tuple((name, value) for name, value in analysis.entities.items() if name != "model")
        data.setdefault(key, []).append(analysis)
    named = titles([replace(own[0], entities=dict(key)) for key, own in data.items()])
    headings = [html.heading(title) for title in named] if len(named) > 1 else [""]
    return "\n".join(head + question.models(sheet, own) for head, own in zip(headings, data.values(), strict=True))


def methods(sheet: Sheet) -> Part:
    """Settings of the run and the text for a methods section."""
    level = "group" if sheet.participant is None else "participant"
    settings = newest_settings(sheet.out_dir, level, sheet.participant)
    citation = sheet.out_dir / "logs" / "CITATION.md"
    bodies = [
        _opened("Methods, to paste into a paper", citation, "No methods text: logs/CITATION.md is missing."),
        _opened("Settings", settings, "No settings: logs has no TOML file."),
    ]
    return "methods", "Methods and settings", "\n".join(bodies)


def _opened(title: str, path: Path | None, otherwise: str) -> str:
    """The content of a text file in a part that the reader opens."""
    if path is None or not path.is_file():
        return html.missing(otherwise)
    text = path.read_text(encoding="utf-8")
    return html.details(title, html.markdown(text) if path.suffix == ".md" else html.preformatted(text))


def write_page(sheet: Sheet, name: str, title: str, lead: str, parts: Sequence[Part]) -> Path:
    """Write the page into OUT_DIR, whole or not at all."""
    return write_text(sheet.out_dir / name, html.page(title, lead, parts))
