"""The report of one participant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bids_app.pages.body import body
from bids_app.pages.sections import ordered_sections, write_page
from bids_app.report import html
from bids_app.report.page import open_page
from bids_app.report.results import common, describe, find_results


def write_participant_report(out_dir: Path, participant: str, problems: Sequence[str] = ()) -> Path:
    """Write OUT_DIR/sub-<participant>.html and its figures from the files in OUT_DIR; returns its path.

    `participant` is a label without `sub-`; `problems` are sentences about failures, shown on top. The report of a
    participant without outputs says so.
    """
    page = open_page(out_dir, participant)
    all_results = find_results(out_dir, participant)
    front, sections = body(page, all_results, ordered_sections())
    shared = describe(common(all_results))
    lead = html.paragraph(f"One participant. {shared[:1].upper()}{shared[1:]}".strip(), "subtitle")
    if problems:
        lead += html.box("Problems", problems)
    if not all_results:
        lead += html.missing("There are no maps or tables of this participant.")
    return write_page(page, f"sub-{participant}.html", f"sub-{participant}", lead, front, sections)
