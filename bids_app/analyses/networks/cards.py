"""What the analysis of networks knows of each family or atom: its links, its layers, its map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.networks.family_maps import FamilyMaps, family_maps
from bids_app.analyses.networks.link_tables import PARTS, Links, as_bool, read_links, short_name
from bids_app.bids.entities import build_name
from bids_app.report import html, svg
from bids_app.report.cards import CardPart, Fact
from bids_app.report.figures import strip
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import Results

Array = npt.NDArray[Any]
_MOST_PICTURES = 24  # of linked families; the maps of all are in the interactive view


def cards(page: Page, results: Results) -> Mapping[str, CardPart]:
    """The part of each family's card, by number; empty without a table of links."""
    table = results.table(results.atoms)
    if table is None or table.empty:
        return {}
    parts = read_links(table)
    layers = _layers(page.out_dir, results)
    pictures = _pictures(parts, family_maps(page, results, parts))
    rows = table.rename(columns={"family": "atom"}).astype({"atom": str})
    linked = rows[as_bool(rows["linked"])]
    found = {}
    for place, name in enumerate(parts[0].atoms):
        number = short_name(name)
        bodies = [_links_table(page, results, linked[linked["atom"] == name]), _layer_chart(layers, number)]
        facts = _facts(parts, place)
        picture = pictures.get(place, "")
        found[number] = CardPart(20, "\n".join(body for body in bodies if body), facts, (), _say(parts, place), picture)
    return found


def _say(parts: Sequence[Links], place: int) -> str:
    """The networks that a family is linked to."""
    return ", ".join(
        f"{part.networks[network]} {'↑' if part.part == PARTS[0] else '↓'}"
        for part in parts
        for network in np.flatnonzero(part.linked[place])
    )


def _facts(parts: Sequence[Links], place: int) -> dict[str, Fact]:
    facts = {}
    strongest = max(float(np.nan_to_num(part.strength[place]).max(initial=0.0)) for part in parts)
    measure = parts[0].measure
    sign = "P" if measure == "probability" else measure
    facts[f"strongest {measure}"] = Fact(strongest, f"{sign} {strongest:.2f}")
    n_links = sum(int(part.linked[place].sum()) for part in parts)
    facts["number of links"] = Fact(n_links, f"{n_links} link{'s' * (n_links != 1)}")
    if parts[0].rho is not None:
        rho = float(parts[0].rho[place])
        facts["reproducibility ρ"] = Fact(rho, f"ρ {rho:.2f}")
    shared = [part.sharing[place][part.linked[place]] for part in parts if part.sharing is not None]
    if shared and sum(len(one) for one in shared):
        most = float(np.concatenate(shared).max())
        facts["participants who share a link"] = Fact(most, f"shared by {most:.0f}")
    return facts


def _links_table(page: Page, results: Results, rows: pd.DataFrame) -> str:
    """The links of one family with probability, coefficient and q."""
    if rows.empty:
        return html.paragraph("It is linked to no network.", "missing")
    columns = (
        "network",
        "part",
        "probability",
        "coefficient",
        "dice",
        "gate_p",
        "p",
        "q",
        "t",
        "t_q",
        "participants",
        "replicated",
    )
    shown = rows[[name for name in columns if name in rows and rows[name].notna().any()]]
    names = list(dict.fromkeys(shown["network"].astype(str)))
    return html.minor("Links") + html.table(shown, page.network_colours(results, names))


def _layers(out_dir: Path, results: Results) -> tuple[pd.DataFrame, int] | None:
    """Neurons of the sub-group of each family by layer, and the number of layers; None without loadings."""
    model = results.entities.get("model")
    path = out_dir / build_name({"model": str(model), "desc": results.atoms}, "loadings", ".parquet")
    if not model or not path.is_file():
        return None
    loadings = pd.read_parquet(path)
    singular = "family" if "family" in loadings else "atom"
    counts = loadings.groupby([loadings[singular].astype(str), "layer"]).size().unstack(fill_value=0)
    return counts, int(loadings["layer"].max())


def _layer_chart(layers: tuple[pd.DataFrame, int] | None, number: str) -> str:
    if layers is None or number not in layers[0].index:
        return ""
    row = layers[0].loc[number]
    counts = {int(str(layer)): int(count) for layer, count in zip(row.index, row.to_numpy(dtype=int), strict=True)}
    told = ", ".join(f"layer {layer}: {count}" for layer, count in counts.items() if count)
    total = sum(counts.values())
    return html.minor(f"Layers of its {total:,} neurons") + svg.draw_layers(counts, layers[1], f"Neurons: {told}.")


def _pictures(parts: Sequence[Links], maps: FamilyMaps | None) -> dict[int, str]:
    """Small pictures of the maps of the most strongly linked families, by their place."""
    if maps is None:
        return {}
    linked = np.any([part.linked.any(axis=1) for part in parts], axis=0)
    strength = np.max([np.nan_to_num(part.strength).max(axis=1) for part in parts], axis=0)
    ranked = [int(place) for place in np.argsort(-strength, kind="stable") if linked[place]]
    pictures = {}
    for place in ranked[:_MOST_PICTURES]:
        source = strip(Panel("", maps.values[place]), maps.geometry, maps.scale(place))
        if source:
            alt = f"Map of number {short_name(parts[0].atoms[place])}: red rises with the time course, blue falls."
            pictures[place] = f'<img class="strip" src="{source}" alt="{html.escape(alt)}">'
    return pictures
