"""The summary table of a report: the most important numbers, one row per recording and model."""

from __future__ import annotations

from collections.abc import Sequence

from bids_app.analyses.record import Cell
from bids_app.report import html
from bids_app.report.results import Results


def summary_table(all_results: Sequence[Results], titles: Sequence[str], cells: Sequence[Cell]) -> str:
    """A table with one row per recording and model, without empty columns; "" where all are empty."""
    rows = [[cell.text(results) for cell in cells] for results in all_results]
    shown = [column for column in range(len(cells)) if any(row[column] for row in rows)]
    if not shown:
        return ""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in ["data", *(cells[i].heading for i in shown)])
    body = "\n".join(
        f'<tr><th scope="row">{html.escape(title)}</th>{"".join(_named(row[i], cells[i].heading) for i in shown)}</tr>'
        for row, title in zip(rows, titles, strict=True)
    )
    table = f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>"
    return f'<div class="scroll" tabindex="0"><table class="summary stacked">{table}</table></div>'


def _named(cell: str, heading: str) -> str:
    """A cell that knows the name of its column, for narrow screens."""
    return (cell or "<td>–</td>").replace("<td", f'<td data-name="{html.escape(heading)}"', 1)
