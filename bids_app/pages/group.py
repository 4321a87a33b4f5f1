"""The report of the group."""

from __future__ import annotations

from pathlib import Path

from bids_app.analyses.record import Section
from bids_app.pages.body import body
from bids_app.pages.intervals import held_out, models, region_scores
from bids_app.pages.participants import participants_section
from bids_app.pages.sections import ordered_sections, reports, write_page
from bids_app.report import html
from bids_app.report.figures import style
from bids_app.report.page import Page, open_page
from bids_app.report.results import common, describe, find_results


def _regions() -> Section:
    """The section with the scores per network, after the first section with scores."""
    return Section(20, "regions", "How well, network by network?", region_scores, tuple(held_out()))


def write_group_report(out_dir: Path) -> Path:
    """Write OUT_DIR/group.html and its figures from the files in OUT_DIR; returns its path."""
    page = open_page(out_dir, None)
    all_results = find_results(out_dir, None)
    participants = sorted(path.name for path in out_dir.glob("sub-*") if path.is_dir())
    with style():
        compared = ("models", "How do the models compare?", _comparison(page))
    ends = [compared, participants_section(page, participants)]
    front, sections = body(page, all_results, ordered_sections([_regions()]), ends)
    shared = describe(common(all_results))
    subtitle = f"{len(participants)} participant{'s' * (len(participants) != 1)}. {shared[:1].upper()}{shared[1:]}"
    lead = html.paragraph(subtitle.strip(), "subtitle")
    problems = crashes(out_dir)
    if problems:
        lead += html.box("Participants that failed", problems)
    if not all_results:
        lead += html.missing("There are no maps or tables of the group.")
    return write_page(page, "group.html", "Group", lead, front, sections)


def _comparison(page: Page) -> str:
    """The scores of the models side by side, and what analyses add to them."""
    bodies = [models(page), *(report.comparison(page) for report in reports() if report.comparison)]
    return "\n".join(body for body in bodies if body)


def crashes(out_dir: Path) -> list[str]:
    """First lines of the crash reports in OUT_DIR/logs."""
    files = sorted((out_dir / "logs").glob("crash-*.txt"))
    first = (
        path.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
        for path in files
        if path.is_file()
    )
    return list(dict.fromkeys(line for line in first if line))
