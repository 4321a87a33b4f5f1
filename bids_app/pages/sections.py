"""Common code of the reports of participants and of the group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bids_app.analyses.record import Report, Section
from bids_app.analyses.registry import ANALYSES
from bids_app.atomic import write_text
from bids_app.bids.outputs import find_outputs
from bids_app.pages.front import Front
from bids_app.pages.summary import summary_table
from bids_app.report import html
from bids_app.report.page import Page, newest_settings
from bids_app.report.results import Results, titles

RenderedSection = tuple[str, str, str]  # anchor, heading, HTML
_VIEW_SCRIPTS = ("three.min.js", "maps.js", "surface.js", "volume.js", "view.js")
_TABLE_SCRIPT = "tables.js"
_DIFFERS = "# differs: "  # as `settings_fields.DIFFERS`, which pages do not import


def reports() -> list[Report]:
    """What the pages show of each analysis."""
    return [analysis.report() for analysis in ANALYSES]


def ordered_sections(more: Sequence[Section] = ()) -> list[Section]:
    """The sections of all analyses and `more` ones, in the order of the page."""
    sections = [section for report in reports() for section in report.sections]
    return sorted([*sections, *more], key=lambda section: section.rank)


def summary(all_results: Sequence[Results]) -> str:
    """The summary table on top of a page."""
    rows = with_variants(all_results)
    cells = sorted((cell for report in reports() for cell in report.cells), key=lambda cell: cell.rank)
    return summary_table(rows, titles(rows), cells)


def with_variants(all_results: Sequence[Results]) -> list[Results]:
    """All results, once for each variant of their dictionary."""
    return [variant for results in all_results for variant in results.variants()]


def render(page: Page, all_results: Sequence[Results], sections: Sequence[Section]) -> list[RenderedSection]:
    """The sections that have outputs, each with a heading per recording and model if there are several."""
    rendered = []
    for section in sections:
        if any(results.has(section.descs) for results in all_results):
            page.maps.group = section.heading
            shown = with_variants(all_results) if section.of_atoms else all_results
            headings = [html.heading(title) for title in titles(shown)] if len(shown) > 1 else [""]
            bodies = [_of_models(page, all_results, section)] if section.models else []
            bodies += [heading + section.body(page, results) for heading, results in zip(headings, shown, strict=True)]
            rendered.append((section.anchor, section.heading, "\n".join(bodies)))
    return rendered


def _of_models(page: Page, all_results: Sequence[Results], section: Section) -> str:
    """The content of a section for all models together, for each recording."""
    assert section.models is not None
    groups: dict[tuple[tuple[str, str], ...], list[Results]] = {}
    for results in all_results:
        key = tuple((name, value) for name, value in results.entities.items() if name != "model")
        groups.setdefault(key, []).append(results)
    group_titles = titles([replace(group[0], entities=dict(key)) for key, group in groups.items()])
    headings = [html.heading(title) for title in group_titles] if len(group_titles) > 1 else [""]
    bodies = [section.models(page, group) for group in groups.values()]
    return "\n".join(heading + body for heading, body in zip(headings, bodies, strict=True))


def methods(page: Page) -> RenderedSection:
    """Settings of the run and the text for a methods section."""
    level = "group" if page.participant is None else "participant"
    settings = newest_settings(page.out_dir, level, page.participant)
    citation = page.out_dir / "logs" / "CITATION.md"
    bodies = [
        _differing(newest_settings(page.out_dir, "participant", page.participant)),
        _versions(page),
        _opened("Methods, to paste into a paper", citation, "No methods text: logs/CITATION.md is missing."),
        _opened("Settings", settings, "No settings: logs has no TOML file."),
    ]
    return "methods", "Methods and settings", "\n".join(bodies)


def _differing(path: Path | None) -> str:
    """The settings of the participant level that differ from its preset or the defaults, as its record lists them."""
    lines = [] if path is None else path.read_text(encoding="utf-8", errors="replace").splitlines()
    found = [line.removeprefix(_DIFFERS) for line in lines if line.startswith(_DIFFERS)]
    if not found:
        return ""
    preset = next((line.split('"')[1] for line in lines if line.startswith('preset = "')), None)
    usual = (
        f"the preset {html.escape(preset)}, or from the defaults of what it leaves open" if preset else "the defaults"
    )
    items = "".join(f"<li><code>{html.escape(line)}</code></li>" for line in found)
    return f"<p>Settings of results that differ from {usual}:</p><ul>{items}</ul>"


def _versions(page: Page) -> str:
    """The versions that made the results, of the newest sidecar."""
    level = "group" if page.participant is None else "participant"
    found = find_outputs(page.out_dir, "statmap", level, sub=page.participant)
    versions = found[-1].sidecar.get("SoftwareVersions") if found else None
    if not isinstance(versions, dict):
        return ""
    return html.paragraph("Made with " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".")


def _opened(title: str, path: Path | None, otherwise: str) -> str:
    """The content of a text file, folded until the reader opens it."""
    if path is None or not path.is_file():
        return html.missing(otherwise)
    text = path.read_text(encoding="utf-8", errors="replace")
    return html.details(title, html.markdown(text) if path.suffix == ".md" else html.preformatted(text))


def write_page(page: Page, name: str, title: str, lead: str, front: Front, sections: Sequence[RenderedSection]) -> Path:
    """Write the page into OUT_DIR, completely or not at all; the scripts of the interactive view only if it has one."""
    scripts = [*_VIEW_SCRIPTS, _TABLE_SCRIPT] if front.views else [_TABLE_SCRIPT]
    return write_text(page.out_dir / name, html.page(title, lead, front.body, sections, scripts))
