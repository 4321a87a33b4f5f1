"""What the reports of participants and of the group have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bids_app.analyses.record import Question, Report
from bids_app.analyses.registry import ANALYSES
from bids_app.atomic import write_text
from bids_app.pages.summary import summary_table
from bids_app.report import html
from bids_app.report.page import Page, newest_settings
from bids_app.report.results import Results, titles

Part = tuple[str, str, str]  # anchor, heading, HTML


def reports() -> list[Report]:
    """What the pages say of each analysis."""
    return [analysis.report() for analysis in ANALYSES]


def questions(more: Sequence[Question] = ()) -> list[Question]:
    """All sections in the order in which a reader asks."""
    own = [question for report in reports() for question in report.questions]
    return sorted([*own, *more], key=lambda question: question.rank)


def head(analyses: Sequence[Results]) -> str:
    """The table on top of a page."""
    rows = with_variants(analyses)
    cells = sorted((cell for report in reports() for cell in report.cells), key=lambda cell: cell.rank)
    return summary_table(rows, titles(rows), cells)


def with_variants(analyses: Sequence[Results]) -> list[Results]:
    """Every analysis once for each variant of its dictionary."""
    return [variant for analysis in analyses for variant in analysis.variants()]


def answer(page: Page, analyses: Sequence[Results], questions: Sequence[Question]) -> list[Part]:
    """One part per question that some analysis has outputs for, in it one heading per analysis if there are several."""
    parts = []
    for question in questions:
        if any(analysis.has(question.about) for analysis in analyses):
            asked = with_variants(analyses) if question.of_atoms else analyses
            headings = [html.heading(title) for title in titles(asked)] if len(asked) > 1 else [""]
            bodies = [_of_models(page, analyses, question)] if question.models else []
            bodies += [head + question.section(page, one) for head, one in zip(headings, asked, strict=True)]
            parts.append((question.anchor, question.heading, "\n".join(bodies)))
    return parts


def _of_models(page: Page, analyses: Sequence[Results], question: Question) -> str:
    """What a question says of all models at once, for each data they were run on."""
    assert question.models is not None
    data: dict[tuple[tuple[str, str], ...], list[Results]] = {}
    for analysis in analyses:
        key = tuple((name, value) for name, value in analysis.entities.items() if name != "model")
        data.setdefault(key, []).append(analysis)
    named = titles([replace(own[0], entities=dict(key)) for key, own in data.items()])
    headings = [html.heading(title) for title in named] if len(named) > 1 else [""]
    return "\n".join(head + question.models(page, own) for head, own in zip(headings, data.values(), strict=True))


def methods(page: Page) -> Part:
    """Settings of the run and the text for a methods section."""
    level = "group" if page.participant is None else "participant"
    settings = newest_settings(page.out_dir, level, page.participant)
    citation = page.out_dir / "logs" / "CITATION.md"
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


def write_page(page: Page, name: str, title: str, lead: str, parts: Sequence[Part]) -> Path:
    """Write the page into OUT_DIR, whole or not at all."""
    return write_text(page.out_dir / name, html.page(title, lead, parts))
