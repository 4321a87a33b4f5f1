"""What the reports of participants and of the group have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bids_app.bids.atomic import write_text
from bids_app.report import html
from bids_app.report.links_section import atom_maps, atom_networks, subgroups, tables
from bids_app.report.results import Analysis, titles
from bids_app.report.scores_section import atom_encoding, brain_score
from bids_app.report.sheet import Sheet, newest_settings

Part = tuple[str, str, str]  # anchor, heading, HTML


@dataclass(frozen=True)
class Question:
    """What a reader asks, and what answers it; `of_atoms` if each variant of the dictionary has its own answer."""

    anchor: str
    heading: str
    section: Callable[[Sheet, Analysis], str]
    of_atoms: bool = True


# In the order in which a reader asks.
BRAIN_SCORE = Question("brainscore", "Where does the model predict the brain?", brain_score, of_atoms=False)
OF_ATOMS = (
    Question("links", "Which atoms link to which networks?", atom_networks),
    Question("encoding", "Where do the atoms predict the brain?", atom_encoding),
    Question("atoms", "What do the linked atoms look like?", atom_maps),
    Question("subgroups", "Which layers hold the sub-groups?", subgroups),
    Question("tables", "Tables", tables),
)


def with_variants(analyses: Sequence[Analysis]) -> list[Analysis]:
    """Every analysis once for each variant of its dictionary."""
    return [variant for analysis in analyses for variant in analysis.variants()]


def answer(sheet: Sheet, analyses: Sequence[Analysis], questions: Sequence[Question]) -> list[Part]:
    """One part per question, in it one heading per analysis where there are several."""
    parts = []
    for question in questions:
        asked = with_variants(analyses) if question.of_atoms else analyses
        headings = [html.heading(title) for title in titles(asked)] if len(asked) > 1 else [""]
        bodies = [head + question.section(sheet, one) for head, one in zip(headings, asked, strict=True)]
        parts.append((question.anchor, question.heading, "\n".join(bodies)))
    return parts


def methods(sheet: Sheet) -> Part:
    """Settings of the run and the text for a methods section."""
    level = "group" if sheet.participant is None else "participant"
    settings = newest_settings(sheet.out_dir, level)
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
