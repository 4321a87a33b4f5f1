"""The evidence panel of a page: in short beside the first picture, and as a table; checks of the data."""

from __future__ import annotations

import pandas as pd

from bids_app.report import html
from bids_app.report.page import Page
from bids_app.report.results import Results

COLOURS = {"passed": "#1a7f37", "open": "#9a6700", "failed": "#b42318"}
_SIGNS = {"passed": "✓", "open": "○", "failed": "✗"}  # not by colour alone
_MOST_ROWS = 60
_UNITS = {"sigma": "smoothing σ (volumes)", "lag": "lag (volumes)", "seconds": "lag (s)"}
# What a passed check says, where its name in the file needs a definition; docs/methods.md has both.
_NAMES = {
    "leak alarm": "folds do not leak",
    "timing": "runs are well timed",
    "held out": "predicts held-out data",
    "matched null": "more than by chance",
    "untrained model": "more than untrained",
    "nuisance band": "adds to word rate, length …",
    "stability": "same on odd and even folds",
    "driven by the nuisance band": "none is word rate, length …",
}


def beside(_: Page, results: Results) -> str:
    """The checks of each claim with their outcomes and numbers, the failed ones first."""
    table = results.table("evidence")
    if table is None or table.empty:
        return ""
    claims = [_claim(str(claim), rows) for claim, rows in table.groupby("claim", sort=False)]
    counts = _counted(table) + ("; numbers are means over participants" if "low" in table else "")
    return f'<h2>Evidence</h2><p class="count">{html.escape(counts)}</p>{"".join(claims)}' + (
        '<p><a href="#evidence">What each check means</a></p>'
    )


def _named(check: str) -> str:
    """A check in the words of somebody who has not read its definition."""
    return _NAMES.get(check, check)


def _counted(table: pd.DataFrame) -> str:
    counts = table["outcome"].value_counts()
    return ", ".join(f"{counts.get(outcome, 0)} {outcome}" for outcome in COLOURS)


def _claim(claim: str, rows: pd.DataFrame) -> str:
    order = {"failed": 0, "passed": 1, "open": 2}
    ranked = rows.assign(place=rows["outcome"].map(order)).sort_values("place", kind="stable")
    items = "".join(_item(row) for row in ranked.itertuples(index=False))
    return f'<h3>{html.escape(claim.capitalize())}</h3><ul class="checks">{items}</ul>'


def _item(row: object) -> str:
    outcome, check = str(getattr(row, "outcome", "")), str(getattr(row, "check", ""))
    value, measure = getattr(row, "value", float("nan")), str(getattr(row, "measure", ""))
    reason = str(getattr(row, "reason", ""))
    number = html.number(value)
    told = f"{measure}: {number}. {reason}" if number != "–" else reason
    shown = _short(float(value), measure) if number != "–" else "not run" if reason.startswith("not run") else "–"
    if outcome == "open" and measure.startswith("runs"):
        shown = (
            "cannot tell"  # no run follows the words closely enough to read its lag: that none is flagged says nothing
        )
    sign = f'<b aria-hidden="true">{_SIGNS.get(outcome, "")}</b><span class="sr">{html.escape(outcome)}: </span>'
    return (
        f'<li class="{html.escape(outcome)}" title="{html.escape(told)}">{sign}{html.escape(_named(check))} '
        f"<span>{html.escape(shown)}</span></li>"
    )


def _short(value: float, measure: str) -> str:
    """A value with what it is, in few letters.

    >>> _short(0.112, "share of vertices with q < 0.05"), _short(0.0731, "mean held-out r"), _short(2, "runs whose …")
    ('11 %', 'r 0.073', '2 flagged')
    """
    if measure.startswith(("share", "mean score over mean ceiling")):
        return f"{100 * value:.0f} %"
    if measure.startswith("runs"):
        return f"{value:.0f} flagged"
    return f"{'ρ' if 'rank correlation' in measure else 'r'} {html.number(value)}"


def evidence_panel(page: Page, results: Results) -> str:
    """The panel as a table: what is claimed, what speaks for it, and what is open."""
    table = results.table("evidence")
    if table is None or table.empty:
        return html.missing("No evidence panel: this recording was analysed without --analysis evidence.")
    path = results.table_path("evidence")
    shown = table[["claim", "check", "outcome", "value", "measure", "reason"]].assign(check=table["check"].map(_named))
    return "\n".join(
        [
            html.paragraph(f"{_counted(table)}.", "takeaway"),
            html.table(shown, colours=COLOURS, most_rows=_MOST_ROWS, is_stacked=True),
            "" if path is None else page.file(path),
        ]
    )


def panel_cell(results: Results) -> str:
    """How many checks of the panel pass."""
    table = results.table("evidence")
    if table is None or table.empty:
        return ""
    counts = table["outcome"].value_counts()
    failed = f"{counts.get('failed', 0)} failed, {counts.get('open', 0)} open"
    return html.cell(f"{counts.get('passed', 0)} of {len(table)}", failed)


def quality(page: Page, results: Results) -> str:
    """Timing of each run, and the leak alarm."""
    titles = (("timing", "Do the responses follow the words? Timing of each run"), ("leaks", "Leak alarm of the folds"))
    return "\n".join(table for desc, title in titles if (table := _checks(page, results, desc, title)))


def _checks(page: Page, results: Results, desc: str, title: str) -> str:
    table, path = results.table(desc), results.table_path(desc)
    if table is None or path is None or table.empty:
        return ""
    return (
        html.heading(title)
        + html.table(table.rename(columns=_UNITS), colours=COLOURS, is_stacked=True)
        + page.file(path)
    )


def held_out(table: pd.DataFrame) -> float | None:
    """Mean held-out r of the brain score."""
    rows = table[(table["claim"] == "brain score") & (table["check"] == "held out")]
    return None if rows.empty or pd.isna(rows["value"].iloc[0]) else float(rows["value"].iloc[0])


def passed(table: pd.DataFrame) -> float | None:
    """Checks that pass."""
    return float((table["outcome"] == "passed").sum()) if len(table) else None


def failed(table: pd.DataFrame) -> float | None:
    """Checks that fail."""
    return float((table["outcome"] == "failed").sum()) if len(table) else None
