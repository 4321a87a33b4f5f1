"""The quality of the data: volumes, motion and masked places of each run, and what the analyses checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bids_app.analyses.registry import ANALYSES
from bids_app.pages.left_out import left_out
from bids_app.pages.runs import masked_targets, merged
from bids_app.pages.sections import RenderedSection
from bids_app.report import html
from bids_app.report.page import Page
from bids_app.report.results import Results, titles

_MOST_RUNS = 200


def quality(page: Page, all_results: Sequence[Results]) -> list[RenderedSection]:
    """The section on the quality of the data; none where nothing is known of it."""
    blocks = [_left_out(page), _runs(all_results), _repeated(all_results)]
    for results, title in zip(all_results, titles(all_results), strict=True):
        checks = [report.quality(page, results) for a in ANALYSES if (report := a.report()).quality is not None]
        text = "\n".join(check for check in checks if check)
        if text:
            blocks.append((html.heading(title) if len(all_results) > 1 else "") + text)
    text = "\n".join(block for block in blocks if block)
    return [("quality", "How good are the data?", text)] if text else []


def _left_out(page: Page) -> str:
    """What was left out of a participant, and why; of all participants, the group page has a table."""
    if page.participant is None:
        return ""
    name = f"sub-{page.participant}"
    notes = left_out(page.out_dir, [name])[name]
    return html.paragraph(f"Left out: {'; '.join(notes)}.") if notes else ""


def _runs(all_results: Sequence[Results]) -> str:
    """A row per run: what was cleaned, censored and masked."""
    sidecars = [output.sidecar for results in all_results for output in results.outputs]
    cleaning, unusable = (merged(sidecars, key) for key in ("Cleaning", "UnusableTargets"))
    if not cleaning and not unusable:
        return ""
    rows = [
        _run(run, cleaning.get(run) or {}, unusable.get(run) or {}) for run in dict.fromkeys([*cleaning, *unusable])
    ]
    table = pd.DataFrame(rows).dropna(axis=1, how="all")
    note = "Targets (vertices, voxels or regions) that are constant or missing in a run are masked in all results."
    return html.paragraph(note) + html.table(table, most_rows=_MOST_RUNS, is_stacked=True)


def _run(run: str, cleaning: Mapping[str, Any], unusable: Mapping[str, Any]) -> dict[str, Any]:
    targets = unusable.get("Targets")
    masked = masked_targets(unusable)
    confounds = cleaning.get("Confounds")
    return {
        "run": run,
        "volumes of the story": cleaning.get("Volumes"),
        "mean framewise displacement (mm)": cleaning.get("MeanFramewiseDisplacement"),
        "words": cleaning.get("Words"),
        "unaligned words": cleaning.get("UnalignedWords"),
        "censored volumes": cleaning.get("CensoredVolumes"),
        "interpolated volumes": cleaning.get("InterpolatedVolumes"),
        "confounds": "cleaned before" if cleaning.get("CleanedBefore") else len(confounds or ()),
        "targets": targets,
        "masked targets": masked,
        "masked": None if not targets or masked is None else f"{100 * masked / targets:.1f} %",
    }


def _repeated(all_results: Sequence[Results]) -> str:
    """Which stories were heard more than once, and what was done about it."""
    repeated = [entry for results in all_results for entry in results.noted(_descs(results), "Repeated") or ()]
    told = dict.fromkeys(
        f"{', '.join(entry.get('Stimuli', ()))}: {entry.get('Volumes')} volumes were heard more than once "
        f"({entry.get('Handled')})."
        for entry in repeated
        if isinstance(entry, dict)
    )
    return "".join(html.paragraph(text) for text in told)


def _descs(results: Results) -> list[str]:
    return [output.entities.get("desc", "") for output in results.outputs]
