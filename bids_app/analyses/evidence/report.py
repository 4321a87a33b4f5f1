"""The section on what the model adds to the nuisance band."""

from __future__ import annotations

import pandas as pd

from bids_app.report import html
from bids_app.report.features import FEATURES
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import Results
from bids_app.report.scales import signed_scale
from bids_app.report.scores import best_map, layer_of, passing, say_passing

_STATS = ("r", "mean")


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
    features = [FEATURES.get(name, name) for name in results.noted(("overnuisance",), "Features") or ()]
    caption = (
        f"What the model predicts beyond {', '.join(features) or 'the nuisance band'}, as gain in held-out r. "
        f"{say_passing(panels[0], gain, signed=True)} Red: gains; blue: losses."
    )
    scale = signed_scale([panel.values for panel in panels], "held-out r", 0.0)
    parts = [page.add_maps(panels, gain.geometry, scale, results, "overnuisance", caption)]
    parts += [_details(page, results, desc, title) for desc, title in _TABLES]
    return "\n".join(part for part in parts if part)


_TABLES = (
    ("overnuisance", "Table: gain over the nuisance band by region"),
    ("familiesovernuisance", "Table: gain of the families over the nuisance band by region"),
    ("drivers", "Table: what drives the sub-group of each network"),
)


def _details(page: Page, results: Results, desc: str, title: str) -> str:
    table: pd.DataFrame | None = results.table(desc)
    path = results.table_path(desc)
    if table is None or path is None:
        return ""
    return html.details(title, html.table(table) + f"<p>{page.link(path, path.name)}</p>")
