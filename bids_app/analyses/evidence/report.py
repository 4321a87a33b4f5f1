"""The sections of the evidence: the panel, and what the model adds to the nuisance band."""

from __future__ import annotations

import pandas as pd

from bids_app.report import html
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import Results
from bids_app.report.scales import signed_scale
from bids_app.report.scores import best_map, layer_of, passing, say_passing

_STATS = ("r", "mean")
_COLOURS = {"passed": "#1a7f37", "open": "#9a6700", "failed": "#b42318"}
_MOST_ROWS = 60


def evidence_panel(page: Page, results: Results) -> str:
    """The panel as a table: what is claimed, what speaks for it, and what is open."""
    table = results.table("evidence")
    if table is None or table.empty:
        return html.missing("No evidence panel: this recording was analysed without --analysis evidence.")
    counts = table["outcome"].value_counts()
    told = ", ".join(f"{counts.get(outcome, 0)} {outcome}" for outcome in _COLOURS)
    path = results.table_path("evidence")
    shown = table[["claim", "check", "outcome", "value", "measure", "reason"]]
    return "\n".join(
        [
            html.paragraph(f"{told}.", "takeaway"),
            html.table(shown, colours=_COLOURS, most_rows=_MOST_ROWS),
            "" if path is None else f"<p>{page.link(path, path.name)}</p>",
        ]
    )


def over_nuisance(page: Page, results: Results) -> str:
    """Maps of the gain over the nuisance band beside the band alone, and the table per region."""
    gain = results.maps("overnuisance", _STATS)
    if gain is None:
        return html.missing("No gain over the nuisance band: this recording has no map of it.")
    row = best_map(gain)
    panels = [
        Panel(
            f"Gain of layer {layer_of(gain.names[row])} over the nuisance band",
            gain.values[row],
            passing(results, gain, "overnuisance", row),
        )
    ]
    band = results.maps("nuisance", _STATS)
    alone = None if band is None else results.like(gain, "nuisance", band.stat)
    if alone is not None and band is not None:
        panels.append(Panel("Nuisance band alone", alone[0], passing(results, band, "nuisance", 0)))
    features = [_FEATURES.get(name, name) for name in results.noted(("overnuisance",), "Features") or ()]
    caption = (
        f"What the model predicts beyond {', '.join(features) or 'the nuisance band'}, as gain in held-out r. "
        f"{say_passing(panels[0], gain, signed=True)} Red: gains; blue: losses."
    )
    scale = signed_scale([panel.values for panel in panels], "held-out r", 0.0)
    parts = [page.add_maps(panels, gain.geometry, scale, results, "overnuisance", caption)]
    parts += [_details(page, results, desc, title) for desc, title in _TABLES]
    return "\n".join(part for part in parts if part)


_FEATURES = {
    "wordrate": "word rate",
    "length": "word length",
    "frequency": "word frequency",
    "storyposition": "position in the story",
    "sentenceposition": "position in the sentence",
    "envelope": "acoustic envelope",
}
_TABLES = (
    ("overnuisance", "Table: gain over the nuisance band by region"),
    ("familiesovernuisance", "Table: gain of the families over the nuisance band by region"),
    ("timing", "Table: timing of each run"),
    ("leaks", "Table: leak alarm"),
    ("drivers", "Table: what drives the sub-group of each network"),
)


def _details(page: Page, results: Results, desc: str, title: str) -> str:
    table: pd.DataFrame | None = results.table(desc)
    path = results.table_path(desc)
    if table is None or path is None:
        return ""
    return html.details(title, html.table(table) + f"<p>{page.link(path, path.name)}</p>")


def panel_cell(results: Results) -> str:
    """How many checks of the panel pass."""
    table = results.table("evidence")
    if table is None or table.empty:
        return ""
    counts = table["outcome"].value_counts()
    failed = f"{counts.get('failed', 0)} failed, {counts.get('open', 0)} open"
    return html.cell(f"{counts.get('passed', 0)} of {len(table)}", failed)
