"""Sections about the links of families, or atoms, with networks: matrix, maps of the strongest, sub-groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.networks import matrices
from bids_app.analyses.networks.family_maps import FamilyMaps, family_maps, offer_maps
from bids_app.analyses.networks.link_tables import (
    Links,
    as_bool,
    layer_shares,
    read_links,
    short_name,
    strongest_links,
    subgroup_summary,
    winning_networks,
)
from bids_app.bids.catalogue import STATISTICS
from bids_app.report import bars, html
from bids_app.report.figures import draw_maps, note_of, why_not_drawn
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.regions import network_regions
from bids_app.report.results import SIGNIFICANT, Results
from bids_app.report.scales import Categories, signed_scale

Array = npt.NDArray[Any]
_WHITE = (0.9, 1.1)  # mean z² of noise that the model of the noise describes
REPRODUCIBLE = 0.8  # as `encoding.dictionary.REPRODUCIBLE`, which reports do not import

MOST_ATOMS = 3
_MOST_NAMES = 4  # of networks in the answer
_NO_LINKS = "No table of links: this recording was analysed without networks or without an atlas."


def atom_networks(page: Page, results: Results) -> str:
    """The matrix of links between families, or atoms, and networks."""
    table = results.table(results.atoms)
    if table is None or table.empty:
        return html.missing(_NO_LINKS)
    parts = read_links(table)
    caption = (_families_caption if results.kind == "families" else _overlap_caption)(results, parts)
    if any(part.sharing is not None for part in parts):
        where = "Numbers" if matrices.shows_numbers(parts) else "In the table of links"
        caption += f" {where}: participants who have the link at the participant level."
    figure = matrices.draw_links(parts, page.network_colours(results, parts[0].networks), results.kind)
    alt = f"Matrix of networks by {results.kind}. {caption}"
    return page.add(figure, results, results.variant("links"), alt=alt, caption=caption, ending="svg")


def _families_caption(results: Results, parts: list[Links]) -> str:
    """How many families are reproducible, how many links are made, and how many of them are expected to be false."""
    rho = parts[0].rho
    opening = ""
    if rho is not None:
        opening = f"{int((rho >= REPRODUCIBLE).sum())} of {len(rho)} families are reproducible (ρ ≥ {REPRODUCIBLE:g}). "
    share = results.noted((results.atoms,), "ExpectedFalseShare")
    expected = "" if share is None else f" Expected share of false links: {_percent(share)}."
    return (
        f"{opening}{_counted_links(parts)}{expected} Colour: probability that the family carries the network's "
        "response, given all others; a frame marks a link." + _noise_sentence(results)
    )


def _noise_sentence(results: Results) -> str:
    """Check of the noise model: the mean z² of whitened residuals under shifts is 1 if it holds."""
    noted = results.noted((results.atoms,), "NoiseInflation") or {}
    inflation = {network: float(value) for network, value in noted.items() if value is not None}
    if not inflation:
        return ""
    off = [network for network, value in inflation.items() if not _WHITE[0] <= value <= _WHITE[1]]
    measured = (
        f" Noise after whitening: mean z² {min(inflation.values()):.2f} to {max(inflation.values()):.2f} (1: white)"
    )
    if off:
        return f"{measured}; outside {_WHITE[0]:g}–{_WHITE[1]:g}, so read probabilities with care: {', '.join(off)}."
    return f"{measured}."


def _overlap_caption(results: Results, parts: list[Links]) -> str:
    test = "permutation" if "seg" in results.entities else "spin"
    return (
        f"{_counted_links(parts)} Colour: overlap (Dice) of each atom's map with each network; a frame marks a link "
        f"({test} test, q < {SIGNIFICANT:g}). Published method (--links dice): its links cannot be trusted, because "
        "maps that merely resemble the right one pass the test."
    )


def _counted_links(parts: list[Links]) -> str:
    n_linked = sum(int(part.linked.sum()) for part in parts)
    names = linked_networks(parts)
    counted = f"{n_linked} {'link' if n_linked == 1 else 'links'}"
    return f"{counted} with {', '.join(names)}." if names else "No link was found."


def linked_networks(parts: list[Links]) -> list[str]:
    """The networks that have a link, in the order of the atlas."""
    linked = np.any([part.linked.any(axis=0) for part in parts], axis=0)
    return [name for name, has_link in zip(parts[0].networks, linked, strict=True) if has_link]


def atom_maps(page: Page, results: Results) -> str:
    """Where the linked networks appear, and the maps of the atoms with the strongest links.

    The interactive view gets the maps of all families, linked or not, of the dictionary that the cards describe.
    """
    table = results.table(results.atoms)
    parts = None if table is None or table.empty else read_links(table)
    maps = family_maps(page, results, parts)
    body = html.missing(_NO_LINKS) if parts is None else _linked_maps(page, results, parts, maps)
    if maps is not None and results.atoms == results.variants()[0].atoms:
        offer_maps(page, results, parts, maps)
    return body


def _linked_maps(page: Page, results: Results, parts: list[Links], maps: FamilyMaps | None) -> str:
    chosen = strongest_links(parts, MOST_ATOMS)
    if not chosen:
        return html.missing(f"None of the {results.kind} is linked to a network, so none is shown here.")
    if maps is None:
        return html.missing("No maps that match the table of links.")
    winner = _winner_figure(page, results, parts, maps)
    return f"{winner}\n{_strongest_figure(page, results, chosen, maps)}"


def _strongest_figure(page: Page, results: Results, chosen: list[tuple[int, int, Links]], maps: FamilyMaps) -> str:
    regions = network_regions(page.out_dir, maps.geometry)
    panels = [_atom_panel(part, atom, network, maps.values[atom], regions) for atom, network, part in chosen]
    cut = float(max(maps.cuts[atom] for atom, _, _ in chosen))
    scale = signed_scale([panel.values for panel in panels], STATISTICS[maps.stat].label, cut)
    reason = why_not_drawn(maps.geometry, scale)
    if reason:
        return html.missing(reason)
    shown = "" if maps.geometry.kind == "parcels" else f", where beyond ±{cut:.2g}"
    caption = (
        f"Maps of the {len(panels)} {results.kind} with the strongest links{shown}: red rises with the time course "
        "(active part), blue falls (deactive part)."
        + (" Outlined: the network in question." if any(panel.outline is not None for panel in panels) else "")
    )
    caption = f"{caption} {note_of(maps.geometry)}".strip()
    alt = f"{caption} " + "; ".join(panel.title for panel in panels)
    return page.add(
        draw_maps(panels, maps.geometry, scale), results, results.variant("strongest"), alt=alt, caption=caption
    )


def _atom_panel(part: Links, atom: int, network: int, values: Array, regions: dict[str, Array]) -> Panel:
    name = part.networks[network]
    noun = "Atom" if part.rho is None else "Family"
    rho = "" if part.rho is None else f", ρ {part.rho[atom]:.2f}"
    strength = f"{part.measure} {part.strength[atom, network]:.2f}{rho}"
    title = f"{noun} {short_name(part.atoms[atom])}: {name}, {part.part} ({strength})"
    return Panel(title, values, outline=regions.get(name))


def _winner_figure(page: Page, results: Results, parts: list[Links], maps: FamilyMaps) -> str:
    linked = linked_networks(parts)
    palette = page.network_colours(results, parts[0].networks)
    colouring = Categories("network", tuple(linked), tuple(palette[name] for name in linked))
    if why_not_drawn(maps.geometry, colouring):
        return ""
    place = {name: position for position, name in enumerate(linked)}
    positions = np.array([place.get(name, np.nan) for name in parts[0].networks] + [np.nan])
    winner = positions[np.nan_to_num(winning_networks(parts, maps.values, maps.cuts), nan=-1).astype(int)]
    caption = (
        f"Each location in the colour of the network whose linked {results.kind} are strongest there; grey where none "
        f"passes the threshold ({100 * np.isfinite(winner).mean():.0f} % of the map is coloured)."
    )
    caption = f"{caption} {note_of(maps.geometry)}".strip()
    panel = Panel(f"Networks of the linked {results.kind}", winner)
    page.offer(results, panel, maps.geometry, colouring)
    figure = draw_maps([panel], maps.geometry, colouring)
    return page.add(figure, results, results.variant("winner"), alt=caption, caption=caption)


def subgroups(page: Page, results: Results) -> str:
    """In which layers the neurons of each network's sub-group lie."""
    table = results.table(results.variant("subgroups"))
    if table is None or table.empty:
        return html.missing(f"No sub-groups of neurons: none of the {results.kind} is linked to a network.")
    shares = layer_shares(table)
    if shares.empty:
        return html.missing(f"No sub-groups of neurons: none of the {results.kind} is linked to a network.")
    told = "; ".join(f"{network}: layer {layer}" for network, layer in shares.idxmax(axis=1).items())
    caption = (
        "In which layers the neurons of each network's sub-group lie, in per cent of the sub-group; "
        "dashed: an even spread over the layers."
    )
    alt = f"{caption} Fullest layers: {told}."
    figure = bars.draw_layers(shares, page.network_colours(results, [str(network) for network in shares.index]))
    return page.add(figure, results, results.variant("subgroups"), alt=alt, caption=caption, ending="svg")


def tables(page: Page, results: Results) -> str:
    """Links, sub-groups and organisation as tables, each with a link to its file."""
    parts = [
        _table(page, results, results.atoms, "Links", _only_linked),
        _table(page, results, results.variant("subgroups"), "Sub-groups of neurons", subgroup_summary),
        _table(page, results, results.variant("organisation"), "Organisation of the model", lambda rows: rows),
    ]
    return "\n".join(part for part in parts if part) or html.missing("No tables of networks.")


def _table(page: Page, results: Results, what: str, title: str, shorten: Callable[[pd.DataFrame], pd.DataFrame]) -> str:
    rows, path = results.table(what), results.table_path(what)
    if rows is None or path is None or rows.empty:
        return ""
    rows = shorten(rows)
    names = list(dict.fromkeys(rows["network"].astype(str)))
    body = html.table(rows, page.network_colours(results, names))
    return html.details(f"{title} ({len(rows)} rows)", body + page.file(path))


def _only_linked(rows: pd.DataFrame) -> pd.DataFrame:
    strength = "probability" if "probability" in rows else "dice"
    return rows[as_bool(rows["linked"])].drop(columns="linked").sort_values(strength, ascending=False)


def answer(results: Results) -> str:
    """How many families carry which networks, in a sentence; "" without a table of links."""
    table = results.table(results.atoms)
    if table is None or table.empty or results.atoms.endswith("Shifted"):
        return ""
    parts = read_links(table)
    n_atoms = int(np.any([part.linked.any(axis=1) for part in parts], axis=0).sum())
    names = linked_networks(parts)
    groups = f"{len(parts[0].atoms)} {results.kind} of the model's neurons"
    if not names:
        return f"None of the {groups} is linked to a network."
    share = results.noted((results.atoms,), "ExpectedFalseShare")
    expected = "" if share is None else f"; {_percent(share)} of these links are expected to be false"
    verb = "carry the response of" if results.kind == "families" else "overlap with"
    some = f"{n_atoms} of the {groups}"
    if n_atoms == 1:
        some, verb = f"One of the {groups}", verb.replace("carry", "carries").replace("overlap", "overlaps")
    shown = ", ".join(names[:_MOST_NAMES]) + ", …" * (len(names) > _MOST_NAMES)
    networks = f"{len(names)} networks ({shown})" if len(names) > 1 else f"the network {shown}"
    return f"{some} {verb} {networks}{expected}."


def _percent(share: object) -> str:
    """An expected share in percent, never as none: the sidecars round to four digits, and no link is certain.

    >>> _percent(0.004), _percent(0.036), _percent(0)
    ('less than 1 %', '4 %', 'less than 1 %')
    """
    percent = 100 * float(str(share))
    return "less than 1 %" if percent < 1 else f"{percent:.0f} %"


def count_links(table: pd.DataFrame) -> float | None:
    """The number of links in a table of them."""
    return float(as_bool(table["linked"]).sum()) if "linked" in table else None


def links_cell(results: Results) -> str:
    """How many links there are, of how many families to how many networks, and the share expected to be false."""
    table = results.table(results.atoms)
    if table is None or table.empty:
        return ""
    parts = read_links(table)
    n_links = sum(int(part.linked.sum()) for part in parts)
    n_atoms = int(np.any([part.linked.any(axis=1) for part in parts], axis=0).sum())
    n_networks = len(linked_networks(parts))
    counted = f"{n_atoms} of {len(parts[0].atoms)} {results.kind}, {n_networks} of {len(parts[0].networks)} networks"
    share = results.noted((results.atoms,), "ExpectedFalseShare")
    expected = "" if share is None else f"; {_percent(share)} expected false"
    return html.cell(str(n_links), counted + expected)
