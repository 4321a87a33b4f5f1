"""The section on what the model adds to the nuisance band."""

from __future__ import annotations

import numpy as np
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
    parts.append(_drivers(page, results))
    return "\n".join(part for part in parts if part)


_TABLES = (
    ("overnuisance", "Table: gain over the nuisance band by region"),
    ("familiesovernuisance", "Table: gain of the families over the nuisance band by region"),
)
_MOST_PASSAGES = 5


def _drivers(page: Page, results: Results) -> str:
    """What drives the sub-group of each network: passages with the words that fire marked, and correlations."""
    variant = results.variants()[0]
    table, path = variant.table(variant.variant("drivers")), variant.table_path(variant.variant("drivers"))
    if table is None or path is None or table.empty:
        return ""
    blocks = [_of_network(str(network), rows) for network, rows in table.groupby("network", sort=False)]
    return html.details("What drives the sub-group of each network", "\n".join([*blocks, page.file(path)]))


def _of_network(network: str, rows: pd.DataFrame) -> str:
    """One network: how many families, passages where their mean is highest and lowest, correlations with features."""
    n_families = int(rows["families"].iloc[0])
    told = [
        f"{FEATURES.get(str(row['item']), str(row['item']))} {float(row['value']):.2f}"
        for _, row in rows[rows["measure"] == "correlation"].iterrows()
    ]
    followed = f" Its correlation r with features of words: {', '.join(told)}." if told else ""
    count = (
        f"{n_families} {'family is' if n_families == 1 else 'families are'} linked; their mean, deactive ones reversed."
    )
    parts = [html.heading(network), html.paragraph(count + followed)]
    for measure, title in (("highest", "Passages where it is highest"), ("lowest", "Passages where it is lowest")):
        listed = passages(rows[rows["measure"] == measure].head(_MOST_PASSAGES).rename(columns={"item": "passage"}))
        parts.append(html.minor(title) + listed if measure == "highest" else html.details(title, listed))
    return "\n".join(parts)


def passages(rows: pd.DataFrame) -> str:
    """A list of passages with the columns passage, story, onset and value; marked words stand in asterisks."""
    columns = (rows[name].tolist() for name in ("passage", "story", "onset", "value"))
    items = "".join(
        f"<li>… {html.marked(str(passage))} … <small>{html.escape(str(story))}, "
        f"{f'{onset:.0f} s' if np.isfinite(onset) else 'at a word without a time'}, value {value:.1f}</small></li>"
        for passage, story, onset, value in zip(*columns, strict=True)
    )
    return f'<ol class="passages">{items}</ol>'


def _details(page: Page, results: Results, desc: str, title: str) -> str:
    table: pd.DataFrame | None = results.table(desc)
    path = results.table_path(desc)
    if table is None or path is None:
        return ""
    return html.details(title, html.table(table) + page.file(path))
